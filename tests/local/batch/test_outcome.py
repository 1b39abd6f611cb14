"""How an attempt's end reads, as a table."""

import pytest

from steprelay.local.batch.outcome import Outcome, Stop, StopCause, could_not_start, judge

EXITED = "Essential container in task exited"
TERMINATED = Stop(StopCause.TERMINATED, "steprelay: run cancelled")
SPOT = Stop(StopCause.SPOT, "i-0abc")
SPOT_TEXT = "Host EC2 (instance i-0abc) terminated."
OOM_TEXT = "OutOfMemoryError: Container killed due to memory usage"
TIMEOUT_TEXT = "Job attempt duration exceeded timeout"


@pytest.mark.parametrize(
    ("returncode", "stop", "outcome"),
    [
        (0, None, Outcome(True, EXITED, 0)),
        (3, None, Outcome(False, EXITED, 3)),
        (-9, None, Outcome(False, EXITED, 137)),
        (-15, TERMINATED, Outcome(False, "steprelay: run cancelled", 143, may_retry=False)),
        (0, TERMINATED, Outcome(False, "steprelay: run cancelled", 0, may_retry=False)),
        (-9, Stop(StopCause.TIMEOUT), Outcome(False, TIMEOUT_TEXT, 137, may_retry=False)),
        (0, Stop(StopCause.TIMEOUT), Outcome(False, TIMEOUT_TEXT, 0, may_retry=False)),
        (-15, SPOT, Outcome(False, SPOT_TEXT, 143)),
        (-9, Stop(StopCause.OUT_OF_MEMORY), Outcome(False, EXITED, 137, OOM_TEXT)),
    ],
)
def test_an_end_reads_as_batch_words_it(returncode: int, stop: Stop | None, outcome: Outcome) -> None:
    assert judge(returncode, stop) == outcome


def test_a_program_that_exits_zero_on_a_reclaim_counts_as_a_success() -> None:
    assert judge(0, SPOT).succeeded


def test_a_container_that_never_ran_has_a_reason_of_at_most_255_characters_and_no_exit_code() -> None:
    outcome = could_not_start("CannotStartContainerError: " + "x" * 500)
    assert (outcome.exit_code, len(outcome.reason or "")) == (None, 255)
