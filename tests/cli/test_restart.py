"""`runs resume` and `runs retry`: what is asked of the relay, and what people are told."""

from dataclasses import replace
from typing import Any

import pytest

from steprelay_core.ports import Stored
from steprelay_core.state.model import Failure, RunFailure, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.cli.surroundings import Shell
from tests.client.fake_relay import FOREACH, RUN, flow_of, group, run_of, stored, submitted, won

REQUEST = "request-1"
CAUSE = RunFailure("process.3", 1, Failure("program", "ValueError: no luck", 1))


def failed(**more: Any) -> Stored:
    """Split 3 of `process` failed, the others succeeded."""
    process = group("process", (0,), failed=Ranges.of(3), won={1: Ranges.upto(3)})
    return stored(won("start"), process, run=run_of(RunStatus.FAILED, failure=CAUSE, **more))


def going_on() -> Stored:
    known = failed().groups
    run = run_of(generation=2, requests=(REQUEST,))
    return Stored(run, known)


@pytest.fixture
def of_foreach(shell: Shell) -> Shell:
    shell.relay.spec = FOREACH
    return shell


def test_resume_asks_for_it_and_waits_until_the_run_goes_on(of_foreach: Shell) -> None:
    of_foreach.relay.states = [failed(), failed(), going_on()]

    result = of_foreach("runs", "resume", RUN)
    assert (result.code, result.out.splitlines()[0]) == (0, f"{RUN} goes on with all that failed")
    assert f"steprelay runs show {RUN} -f" in result.out
    assert of_foreach.relay.resumed == [(RUN, None)]


def test_resume_tells_the_generation_as_json(of_foreach: Shell) -> None:
    of_foreach.relay.states = [failed(), going_on()]

    (told,) = of_foreach("runs", "resume", RUN, "--json").json
    assert told == {"kind": "resumed", "run": RUN, "request": REQUEST, "generation": 2}


def test_a_resumed_run_that_is_followed_gives_its_exit_code(of_foreach: Shell) -> None:
    again = replace(going_on(), run=replace(failed().run, generation=2, requests=(REQUEST,), version=9))
    of_foreach.relay.states = [failed(), going_on(), going_on(), again]

    assert of_foreach("runs", "resume", RUN, "-f").code == 1


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (run_of(RunStatus.SUCCEEDED), f"{RUN} cannot be resumed: it succeeded: start a new run"),
        (run_of(), f"{RUN} cannot be resumed: it is running"),
        (run_of(failure=CAUSE), f"{RUN} cannot be resumed: it is about to fail, but some of its tasks still run"),
    ],
)
def test_what_cannot_be_resumed_is_refused_with_what_to_do(shell: Shell, run: Any, says: str) -> None:
    shell.relay.states = [stored(run=run)]

    result = shell("runs", "resume", RUN)
    assert result.code == 2
    assert says in result.err
    assert shell.relay.resumed == []


def test_somebody_who_was_faster_is_told_of(of_foreach: Shell) -> None:
    of_foreach.relay.states = [failed(), stored(run=run_of(generation=2, requests=("another",)))]

    result = of_foreach("runs", "resume", RUN)
    assert result.code == 2
    assert "cannot be resumed: it is running" in result.err


def test_a_relay_that_does_not_take_the_request_up_is_given_up_on(of_foreach: Shell) -> None:
    of_foreach.relay.states = [failed()]

    result = of_foreach("runs", "resume", RUN)
    assert result.code == 4
    assert f"{RUN} was asked to go on and has not yet" in result.out


@pytest.mark.parametrize("command", [("resume",), ("retry", "process")])
def test_a_run_that_is_not_there_is_said_to_be_missing(shell: Shell, command: tuple[str, ...]) -> None:
    shell.relay.states = [None]

    result = shell("runs", command[0], "Flow-none", *command[1:])
    assert result.code == 2
    assert "there is no run 'Flow-none'" in result.err


def test_retry_asks_for_the_tasks_that_are_named(of_foreach: Shell) -> None:
    of_foreach.relay.states = [failed(), going_on()]

    result = of_foreach("runs", "retry", RUN, "process.3")
    assert (result.code, result.out.splitlines()[0]) == (0, f"{RUN} goes on with process.3")
    assert of_foreach.relay.resumed == [(RUN, "process.3")]


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ("proces", "the flow has no step 'proces': did you mean 'process'?"),
        ("process.1", "process.1 succeeded"),
        ("join", "join has not begun"),
        ("process.x", "'process.x' is not STEP or STEP.SPLIT"),
    ],
)
def test_what_cannot_be_retried_is_refused_with_the_reason(of_foreach: Shell, tasks: str, says: str) -> None:
    of_foreach.relay.states = [failed()]

    result = of_foreach("runs", "retry", RUN, tasks)
    assert result.code == 2
    assert says in result.err
    assert of_foreach.relay.resumed == []


def test_a_task_that_runs_is_not_retried(of_foreach: Shell) -> None:
    running = group("process", (0,), submissions=(submitted(Ranges.upto(4)),))
    of_foreach.relay.states = [stored(won("start"), running)]

    assert "process.3 is running: wait for its end" in of_foreach("runs", "retry", RUN, "process.3").err


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
def test_whoever_looks_at_a_run_that_did_not_succeed_is_told_how_it_goes_on(shell: Shell, status: RunStatus) -> None:
    shell.relay.states = [stored(run=run_of(status))]

    assert f"steprelay runs resume {RUN}" in shell("runs", "show", RUN).out


def test_show_tells_the_limit_of_a_run_and_how_often_it_was_resumed(shell: Shell) -> None:
    shell.relay.spec = flow_of({"start": {}}, timeout_seconds=21_600)
    shell.relay.states = [stored(run=run_of(generation=3, deadline=1_790_021_600.0))]

    out = shell("runs", "show", RUN).out
    assert "resumed     2 times" in out
    assert "time limit  6 h, until 2026-" in out
    (shown,) = shell("runs", "show", RUN, "--json").json
    assert (shown["generation"], shown["deadline"]) == (3, 1_790_021_600.0)


def test_a_run_that_took_too_long_is_told_apart_from_a_step_that_did(shell: Shell) -> None:
    cause = RunFailure("", 0, Failure("timeout", "the run took longer than its limit of 60 s"))
    shell.relay.states = [stored(run=run_of(RunStatus.FAILED, failure=cause))]

    out = shell("runs", "show", RUN).out
    assert "where   the run as a whole" in out
    assert "more time with @timeout on the flow's class" in out


def test_the_graph_of_a_flow_says_how_long_a_run_may_take(shell: Shell) -> None:
    path = shell.write_flow(LIMITED)

    assert "at most 1 h 30 min a run" in shell("show", path).out
    (spec,) = shell("show", path, "--json").json
    assert spec["timeout_seconds"] == 5400


LIMITED = """
from steprelay import FlowSpec, step, timeout

@timeout(hours=1, minutes=30)
class One(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
