"""Which image a step runs in."""

from dataclasses import replace

import pytest

from steprelay_core.spec import validate_spec
from steprelay_core.translate import with_registry
from tests.unit.translate.requests import DEFAULTS, container, problems, request


def test_the_image_is_the_steps_before_the_relays_before_the_packagers_python() -> None:
    relay = replace(DEFAULTS, image="relay-image")
    assert container({"image": "step-image"}, defaults=relay)["image"] == "step-image"
    assert container({}, defaults=relay)["image"] == "relay-image"
    assert container({})["image"] == "python:3.12"


def test_without_a_python_class_the_image_is_some_python() -> None:
    steps = {"start": {"command": ["./run.sh"], "batch": {}}}
    flow = validate_spec({"spec_version": 1, "flow": "Demo", "steps": steps})
    assert request(flow).definition["containerProperties"]["image"] == "python:3.13"


@pytest.mark.parametrize(
    ("image", "prefixed"),
    [
        ("python:3.12", "registry.example.com/python:3.12"),
        ("team/app", "registry.example.com/team/app"),
        ("team/app@sha256:0a1b", "registry.example.com/team/app@sha256:0a1b"),
        ("quay.io/team/app", None),
        ("host:5000/app", None),
        ("localhost/app", None),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1", None),
    ],
)
def test_a_registry_goes_before_images_that_name_none(image: str, prefixed: str | None) -> None:
    assert with_registry(image, "registry.example.com") == (prefixed or image)
    assert with_registry(image, "registry.example.com/") == (prefixed or image)
    assert with_registry(image, None) == with_registry(image, "") == image


def test_the_relays_registry_serves_images_of_the_step_of_the_relay_and_built_in() -> None:
    relay = replace(DEFAULTS, registry="r.example.com")
    assert container({"image": "mine"}, defaults=relay)["image"] == "r.example.com/mine"
    assert container({"image": "quay.io/mine"}, defaults=relay)["image"] == "quay.io/mine"
    assert container({}, defaults=replace(relay, image="relays"))["image"] == "r.example.com/relays"
    assert container({}, defaults=relay)["image"] == "r.example.com/python:3.12"


def test_an_image_that_a_registry_makes_too_long_is_refused() -> None:
    assert container({"image": "i" * 255})
    (problem,) = problems("ec2", {"image": "i" * 255}, defaults=replace(DEFAULTS, registry="r.io"))
    assert problem.startswith("steps.train.batch.image: Batch takes 255 characters, the image has 260")


def test_the_relays_own_image_is_held_to_batchs_length() -> None:
    (problem,) = problems("ec2", {}, defaults=replace(DEFAULTS, image="i" * 256))
    assert "255 characters, the image has 256" in problem


def test_signs_that_no_image_has_are_refused() -> None:
    (problem,) = problems("fargate", {"image": "my image:1"})
    assert problem.startswith("steps.train.batch.image: no image is called 'my image:1'")
