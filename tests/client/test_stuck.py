"""Jobs that do not start, as somebody who follows the run hears of them."""

from typing import Any

from steprelay.client.changes import JobStuck
from steprelay.client.stuck import stuck_jobs
from steprelay_core.ports import Stored
from steprelay_core.state.model import GroupKey, Notice
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import (
    START,
    SUCCEEDED,
    FakeRelay,
    followed,
    group,
    of_kind,
    run_of,
    stored,
    submitted,
    versions,
    won,
)

TRAIN = GroupKey("train")


def notice(key: GroupKey = TRAIN, submission: str = "1-0", **more: Any) -> Notice:
    known: dict[str, Any] = {"class_": "config", "queue": "big", "since": START + 1, "at": START + 60}
    return Notice(key, submission, **(known | {"reason": "no machine", "change": "ask for less"} | more))


def waiting(*notices: Notice) -> Stored:
    """A run whose step `train` has been handed over."""
    return stored(group("train", submissions=(submitted(),)), run=run_of(notices=notices or (notice(),)))


def test_a_job_that_does_not_start_is_told_with_what_keeps_it_and_what_to_do() -> None:
    (told,) = stuck_jobs(waiting())
    assert told == JobStuck(
        "train", "train", 1, 1, "config", "no machine", "ask for less", "big", START + 1, START + 60
    )


def test_it_is_told_once_as_long_as_it_holds_and_again_with_another_reason() -> None:
    other = notice(reason="DISABLED")
    states = versions([waiting(), waiting(), waiting(other), stored(won("train"), run=SUCCEEDED)])
    assert [told.reason for told in of_kind(followed(FakeRelay(states)), JobStuck)] == ["no machine", "DISABLED"]


def test_what_came_and_went_is_told_again_when_it_comes_back() -> None:
    running = stored(group("train", submissions=(submitted(status="RUNNING"),)))
    states = versions([waiting(), running, waiting(), stored(won("train"), run=SUCCEEDED)])
    assert len(of_kind(followed(FakeRelay(states)), JobStuck)) == 2


def test_tasks_of_a_step_that_wait_for_the_same_are_told_together() -> None:
    paths = [(0, 0), (0, 1)]
    groups = [group("process", path, submissions=(submitted(Ranges.upto(4)),)) for path in paths]
    notices = tuple(notice(GroupKey("process", path), since=START + at) for at, path in enumerate(paths))
    (told,) = stuck_jobs(stored(*groups, run=run_of(notices=notices)))
    assert (told.task, told.tasks, told.since) == ("process", 8, START)


def test_one_task_of_a_foreach_is_told_by_its_split() -> None:
    one = group("process", (0,), submissions=(submitted(Ranges.of(3)),))
    (told,) = stuck_jobs(stored(one, run=run_of(notices=(notice(GroupKey("process", (0,)), "1-3"),))))
    assert told.task == "process.3"


def test_a_notice_of_a_job_that_is_gone_is_not_told() -> None:
    state = stored(won("train"), run=run_of(notices=(notice(),)))
    assert stuck_jobs(state) == []


def test_the_one_that_has_waited_longest_comes_first() -> None:
    state = waiting(notice(since=START + 5), notice(TRAIN, reason="else", since=START + 2))
    assert [told.since for told in stuck_jobs(state)] == [START + 2, START + 5]
