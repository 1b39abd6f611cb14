"""Steps that are commands in any language."""

import json
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.outcome import Outcome
from steprelay.sdk.binding import Ref
from tests.runner.lab import Lab, flow, group, inputs, item, runs, same, to, wait_until

PYTHON = flow("""
    @step
    def start(self):
        self.word, self.numbers, self.odd = "hello", [1, 2], {1j}
        self.next(self.shell, foreach="numbers")
    @step
    def shell(self): pass
""")


def _lab(tmp_path: Path, script: str) -> Lab:
    return Lab(tmp_path, {"step.sh": f"#!/bin/sh\n{script}\n", "flow.py": PYTHON})


def _run(lab: Lab, *ways: dict[str, Any] | str, step: str = "shell", **changes: Any) -> Outcome:
    return lab.run(step, *ways, **{"command": ["./step.sh"], "entrypoint": None, **changes})


def test_a_command_runs_in_the_package_with_the_tasks_variables(tmp_path: Path) -> None:
    lab = _lab(
        tmp_path,
        """
        cat > "$STEPRELAY_OUTPUT/seen.json" <<END
        ["$STEPRELAY_RUN_ID", "$STEPRELAY_FLOW_NAME", "$STEPRELAY_STEP_NAME", "$STEPRELAY_TASK_ID",
         "$STEPRELAY_RETRY_COUNT", "$STEPRELAY_PARAM_ALPHA", $STEPRELAY_PARAM_OPTIONS, "$COLOUR"]
END
    """,
    )
    parameters = {"alpha": "text", "options": {"deep": [1]}}
    outcome = _run(lab, parameters=parameters, environment={"COLOUR": "green"}, attempt=2, max_attempts=2)
    assert lab.artifacts(outcome)["seen"] == [
        "TheFlow-1", "TheFlow", "shell", "shell", "1", "text", {"deep": [1]}, "green",
    ]  # fmt: skip


def test_artifacts_that_json_can_hold_are_files_and_the_others_are_carried(tmp_path: Path) -> None:
    lab = _lab(
        tmp_path,
        """
        ls "$STEPRELAY_INPUT"
        cp "$STEPRELAY_INPUT/word.json" "$STEPRELAY_OUTPUT/copy.json"
        cp "$STEPRELAY_INPUT/input.json" "$STEPRELAY_OUTPUT/item.json"
        echo "$STEPRELAY_INDEX" > "$STEPRELAY_OUTPUT/index.json"
    """,
    )
    lab.run("start", to("shell", foreach="numbers"))
    outcome = _run(lab, member=1, path=[0], members=[[0, 1]], inputs=item("start"))
    assert lab.output.split() == ["input.json", "numbers.json", "word.json"]
    assert lab.artifacts(outcome) == {
        "word": "hello", "numbers": [1, 2], "odd": {1j}, "copy": "hello", "item": 2, "index": 1,
    }  # fmt: skip


def test_a_join_gets_a_folder_for_each_input_and_carries_what_does_not_differ(tmp_path: Path) -> None:
    lab = _lab(tmp_path, 'cat "$STEPRELAY_INPUT"/*/x.json')
    refs = {value: _stored(lab, value) for value in (1, 2, 3)}
    lab.put_outcome("left", Outcome("succeeded", artifacts={"x": refs[1], "same": refs[3]}))
    lab.put_outcome("right", Outcome("succeeded", artifacts={"x": refs[2], "same": refs[3]}))
    outcome = _run(lab, step="join", inputs=inputs("branches", group("left"), group("right")))
    assert lab.output == "12"
    assert lab.artifacts(outcome) == {"same": 3}


def _stored(lab: Lab, value: int) -> Ref:
    from steprelay.runner.artifacts import Payload, artifact_key

    payload = Payload(value)
    payload.store(lab.store, artifact_key("TheFlow", payload.ref))
    return payload.ref


def test_parameters_never_pass_through_a_shell(tmp_path: Path) -> None:
    lab = _lab(tmp_path, 'printf "%s" "$STEPRELAY_PARAM_NAME"')
    _run(lab, parameters={"name": "$(echo run) `echo run` ; echo run"})
    assert lab.output == "$(echo run) `echo run` ; echo run"


def test_a_failing_command_fails_the_step_with_its_exit_code(tmp_path: Path) -> None:
    failure = _run(_lab(tmp_path, "exit 7")).failure
    assert failure is not None
    assert (failure.class_, failure.type, failure.exit_code) == ("program", "CommandFailed", 7)
    assert failure.message == "command ['./step.sh'] exited with 7"


def test_a_killed_command_counts_as_a_shell_counts_it(tmp_path: Path) -> None:
    failure = _run(_lab(tmp_path, "kill -9 $$")).failure
    assert failure is not None
    assert failure.exit_code == 137
    assert "was killed by SIGKILL" in failure.message


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    failure = _run(_lab(tmp_path, ""), command=["no-such-program"]).failure
    assert failure is not None
    assert (failure.exit_code, failure.message[:52]) == (127, "command 'no-such-program' cannot be started: No such")


def test_a_command_is_ended_at_its_timeout_with_all_it_started(tmp_path: Path) -> None:
    lab = _lab(tmp_path, "sleep 600 & echo $!; wait")
    failure = _run(lab, timeout_seconds=0.3).failure
    assert failure is not None
    assert failure.class_ == "timeout"
    wait_until(lambda: not runs(int(lab.output.split()[0])), "the end of what the command started")


def test_a_file_named_next_tells_the_way_on(tmp_path: Path) -> None:
    lab = _lab(tmp_path, 'echo b > "$STEPRELAY_OUTPUT/next"')
    assert _run(lab, "a", "b").transition == 1


def test_a_condition_is_read_from_what_the_command_wrote(tmp_path: Path) -> None:
    lab = _lab(tmp_path, 'echo true > "$STEPRELAY_OUTPUT/big.json"')
    assert _run(lab, to("a", when="false"), to("b", when="true"), condition="big").transition == 1


def test_a_condition_may_be_an_artifact_that_came_in(tmp_path: Path) -> None:
    lab = _lab(tmp_path, "true")
    lab.run("start", to("shell", foreach="numbers"))
    outcome = _run(lab, to("a", when="bye"), to("b", when="hello"), condition="word", inputs=same("start"))
    assert outcome.transition == 1


def test_a_command_can_start_a_foreach(tmp_path: Path) -> None:
    lab = _lab(tmp_path, """echo '["x", "y"]' > "$STEPRELAY_OUTPUT/items.json" """)
    outcome = _run(lab, to("each", foreach="items"))
    assert outcome.foreach_count == 2


@pytest.mark.parametrize(
    ("script", "changes", "message"),
    [
        ('echo "{" > "$STEPRELAY_OUTPUT/x.json"', {}, "x.json is not JSON"),
        ('touch "$STEPRELAY_OUTPUT/model.bin"', {}, "model.bin is not named like an artifact"),
        ("true", {"next": [to("a"), to("b")]}, "nothing in STEPRELAY_OUTPUT/next, which does not tell one way on"),
        ('echo c > "$STEPRELAY_OUTPUT/next"', {"next": [to("a"), to("b")]}, "'c' in STEPRELAY_OUTPUT/next"),
        ("true", {"next": [to("a", when="1"), to("b", when="2")], "condition": "k"}, "k = None"),
        ("true", {"next": [to("a", foreach="items")]}, "self.items is None"),
    ],
)
def test_output_that_cannot_be_used_fails_with_a_clear_message(
    tmp_path: Path, script: str, changes: dict[str, Any], message: str
) -> None:
    failure = _run(_lab(tmp_path, script), **changes).failure
    assert failure is not None
    assert message in failure.message


def test_catch_takes_a_failed_command(tmp_path: Path) -> None:
    lab = _lab(tmp_path, "exit 7")
    outcome = _run(lab, "end", catch={"var": "problem", "print_exception": True})
    assert outcome.caught
    assert "exited with 7" in str(lab.artifacts(outcome)["problem"])


def test_json_is_read_in_any_script(tmp_path: Path) -> None:
    lab = _lab(tmp_path, f"""printf '%s' '{json.dumps("größe", ensure_ascii=False)}' > "$STEPRELAY_OUTPUT/x.json" """)
    assert lab.artifacts(_run(lab))["x"] == "größe"
