"""The runner bundle."""

import io
import zipfile

import pytest

from steprelay.runner.bundle import build_bundle, bundle_name


@pytest.fixture(scope="module")
def names() -> list[str]:
    return zipfile.ZipFile(io.BytesIO(build_bundle().body)).namelist()


def test_it_is_the_same_bytes_each_time() -> None:
    assert build_bundle() == build_bundle()


def test_its_name_is_known_without_building_it() -> None:
    assert build_bundle().name == bundle_name()
    assert bundle_name().startswith("runner/")
    assert bundle_name().endswith(".zip")


def test_it_holds_the_sdk_and_the_runner_and_nothing_else_of_steprelay(names: list[str]) -> None:
    ours = {name.split("/")[1] for name in names if name.startswith("steprelay/")}
    assert ours == {"__init__.py", "sdk", "runner"}
    assert {"steprelay/sdk/flow.py", "steprelay/runner/main.py"} <= set(names)


def test_it_holds_boto3_only_as_far_as_s3_needs_it(names: list[str]) -> None:
    assert {name.split("/")[1] for name in names if name.startswith("_vendor/")} == {
        "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3",
    }  # fmt: skip
    services = {
        name.split("/")[3] for name in names if name.startswith("_vendor/botocore/data/") and name.count("/") > 3
    }
    assert services == {"s3", "sts"}


def test_it_is_small() -> None:
    assert len(build_bundle().body) < 2 * 1024 * 1024
