"""What `@retry` asks for: how often a step is tried again, when, after which failures, and with how much memory."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from steprelay_core.failure import CLASSES, RETRYABLE
from steprelay_core.spec.problems import nearest
from steprelay_core.spec.types import Factor, Minutes, Model, Part


def _retryable(name: str) -> str:
    if name in RETRYABLE:
        return name
    if name in CLASSES:
        message = f"is {name!r}, which is never tried again: {CLASSES[name].retried_by}"
        hint = f"take it out; these can be: {', '.join(RETRYABLE)}"
    else:
        close = nearest(name, CLASSES)
        message = f"is {name!r}, and no failure class is called so"
        hint = (f"{close} " if close else "") + f"known: {', '.join(RETRYABLE)} (docs/failures.md)"
    raise PydanticCustomError("said", "{message}", {"message": message, "hint": hint})


def _listed(given: Any) -> Any:
    """One value for a list of one; Python's tuples and sets for lists."""
    if isinstance(given, str | int):
        return [given]
    return list(given) if isinstance(given, tuple | set | frozenset) else given


FailureClassName = Annotated[StrictStr, AfterValidator(_retryable), Field(json_schema_extra={"enum": list(RETRYABLE)})]
ExitCode = Annotated[StrictInt, Field(ge=1, le=255)]
FailureClasses = Annotated[list[FailureClassName], Field(min_length=1)]
ExitCodes = list[ExitCode]


class Retry(Model):
    """The step's own retries: attempts after the first, and the wait before each."""

    times: Annotated[StrictInt, Field(ge=0, le=99, description="0: never again, whatever happened")] = 3
    minutes_between_retries: Minutes = 2
    backoff: Annotated[Factor, Field(description="each wait is this many times the one before")] = 1
    jitter: Annotated[Part, Field(description="each wait is up to this part of it shorter or longer")] = 0
    memory_factor: Annotated[
        Factor | None,
        Field(description="after an attempt that ran out of memory the next one has so many times as much"),
    ] = None
    on: Annotated[
        Annotated[FailureClasses, BeforeValidator(_listed, json_schema_input_type=FailureClassName | FailureClasses)]
        | None,
        Field(description="only failures of these classes are retried; all that can be, unless given"),
    ] = None
    exit_codes_no_retry: Annotated[
        Annotated[ExitCodes, BeforeValidator(_listed, json_schema_input_type=ExitCode | ExitCodes)],
        Field(description="a program that ends so fails for good"),
    ] = []
