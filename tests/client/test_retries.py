"""What is told of the next attempt: its memory and its queue, where they are not those of the one before."""

from dataclasses import replace
from typing import Any

from steprelay.client.changes import AttemptFailed
from steprelay.client.follow import describe_end
from steprelay_core.state.model import Failure, Group, Terms
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import (
    SUCCEEDED,
    FakeRelay,
    failed_attempt,
    failed_run,
    flow_of,
    followed,
    group,
    of_kind,
    stored,
    submitted,
    versions,
    waiting,
    won,
)

OOM = Failure("oom", "OutOfMemoryError: Container killed due to memory usage", 137)
SPOT = Failure("spot", "Host EC2 (instance i-1) terminated.", 143)


def retrying(batch: dict[str, Any], *states: Group) -> list[tuple[int | None, str | None]]:
    """What is told of the memory and the queue of each next attempt."""
    train = {"batch": batch, "retry": {"times": 5}, "next": "end"}
    spec = flow_of({"start": {"next": "train"}, "train": train, "end": {}})
    seen = versions([*(stored(state) for state in states), stored(run=SUCCEEDED)])
    return [(told.memory, told.queue) for told in of_kind(followed(FakeRelay(seen, spec)), AttemptFailed)]


def test_a_failure_tells_the_memory_that_the_next_attempt_gets() -> None:
    wait = replace(waiting(2, 0, seconds=60), terms=Terms(growth=1))
    due = group("train", waits=(wait,), history=(failed_attempt(0, 1, OOM),))

    assert retrying({"memory": 4096, "max_memory": 16384}, due) == [(8192, None)]
    assert retrying({"memory": 4096, "max_memory": 6000}, due) == [(6000, None)]


def test_a_failure_tells_the_queue_that_the_next_attempt_goes_to() -> None:
    again = submitted(attempt=2, terms=Terms(queue=1))
    begun = group("train", submissions=(again,), history=(failed_attempt(0, 1, SPOT),))

    assert retrying({"queue": ["spot", "on-demand"]}, begun) == [(None, "on-demand")]


def test_a_failure_after_which_nothing_changes_tells_neither() -> None:
    wait = waiting(2, 0, seconds=60)
    due = group("train", waits=(wait,), history=(failed_attempt(0, 1, Failure("program", "ValueError", 1)),))

    assert retrying({"queue": ["spot", "on-demand"], "memory": 4096, "max_memory": 8192}, due) == [(None, None)]


def test_what_changed_is_still_known_when_all_is_over() -> None:
    history = (failed_attempt(0, 1, OOM), failed_attempt(0, 2, SPOT), failed_attempt(0, 3, OOM))
    over = won("train", attempt=4, history=history)

    batch = {"queue": ["spot", "on-demand"], "memory": 1000, "max_memory": 3000}
    assert retrying(batch, over) == [(2000, None), (None, "on-demand"), (3000, None)]


def test_a_run_that_ran_out_of_memory_tells_what_it_had_and_could_have_had() -> None:
    spec = flow_of({"start": {"batch": {"memory": 1000, "max_memory": 3000}, "next": "end"}, "end": {}})
    ended = group("start", failed=Ranges.upto(1), history=(failed_attempt(0, 1, OOM), failed_attempt(0, 2, OOM)))

    end = describe_end(FakeRelay(spec=spec), spec, stored(ended, run=failed_run("start", 2, OOM)))
    assert end.failure is not None
    assert (end.failure.memory, end.failure.max_memory) == (2000, 3000)
