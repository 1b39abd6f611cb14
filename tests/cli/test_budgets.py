"""What paid for each attempt of a run, and what a step asks for, as commands say it."""

from dataclasses import replace

from steprelay_core.state.model import Failure, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.cli.surroundings import Shell
from tests.client.fake_relay import RUN, failed_attempt, failed_run, group, run_of, stored


def test_a_run_is_shown_with_what_paid_for_each_attempt_and_why_there_was_none(shell: Shell) -> None:
    failure, none = Failure("program", "ValueError: no luck", 1), "none: all retries are used up, 1 of 1"
    lines = tuple(
        failed_attempt(0, number + 1, failure, budget=text) for number, text in enumerate(["retry 1 of 1", none])
    )
    run = failed_run("start", 2, failure)
    assert run.failure is not None
    run = replace(run, failure=replace(run.failure, budget=none))
    shell.relay.states = [stored(group("start", failed=Ranges.of(0), history=lines), run=run)]

    out = shell("runs", "show", RUN).out
    assert "ValueError: no luck — retrying (retry 1 of 1)" in out
    assert "ValueError: no luck — giving up (all retries are used up, 1 of 1)" in out
    assert f"  retry   {none}\n" in out
    (shown,) = shell("runs", "show", RUN, "--json").json
    assert [one["budget"] for one in shown["failed_attempts"]] == ["retry 1 of 1", none]
    assert shown["failure"]["budget"] == shown["result"]["failure"]["budget"] == none


def test_show_says_how_and_after_what_a_step_is_tried_again(shell: Shell) -> None:
    given = {"times": 1, "backoff": 2, "jitter": 0.2, "memory_factor": 1.5, "on": "program", "exit_codes_no_retry": 3}
    steps = {"start": {"command": ["true"], "batch": {}, "retry": given, "next": "end"}}
    steps["end"] = {"command": ["true"], "batch": {}, "retry": {"times": 0}}
    out = shell("show", shell.write_spec(steps=steps, parameters={})).out

    assert (
        "      up to 1 retry, 2 min apart, each wait 2 times the last, each wait up to 20 % shorter or longer, "
        "after program only, not after exit code 3, with 1.5 times the memory where it ran out\n"
    ) in out
    assert "      never tried again\n" in out


def test_an_attempt_that_a_cancellation_prevented_was_not_given_up(shell: Shell) -> None:
    line = failed_attempt(0, 1, Failure("program", "ValueError: no luck", 1), budget="retry 1 of 2")
    stopped = group("start", failed=Ranges.of(0), history=(line,))
    shell.relay.states = [stored(stopped, run=run_of(RunStatus.CANCELLED))]

    out = shell("runs", "show", RUN).out
    assert "ValueError: no luck — stopped before its next attempt\n" in out
