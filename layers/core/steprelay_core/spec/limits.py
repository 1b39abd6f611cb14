"""Limits of a container's processes (`ulimits`): as people write them, and as the spec keeps them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt
from pydantic_core import PydanticCustomError

from steprelay_core.spec.types import Model

# RegisterJobDefinition, Ulimit.name.
UlimitName = Literal[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
]
# -1 is "unlimited", as for `docker run --ulimit`.
Limit = Annotated[StrictInt, Field(ge=-1)]


class Ulimit(Model):
    """`soft` is in force, and may be raised to `hard` from within."""

    soft: Limit
    hard: Limit


def _ulimits(given: Any) -> Any:
    """A mapping of names to limits, `["nofile=1024:4096"]` as for docker, or Batch's own list of objects."""
    if isinstance(given, (list, tuple)):
        given = dict(_named(each) for each in given)
    return {name: _ulimit(limit) for name, limit in given.items()} if isinstance(given, dict) else given


def _named(given: Any) -> tuple[Any, Any]:
    if isinstance(given, str):
        name, _, limit = given.partition("=")
        return name, limit
    if isinstance(given, dict) and isinstance(given.get("name"), str):
        return given["name"], {str(key).removesuffix("Limit"): given[key] for key in given if key != "name"}
    hint = 'write "nofile=1024:4096", or a mapping of names to limits'
    raise PydanticCustomError("said", "{message}", {"message": f"holds {given!r}", "hint": hint})


def _ulimit(given: Any) -> Any:
    """`4096` for both, `[1024, 4096]` or `"1024:4096"` for soft and hard."""
    if isinstance(given, str):
        soft, _, hard = given.partition(":")
        given = [_number(soft), _number(hard or soft)]
    if isinstance(given, int) and not isinstance(given, bool):
        given = [given, given]
    if isinstance(given, (list, tuple)) and len(given) == 2:
        return {"soft": given[0], "hard": given[1]}
    return given


def _number(text: str) -> Any:
    return int(text) if text.lstrip("-").isdecimal() else text


Ulimits = Annotated[
    dict[UlimitName, Ulimit],
    BeforeValidator(
        _ulimits, json_schema_input_type=dict[UlimitName, int | list[int] | str | Ulimit] | list[str | dict[str, Any]]
    ),
]
