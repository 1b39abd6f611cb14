"""Messages of one batch that are decided together, and answered one by one."""

from collections.abc import Sequence
from typing import Any

from steprelay.relay.together import Answer, Change, answer_together
from steprelay_core.handled import Handled
from steprelay_core.inbound import Ignored, Unreadable
from steprelay_core.state.events import LightEnded
from steprelay_core.state.model import GroupKey
from tests.functions.world import MemoryDeadLetters, log_lines


def batch(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [{"messageId": f"m-{n}", "body": body, "eventSource": "aws:sqs"} for n, body in enumerate(bodies)]
    }


def read(body: str) -> Change | Ignored:
    if body == "poison":
        raise Unreadable("it is poison")
    if body == "foreign":
        return Ignored("it is somebody else's")
    run, _, member = body.partition(".")
    return LightEnded(run, GroupKey("work", (0,)), int(member or 0), 1)


class Engine:
    """Handles all but the runs that are named `storm`, of which it cannot decide on member 1; `asked`: how often."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def handle_all(self, events: Sequence[Change]) -> list[Answer]:
        self.asked.append((events[0].run, len(events)))
        return [self._handled(event) for event in events]

    @staticmethod
    def _handled(event: Change) -> Answer:
        fails = event.run == "storm" and isinstance(event, LightEnded) and event.member == 1
        return ConnectionError("throttled") if fails else Handled(event.run, 1)


def answered(engine: Engine, letters: MemoryDeadLetters, *bodies: str) -> list[str]:
    answer = answer_together(batch(*bodies), read, engine.handle_all, letters)
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_messages_of_a_run_are_handled_in_one_go() -> None:
    engine = Engine()
    assert answered(engine, MemoryDeadLetters(), "a.0", "b.0", "a.1", "a.2") == []
    assert engine.asked == [("a", 3), ("b", 1)]


def test_poison_and_what_is_not_ours_hold_nobody_up() -> None:
    engine, letters = Engine(), MemoryDeadLetters()
    assert answered(engine, letters, "a.0", "poison", "foreign", "a.1") == []
    assert engine.asked == [("a", 2)]
    assert letters.letters == [("poison", "it is poison", "m-1")]


def test_only_the_message_whose_event_could_not_be_decided_comes_again() -> None:
    assert answered(Engine(), MemoryDeadLetters(), "storm.0", "a.0", "storm.1", "storm.2") == ["m-2"]


def test_a_run_with_many_messages_has_one_line_in_the_log() -> None:
    with log_lines() as lines:
        answered(Engine(), MemoryDeadLetters(), *(f"a.{member}" for member in range(500)))
    told = [line for line in lines if line["level"] == "INFO"]
    assert [(line["message"], line["run"], line["events"]) for line in told] == [("handled together", "a", 500)]
