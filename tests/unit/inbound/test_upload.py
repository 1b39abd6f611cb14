"""S3's events, as uploads."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.inbound import Ignored, Unreadable, Upload, read_upload
from tests.fakes.payloads import bodies


def read(case: str) -> Upload | Ignored:
    return read_upload(bodies("package_uploaded", case)[0])


def event(**object_: Any) -> str:
    raw = json.loads(bodies("package_uploaded", "run")[0])
    raw["detail"]["object"] |= object_
    return json.dumps(raw)


def test_an_upload_is_one_version_of_one_object() -> None:
    upload = read("run")
    assert isinstance(upload, Upload)
    assert (upload.bucket, upload.key, upload.purpose) == ("steprelay-packages", "run/robust.tar.gz", "run")
    assert upload.version
    assert upload.sequencer


def test_the_prefix_tells_running_from_deploying() -> None:
    upload = read("deploy")
    assert isinstance(upload, Upload)
    assert upload.purpose == "deploy"


def test_a_bucket_without_versions_leaves_the_sequencer() -> None:
    upload = read("run_without_version")
    assert isinstance(upload, Upload)
    assert upload.version is None
    assert upload.sequencer


def test_a_key_is_taken_as_it_is_since_eventbridge_does_not_encode_it() -> None:
    upload = read("key_with_spaces_and_plus")
    assert isinstance(upload, Upload)
    assert upload.key == "run/müller/my flow + data 100%.tar.gz"


@pytest.mark.parametrize("etag", ["abc", '"abc"'])
def test_the_etag_loses_its_quotes(etag: str) -> None:
    upload = read_upload(event(etag=etag))
    assert isinstance(upload, Upload)
    assert upload.etag == "abc"


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("folder", "is a folder"),
        ("elsewhere", "is not under run/ or deploy/"),
        ("other_detail_type", "'Object Deleted' is not the creation"),
    ],
)
def test_what_is_no_package_is_ignored_with_the_reason(case: str, says: str) -> None:
    upload = read(case)
    assert isinstance(upload, Ignored)
    assert says in upload.reason


@pytest.mark.parametrize("case", ["poison_not_json", "poison_no_object", "poison_s3_notification"])
def test_what_is_broken_is_unreadable(case: str) -> None:
    with pytest.raises(Unreadable):
        read(case)


@pytest.mark.parametrize("object_", [{"key": ""}, {"key": None}, {"version-id": 7}, {"size": "large"}])
def test_an_object_of_the_wrong_shape_is_unreadable(object_: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="the S3 event is not complete: object"):
        read_upload(event(**object_))


@given(st.text())
def test_no_text_whatever_raises_anything_but_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        read_upload(body)
