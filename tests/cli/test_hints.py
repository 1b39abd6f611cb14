"""Hints at good practice: from the flow itself, and from what its last runs used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from steprelay.cli.advice import Advice
from steprelay.cli.context import Connection
from steprelay.client.relay import Purpose, Unreachable, Upload, Verdict
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import Run, RunStatus, TaskKey
from tests.cli.surroundings import SPEC, Shell
from tests.client.fake_relay import RUN, FakeClock, FakeRelay, flow_of, run_of, won

LONG = 30.0
EARLIER = run_of(RunStatus.SUCCEEDED, id="Flow-earlier")

BARE = """
from steprelay import FlowSpec, batch, step

class Bare(FlowSpec):
    @batch
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@dataclass
class UsedBefore(FakeRelay):
    """A relay that has run the flow of `SPEC` once before, with 400 MiB; an upload waits until that has been read."""

    read: Event = field(default_factory=Event)

    def list_runs(self, limit: int) -> list[Run]:
        return [EARLIER]

    def load(self, run: str) -> Stored | None:
        return Stored(EARLIER if run == EARLIER.id else run_of(RunStatus.SUCCEEDED), _GROUPS)

    def outcome(self, run: str, task: TaskKey, attempt: int) -> dict[str, Any] | None:
        if run == RUN:
            return super().outcome(run, task, attempt)
        self.read.set()
        return {"usage": {"peak_memory_mib": 400}}

    def upload(self, purpose: Purpose, flow: str, package: Path, parameters: Mapping[str, Any]) -> Upload:
        assert self.read.wait(LONG)
        return super().upload(purpose, flow, package, parameters)


_GROUPS = {group.key: group for group in (won("start"), won("train"), won("end"))}

TRAINING = flow_of({"start": {"next": "train"}, "train": {"batch": {"memory": 8192}, "next": "end"}, "end": {}})
# The steps of `SPEC`, of which one asks for more memory than any step has.
GREEDY = SPEC["steps"] | {"train": {"command": ["true"], "batch": {"memory": 8192}, "next": "end"}}


def test_check_hints_at_good_practice_and_is_content(shell: Shell) -> None:
    result = shell("check", shell.write_flow(BARE))

    assert (result.code, result.out) == (0, "Bare is fine: 2 steps\n")
    assert "hint: flow.py:" in result.err
    assert "@timeout" in result.err


@pytest.mark.parametrize("command", ["package", "run", "deploy"])
def test_packing_hints_at_good_practice(shell: Shell, command: str) -> None:
    shell.relay.verdicts = [Verdict(True)]
    shell.relay.states = [Stored(run_of(RunStatus.SUCCEEDED), {})]

    result = shell(command, shell.write_flow(BARE))
    assert result.code == 0, result.err
    assert "hint: " in result.err
    assert "@timeout" in result.err


def test_hints_of_check_are_json_too(shell: Shell) -> None:
    (told,) = shell("check", shell.write_flow(BARE), "--json").json

    assert told["hints"]
    assert {"message", "hint", "file", "line", "step"} == set(told["hints"][0])


def test_hints_that_check_writes_as_json_are_not_written_as_text_too(tmp_path: Path) -> None:
    shell = Shell(tmp_path, UsedBefore())
    shell.relays.up = True
    result = shell("check", shell.write_spec(steps=GREEDY), "--json")

    assert len(result.json[0]["hints"]) > 1
    assert result.err == ""


def test_check_tells_of_memory_far_above_what_the_last_runs_used(tmp_path: Path) -> None:
    shell = Shell(tmp_path, UsedBefore())
    shell.relays.up = True

    (told,) = shell("check", shell.write_spec(steps=GREEDY), "--json").json
    (hint,) = (hint for hint in told["hints"] if hint["step"] == "train" and "400" in hint["message"])
    assert "8192 MiB" in hint["message"]
    assert "memory=" in hint["hint"]


def test_check_asks_no_relay_that_is_not_up(tmp_path: Path) -> None:
    relay = UsedBefore()
    shell = Shell(tmp_path, relay)

    assert shell("check", shell.write_spec()).code == 0
    assert not relay.read.is_set()
    assert shell.relays.asked == []


def test_check_of_a_flow_without_batch_asks_no_relay(tmp_path: Path) -> None:
    relay = UsedBefore()
    shell = Shell(tmp_path, relay)
    shell.relays.up = True

    assert shell("check", shell.write_spec(steps={"start": {"command": ["true"]}})).code == 0
    assert not relay.read.is_set()


def test_a_run_tells_of_memory_far_above_what_the_last_runs_used(tmp_path: Path) -> None:
    shell = Shell(tmp_path, UsedBefore())
    result = shell("run", shell.write_spec(steps=GREEDY), "--data_set", "d")

    assert result.code == 0, result.err
    assert "hint: step 'train': asks for 8192 MiB of memory; its last run used at most 400" in result.err


def test_deploy_tells_of_memory_far_above_what_the_last_runs_used(tmp_path: Path) -> None:
    shell = Shell(tmp_path, UsedBefore(verdicts=[Verdict(True)]))

    assert "used at most 400" in shell("deploy", shell.write_spec(steps=GREEDY)).err


def advice(relay: FakeRelay, flow: Flow = TRAINING) -> Advice:
    connection = Connection(relay, FakeClock().pace(), "local", "local")
    return Advice(lambda: connection, flow)


def test_advice_names_the_step_and_what_to_do() -> None:
    (fault,) = advice(UsedBefore()).take(LONG)

    assert fault.step == "train"
    assert fault.hint is not None
    assert "memory=" in fault.hint


def test_a_relay_that_cannot_be_asked_gives_no_advice_and_no_failure() -> None:
    class Denied(UsedBefore):
        def list_runs(self, limit: int) -> list[Run]:
            raise Unreachable("denied")

    assert advice(Denied()).take(LONG) == ()


def test_a_relay_that_does_not_answer_is_not_waited_for() -> None:
    answered = Event()

    class Silent(UsedBefore):
        def list_runs(self, limit: int) -> list[Run]:
            answered.wait(LONG)
            return []

    waiting = advice(Silent())
    assert waiting.take(0.01) == ()
    assert not answered.is_set()
    answered.set()


def test_there_is_no_advice_where_there_is_no_relay() -> None:
    assert Advice(lambda: None, TRAINING).take(LONG) == ()
