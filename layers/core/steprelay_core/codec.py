"""State as JSON text for storage, and back.

The dataclasses are the format: a field is a key. Keys that this code does not know are left alone, and keys that
an older relay did not write take their defaults, so fields may be added freely. Anything else raises SCHEMA, and
reading the schema before it stays here.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from steprelay_core.commands import Command
from steprelay_core.state.model import Group, Run
from steprelay_core.state.outcome import Outcome, OutcomeFailure

SCHEMA = 1

T = TypeVar("T")
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
# Several commands have the same fields: only `kind` tells them apart.
_Commands = tuple[Annotated[Command, Field(discriminator="kind")], ...]


class UnreadableState(Exception):
    """Stored state that this code cannot read, written by a newer relay or by something else."""


def encode(value: Any) -> str:
    """A dataclass of the state as a JSON object. Lone surrogates in texts, which UTF-8 cannot store, become `?`."""
    document = {"schema": SCHEMA, **_adapter(type(value)).dump_python(value)}
    return _text(document)


def decode(kind: type[T], text: str) -> T:
    """What `encode` made of a value of this type.

    Raises:
        UnreadableState: if it has a newer schema or is not such a value.
    """
    value: T = _validated(_adapter(kind), _document(text), kind.__name__)
    return value


def encode_commands(commands: Sequence[Command]) -> str:
    """The commands of an outbox entry as a JSON object."""
    return _text({"schema": SCHEMA, "commands": _adapter(_Commands).dump_python(tuple(commands))})


def decode_commands(text: str) -> tuple[Command, ...]:
    """What `encode_commands` made.

    Raises:
        UnreadableState: if it has a newer schema or holds an unknown command.
    """
    commands: tuple[Command, ...] = _validated(_adapter(_Commands), _document(text).get("commands"), "commands")
    return commands


def decode_outcome(body: bytes | str, attempt: int) -> Outcome:
    """An outcome as a container left it.

    User code has the role that writes it: nonsense there is that attempt's own failure, never an error of the relay.
    """
    try:
        return Outcome.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        failure = OutcomeFailure(
            class_="program", type="UnreadableOutcome", message=f"outcome.json: {where}: {first['msg']}"
        )
        return Outcome(outcome_version=1, status="failed", attempt=attempt, failure=failure)


def prepare() -> None:
    """Make now what the first reading of a run would make: tens of milliseconds that a fork need not spend again."""
    for kind in (Run, Group, _Commands):
        _adapter(kind)


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made on first use: a cold start pays only for what it reads."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _text(document: dict[str, Any]) -> str:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
        schema = document["schema"]
    except (ValueError, TypeError, KeyError):
        raise UnreadableState(f"the stored text is no state of ours: {text[:80]!r}") from None
    if schema != SCHEMA:
        raise UnreadableState(f"the state has schema {schema!r}, this relay reads {SCHEMA}; update the relay")
    return dict(document)


def _validated(adapter: TypeAdapter[Any], document: Any, name: str) -> Any:
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnreadableState(f"stored {name}: {where}: {first['msg']}") from None
