"""How long requests may be. AWS Batch takes longer overrides and fails the job afterwards; the rest it refuses."""

import json
from collections.abc import Iterator
from typing import Any

from steprelay_core.spec import Batch, Problem, Step

OVERRIDES_LIMIT = 8_192
DEFINITION_LIMIT = 24 * 1024
REQUEST_LIMIT = 30 * 1024
# SubmitJob names the definition by its ARN, which is known only once it is registered.
_ARN_ROOM = 160
_NAMED = 3


def size_problems(
    path: str, step: Step, batch: Batch, definition: dict[str, Any], submit: dict[str, Any]
) -> Iterator[Problem]:
    """What is too long for Batch, each with the parts that make it long."""
    overrides = _length(submit.get("containerOverrides") or submit["nodeOverrides"])
    if overrides > OVERRIDES_LIMIT:
        parts = _longest({"command": step.command, "environment": step.environment})
        yield Problem(
            f"{path}.{next(iter(parts))}",
            f"Batch takes {OVERRIDES_LIMIT} characters of command and environment, these are {overrides}",
            "put them into a script of the image",
        )
    if _length(definition) > DEFINITION_LIMIT:
        parts = _longest(_defining(batch))
        yield Problem(
            f"{path}.batch.{next(iter(parts))}",
            f"a job definition has at most {DEFINITION_LIMIT} characters, this one {_length(definition)}",
            "shorten " + ", ".join(f"{name} ({length})" for name, length in parts.items()),
        )
    request = _length(submit) + _ARN_ROOM
    if request > REQUEST_LIMIT:
        yield Problem(
            f"{path}.batch.aws_batch_tags",
            f"SubmitJob takes {REQUEST_LIMIT} characters, with these tags it has {request}",
            "shorten the tags, or drop some",
        )


def _defining(batch: Batch) -> dict[str, Any]:
    """The parameters that go into a definition."""
    extras = {name: field.json_schema_extra for name, field in Batch.model_fields.items()}
    return {
        name: value
        for name, value in batch.model_dump(mode="json", exclude_defaults=True).items()
        if isinstance(extra := extras[name], dict) and str(extra["request"]).startswith("register_job_definition")
    }


def _longest(parts: dict[str, Any]) -> dict[str, int]:
    lengths = {name: _length(value) for name, value in parts.items()}
    return dict(sorted(lengths.items(), key=lambda part: -part[1])[:_NAMED])


def _length(part: Any) -> int:
    """Bytes, with the spaces that some writers put in: no count that AWS may make is higher."""
    return len(json.dumps(part, ensure_ascii=False).encode())
