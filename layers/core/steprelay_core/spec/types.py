"""The kinds of values that a spec is made of, each with its bounds and the words that say them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr


def text_like(pattern: str, allowed: str, max_length: int | None = None) -> Any:
    """Text of a form that `allowed` says in words; messages and the JSON Schema carry both."""
    return Field(pattern=pattern, max_length=max_length, json_schema_extra={"allowed": allowed})


def in_unit(unit: str) -> Any:
    return Field(json_schema_extra={"unit": unit})


# Names become parts of S3 keys, job names and tags: letters of any script, digits, `_` and `-`.
FlowName = Annotated[
    StrictStr, text_like(r"^[^\W\d_][\w-]*$", "at most 64 letters, digits, `_` and `-`, a letter first", 64)
]
StepName = Annotated[
    StrictStr, text_like(r"^[^\W\d][\w-]*$", "at most 64 letters, digits, `_` and `-`, a letter or `_` first", 64)
]
ParameterName = Annotated[StrictStr, text_like(r"^[A-Za-z_]\w*$", "letters, digits and `_`, no digit first")]
ArtifactName = Annotated[StrictStr, text_like(r"^[^\W\d]\w*$", "the name of an artifact")]
EnvironmentName = Annotated[
    StrictStr,
    text_like(
        r"^(?!AWS_BATCH)[A-Za-z_][A-Za-z0-9_]*$",
        "letters, digits and `_`, no digit first, not beginning with AWS_BATCH (AWS Batch refuses that)",
    ),
]
# Bounds stand on both arms, so that the JSON Schema states them too.
PositiveNumber = Annotated[StrictInt, Field(gt=0)] | Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]
Minutes = (
    Annotated[StrictInt, Field(ge=0), in_unit("minutes")]
    | Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0), in_unit("minutes")]
)
Factor = Annotated[StrictInt, Field(ge=1)] | Annotated[float, Field(strict=True, allow_inf_nan=False, ge=1)]
# From 0 to 1.
Part = Annotated[StrictInt, Field(ge=0, le=1)] | Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
Mebibytes = Annotated[StrictInt, Field(ge=1), in_unit("MiB")]
Text = Annotated[StrictStr, Field(min_length=1)]
AbsolutePath = Annotated[StrictStr, text_like(r"^/", "an absolute path")]


class Model(BaseModel):
    """Strict, frozen, and without room for unknown keys."""

    # The default regex engine has no look-ahead.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, regex_engine="python-re")
