"""The write-once record that a finished attempt leaves in the data bucket, as the dispatcher reads it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class OutcomeFailure(BaseModel):
    """Why the attempt failed, in the runner's own words; `class_` is `program` or `timeout`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    class_: str
    type: str
    message: str
    exit_code: int | None = None


class Outcome(BaseModel):
    """Unknown keys are left alone: a newer runner may say more than this relay needs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    outcome_version: Literal[1]
    status: Literal["succeeded", "failed"]
    attempt: int
    # Position of the transition taken in the step's `next`; None in the last step and for failures.
    transition: int | None = None
    foreach_count: int | None = None
    failure: OutcomeFailure | None = None
    # Whether `@catch` made a success of the last attempt's failure; and, if it was this attempt's own, that.
    caught: bool = False
    caught_failure: OutcomeFailure | None = None
    # What the step used, as far as its runner could tell: `peak_memory_mib`.
    usage: dict[str, float] | None = None
