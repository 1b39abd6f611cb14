"""How many messages the light tasks of a foreach are."""

from typing import Any

import pytest

from steprelay_core.packing import Packing
from steprelay_core.state.events import LightEnded
from steprelay_core.state.model import GroupKey
from steprelay_core.state.ranges import Ranges
from tests.unit.engine.world import RUN, EngineWorld

FOREACH: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["work"], "foreach": "items"}},
    "work": {"next": "join"},
    "join": {"join": True},
}


def _members(message: dict[str, Any]) -> list[int]:
    return message["members"] if "members" in message else [message["member"]]


@pytest.mark.parametrize(
    ("count", "messages", "most"),
    [(1, 1, 1), (100, 100, 1), (101, 51, 2), (1_000, 100, 10), (10_000, 1_000, 10)],
)
def test_many_light_tasks_share_messages(count: int, messages: int, most: int) -> None:
    made = list(Packing().messages("brief", Ranges.upto(count)))
    assert (len(made), max(len(_members(message)) for message in made)) == (messages, most)
    assert [member for message in made for member in _members(message)] == list(range(count))


def test_no_more_functions_can_be_at_work_on_a_thousand_light_tasks_than_there_are_messages() -> None:
    world = EngineWorld(FOREACH)
    world.start()
    world.leave_outcome("start", foreach_count=1_000)
    world.handle(LightEnded(RUN, GroupKey("start"), 0, 1))
    sent = [message for message in world.light.messages if message["brief"]["step"] == "work"]
    assert len(sent) == 100
    assert sorted(member for message in sent for member in _members(message)) == list(range(1_000))
