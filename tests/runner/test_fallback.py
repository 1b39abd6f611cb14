"""Fallback attempts: @catch for failures that no code of the step saw."""

import json
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.outcome import Failure, Outcome
from steprelay.sdk.exceptions import StepFailed
from tests.runner.lab import Lab, flow, group, inputs, same, to
from tests.runner.test_light import Function

CATCH = {"var": "problem", "print_exception": True}
WORK = flow("""
    @step
    def start(self):
        self.kept = "from before"
        self.next(self.work)
    @step
    def work(self):
        raise ValueError("user code ran")
    @step
    def end(self): pass
""")
OOM = {
    "members": [[0, 9]],
    "attempt": 1,
    "class": "oom",
    "reason": "OutOfMemoryError: Container killed due to memory usage",
    "exit_code": 137,
    "log_stream": "work/default/1",
    "log_link": "https://console/work",
    "told": False,
}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path, WORK)
    made.succeed("start", "work")
    return made


def fall_back(lab: Lab, *ways: Any, cause: dict[str, Any] = OOM, **changes: Any) -> Outcome:
    given: dict[str, Any] = {
        "attempt": 2,
        "max_attempts": 4,
        "catch": CATCH,
        "inputs": same("start"),
        "fallback": [cause],
    } | changes
    Function(lab)("work", *ways, **given)
    return lab.outcome("work", attempt=given["attempt"])


def test_the_failure_stands_in_the_artifact_and_earlier_ones_go_along(lab: Lab) -> None:
    outcome = fall_back(lab, "end")
    found = lab.artifacts(outcome)
    problem = found.pop("problem")
    assert (outcome.caught, outcome.transition, found) == (True, 0, {"kept": "from before"})
    assert isinstance(problem, StepFailed)
    assert str(problem) == "oom: OutOfMemoryError: Container killed due to memory usage"
    assert (problem.class_, problem.exit_code) == ("oom", 137)
    assert (problem.log_stream, problem.log_link) == ("work/default/1", "https://console/work")


def test_no_user_code_runs_and_no_package_is_read(lab: Lab) -> None:
    lab.store.requests.clear()
    assert fall_back(lab, "end").caught
    assert not [key for _, key in lab.store.requests if key.startswith("packages/")]


def test_the_last_step_ends_well_too(lab: Lab) -> None:
    outcome = fall_back(lab)
    assert (outcome.status, outcome.transition) == ("succeeded", None)


def test_catch_without_an_artifact_goes_on_all_the_same(lab: Lab) -> None:
    outcome = fall_back(lab, "end", catch={"var": None, "print_exception": True})
    assert outcome.caught
    assert lab.artifacts(outcome) == {"kept": "from before"}


def test_what_the_outcome_of_the_failed_attempt_tells_comes_before_what_the_relay_knows(lab: Lab) -> None:
    failed = Failure("program", "ValueError", "no luck", "Traceback: here", 1)
    lab.put_outcome("work", Outcome("failed", failure=failed))
    cause = {**OOM, "class": "program", "reason": "ValueError: no luck", "exit_code": None, "told": True}
    problem = lab.artifacts(fall_back(lab, "end", cause=cause))["problem"]
    assert (problem.type, problem.text, problem.trace, problem.exit_code) == (
        "ValueError",
        "no luck",
        "Traceback: here",
        1,
    )


def test_an_outcome_that_came_after_the_relay_had_decided_is_not_read(lab: Lab) -> None:
    lab.put_outcome("work", Outcome("failed", failure=Failure("program", "ValueError", "too late")))
    assert lab.artifacts(fall_back(lab, "end"))["problem"].type == "oom"


def test_the_log_tells_what_failed_and_what_followed(lab: Lab) -> None:
    fall_back(lab, "end")
    log = lab.store.get("runs/TheFlow-1/work/0/2/log.txt").decode()
    assert log.splitlines() == [
        "steprelay: attempt 1 of work failed (oom), and is not made again",
        "oom: OutOfMemoryError: Container killed due to memory usage",
        "steprelay: @catch lets the flow go on, with the failure in 'problem'",
    ]


def test_the_log_leaves_out_the_failure_where_catch_is_to_be_silent(lab: Lab) -> None:
    fall_back(lab, "end", catch={"var": None, "print_exception": False})
    assert "OutOfMemoryError" not in lab.store.get("runs/TheFlow-1/work/0/2/log.txt").decode()


def test_each_task_of_a_foreach_has_the_failure_that_was_its_own(lab: Lab) -> None:
    causes = [{**OOM, "members": [[0, 0], [2, 2]]}, {**OOM, "members": [[1, 1]], "class": "spot", "reason": "gone"}]
    lab.put_outcome("start", Outcome("succeeded", transition=0, foreach_count=3))
    brief = lab.put_brief(
        "work",
        "join",
        path=[0],
        members=[[0, 2]],
        attempt=2,
        catch=CATCH,
        fallback=causes,
        inputs=inputs("item", group("start")),
    )
    Function(lab).deliver({"brief": brief, "members": [0, 1, 2]})
    outcomes = [lab.outcome("work", member, path=(0,), attempt=2) for member in range(3)]
    assert [lab.artifacts(outcome)["problem"].class_ for outcome in outcomes] == ["oom", "spot", "oom"]
    assert [outcome.stack[-1].index for outcome in outcomes] == [0, 1, 2]


@pytest.mark.parametrize("ways", [[to("a", foreach="x")], [to("a"), to("b")]])
def test_a_step_that_would_have_had_to_choose_cannot_go_on(lab: Lab, ways: list[dict[str, Any]]) -> None:
    failure = fall_back(lab, *ways).failure
    assert failure is not None
    assert "failed before it chose among" in failure.message


def test_an_input_that_is_gone_is_a_failure_and_no_error_of_the_function(lab: Lab) -> None:
    failure = fall_back(lab, "end", inputs=same("nowhere")).failure
    assert failure is not None
    assert failure.type == "Missing"


def test_a_join_goes_on_without_its_inputs_artifacts(lab: Lab) -> None:
    outcome = fall_back(lab, "end", inputs=inputs("branches", group("start")))
    assert list(lab.artifacts(outcome)) == ["problem"]


def test_the_checkpoints_of_the_attempts_before_are_deleted(lab: Lab) -> None:
    key = "runs/TheFlow-1/.checkpoints/work/0/saved/1.1.json"
    lab.store.put(key, b"{}")
    fall_back(lab, "end")
    assert not lab.store.exists(key)


def test_a_message_that_comes_twice_is_answered_from_the_first_time(lab: Lab) -> None:
    function = Function(lab)
    message = {
        "brief": lab.put_brief("work", "end", attempt=2, catch=CATCH, inputs=same("start"), fallback=[OOM]),
        "member": 0,
    }
    statuses = [function.deliver(message)[0].status for _ in range(2)]
    assert statuses == ["succeeded", "succeeded"]


def test_the_last_attempt_of_a_job_marks_that_it_was_caught(lab: Lab) -> None:
    lab.attempt("work", "end", catch=CATCH, inputs=same("start"))
    assert lab.store.exists("runs/TheFlow-1/work/0/1/caught")
    outcome = json.loads(lab.store.get("runs/TheFlow-1/work/0/1/outcome.json"))
    told = outcome["caught_failure"]
    assert (outcome["caught"], outcome["failure"]) == (True, None)
    assert (told["class_"], told["type"], told["message"]) == ("program", "ValueError", "user code ran")
