"""What the runner of a fallback attempt is told."""

from typing import Any

from steprelay_core.logs import Log, Stream
from steprelay_core.state.model import GroupKey
from tests.unit.engine.world import EngineWorld

WORK = {"batch": {}, "next": "end", "catch": {"var": "problem"}, "timeout_seconds": 7200, "retry": {"times": 0}}


class Pages:
    """Logs that have a page each."""

    def last_lines(self, log: Log, count: int) -> tuple[str, ...]:
        return ()

    def link(self, log: Log) -> str:
        return f"https://console/{log}"


def fall_back(**end: Any) -> dict[str, Any]:
    """The message of the fallback attempt of a job that failed so, behind a light step."""
    world = EngineWorld({"start": {"next": "work"}, "work": WORK, "end": {}})
    world.engine = world.build(logs=Pages())
    world.start()
    world.handle(world.light_ends("start"))
    world.handle(world.job("FAILED", **end))
    message: dict[str, Any] = world.light.messages[-1]
    return message


def test_the_brief_says_of_what_the_last_attempt_failed() -> None:
    brief = fall_back(reason="Host EC2 (instance i-1) terminated.", log_stream="work/1")["brief"]
    assert brief["fallback"] == [
        {
            "members": [[0, 0]],
            "attempt": 1,
            "class": "spot",
            "reason": "Host EC2 (instance i-1) terminated.",
            "exit_code": None,
            "log_stream": "work/1",
            "told": False,
            "log_link": f"https://console/{Stream('/aws/batch/job', 'work/1')}",
        }
    ]
    assert (brief["attempt"], brief["first_attempt"], brief["catch"]["var"]) == (2, 1, "problem")


def test_a_runner_that_knows_no_fallback_attempts_does_not_take_it_for_an_attempt_at_the_step() -> None:
    assert fall_back(exit_code=1)["brief"]["brief_version"] == 2


def test_what_never_logged_has_no_page() -> None:
    (cause,) = fall_back(container_reason="CannotPullContainerError: manifest unknown")["brief"]["fallback"]
    assert cause["log_link"] is None


def test_it_starts_from_what_the_step_would_have() -> None:
    assert fall_back(exit_code=1)["brief"]["inputs"] == {
        "kind": "same",
        "groups": [{"step": "start", "path": [], "won": {"1": [[0, 0]]}}],
    }


def test_a_limit_of_hours_does_not_keep_the_light_function_from_beginning() -> None:
    assert fall_back(exit_code=1)["brief"]["timeout_seconds"] is None


def test_a_message_that_got_lost_is_sent_again_by_the_sweep() -> None:
    world = EngineWorld({"start": WORK | {"next": "end"}, "end": {}})
    world.start()
    world.handle(world.job("FAILED", exit_code=1))
    submission = world.stored.groups[GroupKey("start")].submissions[0]
    assert (submission.light, len(submission.fallback)) == (True, 1)
    world.light.messages.clear()
    world.clock.time += 4000
    world.sweep()
    assert [message["brief"]["attempt"] for message in world.light.messages] == [2]
