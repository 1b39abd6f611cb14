"""Whether a configured value is what its setting takes, by the same kinds as the decorator's."""

from typing import Annotated, Any

from pydantic import Field, StrictStr, ValidationError

from steprelay.config.values import Found
from steprelay_core.spec import Problem
from steprelay_core.spec.allowed import explain
from steprelay_core.spec.batch import Queues, Role, TagName
from steprelay_core.spec.schema import json_schema
from steprelay_core.spec.types import Model, Text, text_like

_HINTS = {
    "queue": "several queues: commas between them in the environment, a list in pyproject.toml",
    "tags": 'in the environment a JSON object, {"Team": "data"}; in pyproject.toml a table, {Team = "data"}',
    "registry": "for example 123456789012.dkr.ecr.us-east-1.amazonaws.com",
}


class _Settings(Model):
    queue: Queues | None = None
    image: Annotated[StrictStr, Field(min_length=1, max_length=255)] | None = None
    registry: Annotated[StrictStr, text_like(r"^(?!\w+://)\S+$", "the host of a registry, without https://")] | None = (
        None
    )
    iam_role: Role | None = None
    execution_role: Role | None = None
    tags: dict[TagName, Annotated[StrictStr, Field(max_length=256)]] | None = None
    stack: Text | None = None


def checked(found: Found) -> tuple[Any, list[Problem]]:
    """The value in its normal form, and what is wrong with it."""
    try:
        settings = _Settings.model_validate({found.field: found.value})
    except ValidationError as error:
        faults = explain(json_schema(_Settings), error.errors(include_url=False))
        hint = _HINTS.get(found.field)
        # The field's name is ours; people know it by the name in front.
        said = [(fault.message.removeprefix(repr(found.field)).lstrip(), fault.hint or hint) for fault in faults]
        return None, [Problem(found.name, message, advice) for message, advice in said]
    return getattr(settings, found.field), []
