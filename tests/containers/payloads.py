"""The payloads of events/, `events/<function's folder>/<case>.json`, and what must come of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tools.containers.places import EVENTS, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The names that payloads give to the relay's resources, and where a function is told the deployed ones.
_EXAMPLE_NAMES = {
    "steprelay-packages": "STEPRELAY_PACKAGE_BUCKET",
    "steprelay-data": "STEPRELAY_DATA_BUCKET",
}


@dataclass(frozen=True)
class Expected:
    """What an invocation must bring: a part of its response, and words of its log."""

    response: Mapping[str, Any] = field(default_factory=dict)
    log: tuple[str, ...] = ()


_ONE_ITEM_COMES_AGAIN = Expected({"batchItemFailures": [{}]})

# By case; all others as `usual` says.
_EXPECTED = {
    # Light steps have no permission to send to a dead-letter queue: SQS moves such a message after its last receive.
    "light_step/poison_member_not_a_number": _ONE_ITEM_COMES_AGAIN,
    "light_step/poison_no_brief": _ONE_ITEM_COMES_AGAIN,
    "light_step/poison_not_json": _ONE_ITEM_COMES_AGAIN,
    # The run that these speak of is not there, and so neither is the brief.
    "light_step/step": _ONE_ITEM_COMES_AGAIN,
    "light_step/step_in_foreach": _ONE_ITEM_COMES_AGAIN,
    "light_step/steps_in_wide_foreach": _ONE_ITEM_COMES_AGAIN,
    # These bring their brief along, and are carried out.
    "light_step/exit_hook": Expected({"batchItemFailures": []}, ("light step ended", "succeeded")),
    "light_step/step_with_brief": Expected({"batchItemFailures": []}, ("light step ended", "succeeded")),
    "light_step/fallback": Expected({"batchItemFailures": []}, ("light step ended", "succeeded")),
}


def payloads() -> list[Path]:
    """Every payload, in order."""
    return sorted(EVENTS.glob("*/*.json"))


def case(payload: Path) -> str:
    """Its name in tests: folder and file, as in `sweep/rate`."""
    return payload.relative_to(EVENTS).with_suffix("").as_posix()


def function_of(payload: Path) -> str:
    """The logical id of the function that takes it: `package_uploaded` → `PackageUploadedFunction`."""
    return "".join(word.capitalize() for word in payload.parent.name.split("_")) + "Function"


def expected(payload: Path) -> Expected:
    """What must come of it."""
    return _EXPECTED.get(case(payload)) or usual(json.loads(payload.read_text()))


def usual(event: Mapping[str, Any]) -> Expected:
    """What must come of any event: no error, and of a batch no item that failed."""
    return Expected({"batchItemFailures": []}) if "Records" in event else Expected()


def with_deployed_names(payload: Path, variables: Mapping[str, str]) -> str:
    """The payload's text with the example names replaced by those of the deployed stack."""
    text = payload.read_text()
    for example, variable in _EXAMPLE_NAMES.items():
        text = text.replace(example, variables.get(variable, example))
    return text


def functions_of_the_template() -> set[str]:
    """Logical ids of the functions in template.yaml."""
    resources = yaml.load(TEMPLATE.read_text(), _TemplateLoader)["Resources"]
    return {name for name, resource in resources.items() if resource["Type"] == "AWS::Serverless::Function"}


def differences(expected: object, actual: object, at: str = "response") -> list[str]:
    """Where `actual` lacks what is expected: a dict may hold more, a list may not."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [line for key in expected for line in differences(expected[key], actual.get(key), f"{at}.{key}")]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for n, (one, other) in pairs for line in differences(one, other, f"{at}[{n}]")]
    return [] if expected == actual else [f"{at}: expected {expected!r}, got {actual!r}"]


class _TemplateLoader(yaml.SafeLoader):
    """Reads a template's structure; the values of !Ref and its like are left out."""


_TemplateLoader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
