"""sweep on the payload of events/sweep."""

from dataclasses import replace

from functions.sweep.app import respond
from steprelay_core.commands import InvokeLight
from steprelay_core.ports import OutboxEntry
from steprelay_core.state.model import Group, GroupKey, Submission
from steprelay_core.state.ranges import Ranges
from tests.fakes.archives import spec
from tests.fakes.payloads import cases, payload
from tests.functions.world import NOW, RUN, World, log_lines


def abandoned() -> World:
    """A run whose handler died after saving and before handing the first step over."""
    world, key = World(), GroupKey("start")
    members = Ranges.of(0)
    group = Group(key, (Submission(1, members, members, True, NOW - 1000),), started_at=NOW - 1000)
    world.run(spec(), group)
    entry = OutboxEntry("e", NOW - 1000, (InvokeLight(key, "1-0"),))
    world.store.runs[RUN] = replace(world.stored(), outbox=(entry,))
    return world


def test_the_schedule_is_the_only_thing_that_sweeps() -> None:
    assert cases("sweep") == ["rate"]
    assert payload("sweep", "rate")["detail-type"] == "Scheduled Event"


def test_a_sweep_without_runs_does_nothing() -> None:
    nothing = {"runs": 0, "redriven": 0, "events": 0, "definitions": 0, "failures": 0, "cut_short": False}
    assert respond(World().relay) == nothing


def test_a_sweep_finishes_what_a_dead_handler_left_and_says_so() -> None:
    world = abandoned()
    with log_lines() as lines:
        swept = respond(world.relay)
    assert (swept["runs"], swept["redriven"]) == (1, 1)
    assert [message["member"] for message in world.light.messages] == [0]
    assert world.stored().outbox == ()
    assert [(line["message"], line["redriven"]) for line in lines] == [("swept", 1)]


def test_a_run_that_cannot_be_looked_after_is_told_and_counted() -> None:
    world = abandoned()
    del world.objects.objects["packages/" + "d" * 64 + ".json"]
    with log_lines() as lines:
        swept = respond(world.relay)
    assert swept["failures"] > 0
    assert (lines[0]["level"], lines[0]["run"]) == ("ERROR", RUN)
    assert "LookupError" in lines[0]["exception"]
