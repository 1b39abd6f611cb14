"""Tasks that failed and went on by @catch: how they are told, heard and paid."""

from dataclasses import replace

import pytest

from steprelay.cli.render.lines import counts, failed_line, task_line
from steprelay.client.changes import AttemptFailed, OutputLine, TaskChanged
from steprelay.client.cost.prices import list_prices
from steprelay.client.cost.reading import LIGHT_MEMORY_MIB
from steprelay.client.progress import step_progress
from steprelay_core.state.model import Failure
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import (
    FOREACH,
    SUCCEEDED,
    FakeRelay,
    failed_attempt,
    followed,
    group,
    of_kind,
    stored,
    submitted,
    versions,
    won,
)
from tests.client.test_cost import HOUR, cost, took, train

ONE = Ranges.of(0)
OOM = replace(failed_attempt(0, 1, Failure("oom", "OutOfMemoryError: too much", 137)), caught=True)


def caught_run() -> FakeRelay:
    falling = group("train", submissions=(submitted(attempt=2, light=True, job_id=None),), history=(OOM,))
    told = won("train", attempt=2, version=2, caught=ONE, history=(OOM,))
    logs = {("train", 2): "@catch lets the flow go on"}
    states = [stored(won("start"), falling), stored(won("start"), told, won("end"), run=SUCCEEDED)]
    return FakeRelay(versions(states), light_logs=logs)


def test_the_failure_says_what_follows_and_the_task_how_it_ended() -> None:
    changes = followed(caught_run())
    (failed,) = of_kind(changes, AttemptFailed)
    assert failed.then == "catch"
    assert failed_line(failed).endswith("OutOfMemoryError: too much — going on by @catch")
    (ended,) = (change for change in of_kind(changes, TaskChanged) if change.caught)
    assert "train succeeded by @catch" in task_line(ended)


def test_what_a_fallback_attempt_of_a_job_says_is_heard() -> None:
    (line,) = of_kind(followed(caught_run()), OutputLine)
    assert (line.task, line.attempt, line.text) == ("train", 2, "@catch lets the flow go on")


def test_of_many_tasks_those_that_were_caught_are_counted() -> None:
    many = won("process", path=(0,), members=Ranges.upto(1000), caught=Ranges.upto(7))
    told = step_progress(FOREACH, stored(many))[1]
    assert (told.state, told.done, told.caught) == ("succeeded", 1000, 7)
    assert counts(told) == "1,000/1,000, 7 by @catch"


def test_a_fallback_attempt_costs_what_a_light_step_costs() -> None:
    outcomes = {("train", 1): took(HOUR), ("train", 2): took(HOUR, None)}
    relay = FakeRelay(outcomes=outcomes, computes={"job-1": "ec2"})
    told = train(cost(relay, won("train", attempt=2, caught=ONE, history=(OOM,))))
    light = list_prices().per_hour["lambda"].gib * LIGHT_MEMORY_MIB / 1024
    assert told.price == pytest.approx(told.wasted + light)


def test_an_attempt_that_caught_its_own_failure_is_paid_once_and_in_vain() -> None:
    relay = FakeRelay(outcomes={("train", 1): took(HOUR)}, computes={"job-1": "ec2"})
    caught = train(cost(relay, won("train", caught=ONE, history=(OOM,))))
    alike = train(cost(relay, won("train")))
    assert (caught.price, caught.wasted, caught.failed) == (alike.price, alike.price, 1)


def test_a_killed_attempt_ran_on_what_the_job_ran_on_that_claimed_it() -> None:
    killed = replace(OOM, began_at=OOM.at - HOUR)
    relay = FakeRelay(outcomes={("train", 2): took(HOUR, None)}, computes={"job-1": "spot"})
    relay.claims = {("train", 1): "job-1"}
    told = cost(relay, won("train", attempt=2, caught=ONE, history=(killed,)))
    assert told.assumed == ()
    assert set(train(told).computes) == {"spot", "lambda"}
