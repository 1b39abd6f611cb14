"""What AWS Batch repeats by itself."""

from steprelay_core.translate.submission import RETRY_STRATEGY
from tests.unit.translate.requests import a_flow, request


def test_batch_repeats_lost_machines_of_any_step() -> None:
    assert request(a_flow({})).submit["retryStrategy"] == RETRY_STRATEGY
    assert request(a_flow({}, retry={"times": 2})).submit["retryStrategy"] == RETRY_STRATEGY


def test_batch_repeats_nothing_of_a_step_that_may_not_run_twice() -> None:
    assert request(a_flow({}, retry={"times": 0})).submit["retryStrategy"] == {"attempts": 1}


def test_the_list_of_what_is_repeated_is_closed() -> None:
    # AWS Batch: at most 5 entries, and what matches none of them is repeated.
    assert len(RETRY_STRATEGY["evaluateOnExit"]) <= 5
    assert RETRY_STRATEGY["evaluateOnExit"][-1] == {"onReason": "*", "action": "EXIT"}
