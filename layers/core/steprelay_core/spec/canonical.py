"""The one way a spec is written down, so that the same flow always gives the same bytes."""

import json
from typing import Any

from steprelay_core.spec.models import Spec


def canonical_json(spec: Spec) -> bytes:
    """The spec as compact UTF-8 JSON without defaults.

    Keys are sorted, but for those whose order says something: the fields of the whole as the models name them, and
    steps and parameters as they were written, which is the order people and joins see them in.
    """
    document = spec.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    ordered = {key: _sorted_within(key, value) for key, value in document.items()}
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _sorted_within(key: str, value: Any) -> Any:
    if key in {"steps", "parameters"}:
        return {name: _sorted(inner) for name, inner in value.items()}
    return _sorted(value)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
