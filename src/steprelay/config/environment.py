"""Settings in environment variables."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from steprelay.config.names import PROFILE as PROFILE_NAME
from steprelay.config.names import SETTINGS, STACK
from steprelay.config.values import Found

if TYPE_CHECKING:
    from steprelay_core.spec import Problem

OURS = "STEPRELAY_"
METAFLOWS = "METAFLOW_"
PROFILE = f"{OURS}{PROFILE_NAME}"
# Our variables for AWS Batch begin like this: one that is none of them is misspelt.
_FAMILIES = (f"{OURS}BATCH_", f"{OURS}ECS_")


def read_environment(env: Mapping[str, str]) -> "tuple[list[Found], list[Problem]]":
    """The settings in order of precedence, and what is wrong with them. An empty variable counts as not set."""
    found = [
        Found(field, _value(field, env[variable]), f"environment {variable}", f"environment {variable}")
        for variable, field in _variables()
        if env.get(variable, "").strip()
    ]
    known = dict(_variables())
    unknown = [name for name in env if name.startswith(_FAMILIES) and name not in known]
    return found, [_unknown(name, list(known)) for name in unknown]


def _variables() -> Iterator[tuple[str, str]]:
    for prefix in (OURS, METAFLOWS):
        for name, field in SETTINGS.items():
            yield f"{prefix}{name}", field
    yield f"{OURS}{STACK}", "stack"


def _value(field: str, text: str) -> Any:
    """Several queues are separated by commas; tags are JSON, and what is none is left for the check to refuse."""
    if field == "queue":
        return [queue for part in text.split(",") if (queue := part.strip())]
    if field == "tags":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text.strip()


def _unknown(name: str, known: list[str]) -> "Problem":
    from steprelay_core.spec import Problem, nearest

    ours = [variable for variable in known if variable.startswith(OURS)]
    return Problem(
        f"environment {name}", "there is no such setting", nearest(name, ours) or f"known: {', '.join(ours)}"
    )
