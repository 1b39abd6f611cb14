"""Exit hooks in the light function: what they are given, and how they end."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runner.lab import Lab, flow, group, inputs
from tests.runner.test_light import Function

SOURCE = flow(
    """
    alpha = Parameter("alpha", default=3)
    @step
    def start(self):
        self.answer = 42
        self.next(self.end)
    @step
    def end(self): pass
    """,
    before="""
    import time

    def show(run):
        print(run.id, run.flow, run.status, run.succeeded, run.parameters.alpha)
        print(run.data.answer)

    def explain(run):
        failure = run.failure
        print(failure.step, failure.task, failure.attempt, failure.failure_class, failure.reason, failure.exit_code)
        print(failure.log_link, list(failure.log_lines))
        print(getattr(run.data, "answer", "no answer"))

    def look(run):
        return run.data.answer

    def bare():
        print("nothing is needed", current.run_id, current.step_name)

    def break_down(run):
        raise ValueError("nobody answers")

    def hang(run):
        time.sleep(600)

    def misspell(run):
        return run.data.anwser
    """,
)
FAILURE = {
    "step": "start", "task": "start", "attempt": 2, "class": "oom", "reason": "memory", "exit_code": 137,
    "log_stream": "s", "log_link": "https://console", "log_lines": ["a", "b"],
}  # fmt: skip


def call(tmp_path: Path, hook: str, *, failure: Any = None, seconds: float = 60, **more: Any) -> Function:
    """Have a hook called after the run has ended, with its last step's artifacts where it has succeeded."""
    function = Function(Lab(tmp_path, SOURCE))
    given: dict[str, Any] = {"inputs": inputs("none")}
    if failure is None:
        function("start", "end")
        given["inputs"] = inputs("same", group("start"))
    ended = {"status": "SUCCEEDED" if failure is None else "FAILED", "failure": failure}
    function.reports.clear()
    function(hook, seconds=seconds, hook=ended, **given, **more)
    return function


def outcome(function: Function, hook: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(function.lab.store.get(f"runs/TheFlow-1/{hook}/0/1/outcome.json"))
    return found


def test_a_hook_is_given_the_run_and_reads_artifacts_of_its_last_step(tmp_path: Path) -> None:
    function = call(tmp_path, "show")
    assert function.log("show") == "TheFlow-1 TheFlow SUCCEEDED True 3\n42\n"
    assert outcome(function, "show")["status"] == "succeeded"
    ((report,),) = function.reports
    assert report["detail"] == {
        "run": "TheFlow-1", "step": "show", "path": [], "member": 0, "attempt": 1, "lost": None,
    }  # fmt: skip


def test_a_hook_of_a_failed_run_is_given_its_first_cause(tmp_path: Path) -> None:
    function = call(tmp_path, "explain", failure=FAILURE)
    assert function.log("explain").splitlines() == [
        "start start 2 oom memory 137",
        "https://console ['a', 'b']",
        "no answer",
    ]


def test_a_hook_that_asks_for_artifacts_of_a_failed_run_is_told_that_there_are_none(tmp_path: Path) -> None:
    failure = outcome(call(tmp_path, "look", failure=FAILURE), "look")["failure"]
    assert failure["message"].startswith("there is no artifact 'answer': the run failed before its last step")


def test_a_misspelt_artifact_is_told_with_those_there_are(tmp_path: Path) -> None:
    failure = outcome(call(tmp_path, "misspell"), "misspell")["failure"]
    assert (failure["type"], "did you mean answer?" in failure["message"]) == ("AttributeError", True)


def test_a_hook_without_an_argument_is_called_with_none(tmp_path: Path) -> None:
    assert call(tmp_path, "bare").log("bare") == "nothing is needed TheFlow-1 bare\n"


def test_a_hook_that_raises_leaves_a_failed_outcome_with_its_traceback(tmp_path: Path) -> None:
    function = call(tmp_path, "break_down")
    left = outcome(function, "break_down")
    assert (left["status"], left["failure"]["type"], left["failure"]["message"]) == (
        "failed",
        "ValueError",
        "nobody answers",
    )
    assert "break_down" in function.log("break_down")


def test_a_hook_that_hangs_ends_with_its_functions_time(tmp_path: Path) -> None:
    left = outcome(call(tmp_path, "hang", failure=FAILURE, seconds=4.5), "hang")
    assert left["failure"]["class_"] == "timeout"
    assert left["failure"]["message"].startswith("exit hook 'hang' did not end within the ")


def test_a_hook_that_the_file_does_not_have_fails_and_says_so(tmp_path: Path) -> None:
    left = outcome(call(tmp_path, "gone", failure=FAILURE), "gone")
    assert left["failure"]["message"] == "the flow's file has no function 'gone', which the spec names as an exit hook"


@pytest.mark.parametrize(("failure", "status"), [(None, "SUCCEEDED"), (FAILURE, "FAILED")])
def test_a_command_is_told_by_its_environment_how_the_run_has_ended(
    tmp_path: Path, failure: dict[str, Any] | None, status: str
) -> None:
    script = 'echo "$STEPRELAY_RUN_ID $STEPRELAY_RUN_STATUS"; echo "$STEPRELAY_RUN_FAILURE"'
    function = call(tmp_path, "tell", failure=failure, command=["sh", "-c", script])
    first, second = function.log("tell").splitlines()
    assert first == f"TheFlow-1 {status}"
    assert (json.loads(second) if second else None) == failure


def test_a_command_finds_the_artifacts_of_the_last_step_as_any_step_does(tmp_path: Path) -> None:
    function = call(tmp_path, "tell", command=["sh", "-c", 'cat "$STEPRELAY_INPUT/answer.json"'])
    assert function.log("tell") == "42"
