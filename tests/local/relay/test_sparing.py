"""Whom memory that runs out on purpose spares: those for whom nothing would follow, as the engine decides it."""

from dataclasses import replace
from typing import Any

import pytest

from steprelay.local.sparing import has_another_attempt
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import Failure, GroupKey, RunFailure, Terms
from tests.unit.engine.world import RUN, EngineWorld

START = GroupKey("start")


class Relay:
    """The runs of a world."""

    def __init__(self, step: dict[str, Any]) -> None:
        self.world = EngineWorld({"start": {"batch": {"memory": 256}} | step})
        self.world.start()

    def load(self, run: str) -> Stored | None:
        return self.world.store.load(run)

    def flow(self, digest: str) -> Flow:
        return self.world.objects.flow(digest)

    def goes_on(self, **changed: str) -> bool:
        return has_another_attempt(self, self.world.jobs.requests["job-1"]["parameters"] | changed)

    def change(self, **submission: Any) -> None:
        group = self.world.stored.groups[START]
        group = replace(group, submissions=(replace(group.submissions[0], **submission),))
        self._put(groups={START: group})

    def fail(self) -> None:
        failure = RunFailure("other", 1, Failure("program", "x"))
        self._put(run=replace(self.world.run, failure=failure))

    def _put(self, **changed: Any) -> None:
        self.world.store.runs[RUN] = replace(self.world.stored, **changed)


RETRY = {"retry": {"times": 1, "minutes_between_retries": 0}}
GROWING = {"batch": {"memory": 256, "max_memory": 512}}


@pytest.mark.parametrize(
    ("step", "goes_on"),
    [
        ({}, False),
        (RETRY, True),
        (GROWING, True),
        (GROWING | {"retry": {"times": 0}}, False),
        ({"retry": {"times": 1, "on": ["program"]}}, False),
    ],
)
def test_a_step_says_itself_whether_it_survives(step: dict[str, Any], goes_on: bool) -> None:
    assert Relay(step).goes_on() is goes_on


def test_the_last_attempt_is_spared() -> None:
    relay = Relay(RETRY)
    relay.change(attempt=2)
    assert relay.goes_on(submission="2-0") is False


def test_a_job_that_has_all_the_memory_it_may_have_is_spared() -> None:
    relay = Relay(GROWING)
    relay.change(terms=Terms(growth=1))
    assert relay.goes_on() is False


def test_nothing_follows_in_a_run_that_fails_already() -> None:
    relay = Relay(RETRY)
    relay.fail()
    assert relay.goes_on() is False


def test_what_has_been_moved_past_is_spared() -> None:
    assert Relay(RETRY).goes_on(submission="7-0") is False


def test_the_jobs_of_others_are_not_spared() -> None:
    assert has_another_attempt(Relay({}), {}) is True
    assert Relay({}).goes_on(run="another") is True
