"""Following a run: what is told, when, and only once."""

import pytest

from steprelay.client.changes import (
    AttemptFailed,
    OutputLine,
    RunEnded,
    RunSeen,
    StepProgress,
    TaskChanged,
    Waiting,
)
from steprelay.client.follow import NoSuchRun, Rejected, await_end, await_verdict, follow
from steprelay.client.relay import JobSeen, Upload, Verdict
from steprelay_core.ports import Stored
from steprelay_core.spec import Problem
from steprelay_core.state.model import Failure, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import (
    FOREACH,
    RUN,
    START,
    SUCCEEDED,
    FakeClock,
    FakeRelay,
    failed_attempt,
    failed_run,
    followed,
    group,
    of_kind,
    run_of,
    stored,
    submitted,
    versions,
    waiting,
    won,
)

UPLOAD = Upload("packages", "run/Flow/x/package.tar.gz", "v1", RUN)


def three_steps() -> list[Stored | None]:
    return versions(
        [
            None,
            stored(group("start", submissions=(submitted(light=True, job_id=None),))),
            stored(won("start"), group("train", submissions=(submitted(status="RUNNABLE"),))),
            stored(won("start"), group("train", version=2, submissions=(submitted(status="RUNNING"),))),
            stored(won("start"), won("train"), won("end"), run=SUCCEEDED),
        ]
    )


def test_a_run_is_told_from_its_appearance_to_its_end() -> None:
    changes = followed(FakeRelay(three_steps()), upload=UPLOAD)

    assert isinstance(changes[0], RunSeen)
    assert changes[0].steps == ("start", "train", "end")
    told = [(change.task, change.state) for change in of_kind(changes, TaskChanged)]
    assert told == [
        ("start", "running"),
        ("start", "succeeded"),
        ("train", "runnable"),
        ("train", "running"),
        ("train", "succeeded"),
        ("end", "succeeded"),
    ]
    assert isinstance(changes[-1], RunEnded)
    assert (changes[-1].status, changes[-1].seconds) == ("SUCCEEDED", 60)


def test_a_state_seen_twice_is_told_once() -> None:
    once = three_steps()
    twice = [state for state in once for _ in range(2)]

    assert followed(FakeRelay(twice), upload=UPLOAD) == followed(FakeRelay(once), upload=UPLOAD)


def test_what_a_light_step_printed_comes_before_its_end() -> None:
    changes = followed(FakeRelay(three_steps(), light_logs={("start", 1): "hello\nworld\n"}), upload=UPLOAD)

    lines = [place for place, change in enumerate(changes) if isinstance(change, OutputLine)]
    end = next(
        place for place, change in enumerate(changes) if isinstance(change, TaskChanged) and change.state == "succeeded"
    )
    assert [changes[place] for place in lines] == [OutputLine("start", 1, "hello"), OutputLine("start", 1, "world")]
    assert max(lines) < end


def test_a_batch_job_is_heard_while_it_runs() -> None:
    running = submitted(status="RUNNING", log_stream="stream")
    states = versions(
        [
            stored(group("train", submissions=(running,))),
            stored(won("train"), run=SUCCEEDED),
        ]
    )
    changes = followed(FakeRelay(states, pages={"stream": [["epoch 1"], ["epoch 2"]]}))

    assert [change.text for change in of_kind(changes, OutputLine)] == ["epoch 1", "epoch 2"]
    assert changes.index(OutputLine("train", 1, "epoch 2")) < next(
        place for place, change in enumerate(changes) if isinstance(change, TaskChanged) and change.state == "succeeded"
    )


def test_a_job_that_batch_starts_again_is_heard_in_its_new_log_too() -> None:
    states = versions(
        [
            stored(group("train", submissions=(submitted(status="RUNNING", log_stream="first"),))),
            stored(group("train", version=2, submissions=(submitted(status="RUNNING", log_stream="second"),))),
            stored(won("train"), run=SUCCEEDED),
        ]
    )
    pages = {"first": [["one"], ["two"]], "second": [["three"]]}

    assert [line.text for line in of_kind(followed(FakeRelay(states, pages=pages)), OutputLine)] == [
        "one",
        "two",
        "three",
    ]


def test_the_children_of_an_array_are_found_by_their_index_in_it() -> None:
    array = submitted(Ranges.of(4, 7), status="RUNNING", job_id="parent")
    states = versions([stored(group("process", (0,), submissions=(array,))), stored(run=SUCCEEDED)])
    relay = FakeRelay(states, FOREACH, job_streams={"parent:1": "second"}, pages={"second": [["of seven"]]})

    assert of_kind(followed(relay), OutputLine) == [OutputLine("process.7", 1, "of seven")]


def test_a_job_that_ended_between_two_looks_is_heard_through_its_outcome() -> None:
    relay = FakeRelay(
        [stored(won("train"), run=SUCCEEDED)],
        outcomes={("train", 1): {"job_id": "job-9", "artifacts": {}}},
        job_streams={"job-9": "stream"},
        pages={"stream": [["done"]]},
    )

    assert [change.text for change in of_kind(followed(relay), OutputLine)] == ["done"]


def test_lines_that_cloudwatch_held_back_are_told_after_the_end() -> None:
    class SlowLogs(FakeRelay):
        looks = 0

        def read_stream(self, stream: str, token: str | None):  # type: ignore[no-untyped-def]
            self.looks += 1
            self.pages = {"stream": [["late"]] if self.looks > 2 else []}
            return super().read_stream(stream, token)

    states = versions(
        [
            stored(group("train", submissions=(submitted(status="RUNNING", log_stream="stream"),))),
            stored(won("train"), run=SUCCEEDED),
        ]
    )

    assert of_kind(followed(SlowLogs(list(states))), OutputLine) == []
    assert [line.text for line in of_kind(followed(SlowLogs(states), late_output=3.0), OutputLine)] == ["late"]


def test_a_failed_attempt_says_that_another_follows_at_once() -> None:
    failure = Failure("program", "ValueError: no luck", 1)
    again = group(
        "process", (0,), submissions=(submitted(attempt=2),), history=(failed_attempt(0, 1, failure),), version=2
    )
    after = won("process", path=(0,), attempt=2, history=again.history)
    states = versions([stored(again), stored(after, run=SUCCEEDED)])

    (told,) = of_kind(followed(FakeRelay(states, FOREACH)), AttemptFailed)
    assert (told.task, told.attempt, told.failure_class, told.exit_code, told.then, told.retry_at) == (
        "process.0", 1, "program", 1, "retry", None,
    )  # fmt: skip


def test_an_attempt_that_waits_for_the_next_says_until_when() -> None:
    failure = Failure("program", "ValueError", 1)
    waits = group("train", waits=(waiting(2, 0, seconds=120),), history=(failed_attempt(0, 1, failure),))
    states = versions([stored(waits), stored(won("train", attempt=2), run=SUCCEEDED)])

    (told,) = of_kind(followed(FakeRelay(states)), AttemptFailed)
    assert told.retry_at == START + 122


def test_a_run_that_failed_ends_with_its_cause_and_the_last_lines_of_it() -> None:
    failure = Failure("program", "ValueError: no luck", 1)
    ended = group("start", failed=Ranges.upto(1), history=(failed_attempt(0, 1, failure),))
    log = "\n".join(f"line {number}" for number in range(30))
    relay = FakeRelay([stored(ended, run=failed_run("start", 1, failure))], light_logs={("start", 1): log})

    changes = followed(relay)
    end = changes[-1]
    assert isinstance(end, RunEnded)
    assert end.failure is not None
    assert (end.status, end.failure.task, end.failure.failure_class) == ("FAILED", "start", "program")
    assert end.failure.log_tail == tuple(f"line {number}" for number in range(20, 30))
    assert [told.then for told in of_kind(changes, AttemptFailed)] == ["fail"]


def test_thousands_of_tasks_are_told_by_their_counts() -> None:
    half = group("process", (0,), won={1: Ranges.upto(500)}, submissions=(submitted(Ranges(((500, 999),))),))
    states = versions([stored(half), stored(won("process", path=(0,), members=Ranges.upto(1000)), run=SUCCEEDED)])

    changes = followed(FakeRelay(states, FOREACH))
    assert of_kind(changes, TaskChanged) == []
    assert [(told.done, told.tasks) for told in of_kind(changes, StepProgress)] == [(500, 1000), (1000, 1000)]


def test_a_large_array_is_followed_by_what_batch_counts() -> None:
    array = submitted(Ranges.upto(1000), job_id="parent", status="PENDING")
    going: list[Stored | None] = [stored(group("process", (0,), submissions=(array,))) for _ in range(3)]
    relay = FakeRelay(
        [*going, stored(won("process", path=(0,), members=Ranges.upto(1000)), run=SUCCEEDED)],
        FOREACH,
        arrays=[
            {"parent": JobSeen("PENDING", None, {"RUNNABLE": 1000, "RUNNING": 0})},
            {"parent": JobSeen("PENDING", None, {"RUNNABLE": 10, "RUNNING": 90, "SUCCEEDED": 900})},
        ],
    )

    told = of_kind(followed(relay, longest=0.5), StepProgress)
    assert [(one.state, one.done) for one in told] == [("runnable", 0), ("running", 900), ("succeeded", 1000)]
    assert set(map(tuple, relay.asked_for)) == {("parent",)}


def test_the_tasks_of_a_small_array_are_followed_one_by_one() -> None:
    array = submitted(Ranges.upto(2), job_id="parent", status="PENDING")
    relay = FakeRelay(
        [stored(group("process", (0,), submissions=(array,))), stored(run=SUCCEEDED)],
        FOREACH,
        arrays=[{"parent:0": JobSeen("RUNNING"), "parent:1": JobSeen("SUCCEEDED")}],
    )

    changes = followed(relay)
    # How the second one ended is for the relay to say.
    assert [(one.task, one.state) for one in of_kind(changes, TaskChanged)] == [
        ("process.0", "running"),
        ("process.1", "running"),
    ]
    assert [(one.state, one.done) for one in of_kind(changes, StepProgress)] == [("running", 1)]


def test_batch_is_not_asked_for_jobs_at_every_look() -> None:
    array = submitted(Ranges.upto(1000), job_id="parent")
    going: list[Stored | None] = [stored(group("process", (0,), submissions=(array,))) for _ in range(20)]
    relay = FakeRelay([*going, stored(run=SUCCEEDED)], FOREACH, arrays=[{"parent": JobSeen("PENDING")}])
    clock = FakeClock()

    list(follow(relay, RUN, clock.pace(growth=1.0)))
    assert len(relay.asked_for) == 1 + int(sum(clock.waits[:-1]) // 4)


def test_an_upload_that_nobody_takes_up_is_spoken_of() -> None:
    nothing: list[Stored | None] = [None] * 8
    changes = followed(FakeRelay([*nothing, stored(run=SUCCEEDED)]), upload=UPLOAD)

    assert [change.seconds >= 10 for change in of_kind(changes, Waiting)] == [True]


def test_a_rejected_upload_ends_the_wait_with_every_problem() -> None:
    problems = (Problem("steps.a", "one"), Problem("steps.b", "two"))
    relay = FakeRelay([None], verdicts=[None, Verdict(False, problems)])

    with pytest.raises(Rejected) as rejected:
        followed(relay, upload=UPLOAD)
    assert rejected.value.problems == problems


def test_a_run_that_does_not_exist_is_not_waited_for() -> None:
    with pytest.raises(NoSuchRun):
        followed(FakeRelay([None]))


def test_looks_come_quickly_after_a_change_and_slowly_while_nothing_moves() -> None:
    clock = FakeClock()
    same = stored(group("start", submissions=(submitted(light=True),)))
    changed = stored(won("start"), run=run_of(version=7))
    states: list[Stored | None] = [same, same, same, same, same, changed, stored(run=SUCCEEDED)]

    list(follow(FakeRelay(states), RUN, clock.pace()))
    assert clock.waits[:5] == sorted(clock.waits[:5])
    assert clock.waits[4] > clock.waits[0]
    assert clock.waits[5] == clock.waits[0]


def test_a_deployment_is_waited_for_until_the_relay_has_read_it() -> None:
    relay = FakeRelay(verdicts=[None, None, Verdict(True)])

    assert await_verdict(relay, UPLOAD, FakeClock().pace(), patience=60)


def test_a_relay_that_reads_nothing_is_not_waited_for_without_end() -> None:
    assert not await_verdict(FakeRelay(verdicts=[None]), UPLOAD, FakeClock().pace(), patience=60)


def test_the_end_of_a_run_is_waited_for() -> None:
    states: list[Stored | None] = [stored(), stored(), stored(run=run_of(RunStatus.CANCELLED))]

    assert await_end(FakeRelay(states), RUN, FakeClock().pace(), patience=60) == "CANCELLED"
    assert await_end(FakeRelay([stored()]), RUN, FakeClock().pace(), patience=60) is None
