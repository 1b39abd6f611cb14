"""A spec is accepted whole or refused with every problem: path, what is allowed, what was given."""

import json
from typing import Any

import pytest

from steprelay_core.spec import Problem, SpecError, parse_spec, validate_spec


def _problems(document: Any) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        validate_spec(document)
    return caught.value.problems


def _of_step(step: dict[str, Any], **flow: Any) -> Problem:
    (problem,) = _problems({"spec_version": 1, "flow": "F", "steps": {"start": {"command": ["x"], **step}}, **flow})
    return problem


def test_the_short_forms_of_next_mean_the_long_one() -> None:
    def ways(given: object) -> list[dict[str, Any]]:
        steps = {"start": {"command": ["x"], "next": given}, "a": {"command": ["x"]}}
        spec = validate_spec({"spec_version": 1, "flow": "F", "steps": steps}).spec
        return [way.model_dump(exclude_defaults=True) for way in spec.steps["start"].next]

    assert ways("a") == ways(["a"]) == ways({"to": ["a"]}) == ways([{"to": ["a"]}]) == [{"to": ["a"]}]


def test_text_that_is_no_json_is_one_problem_with_its_place() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec('{"flow": }')
    (problem,) = caught.value.problems
    assert "line 1 column 10" in problem.message


def test_deep_nesting_is_a_problem_and_no_crash() -> None:
    with pytest.raises(SpecError):
        parse_spec("[" * 100_000)


@pytest.mark.parametrize("document", [[], "x", None, 3])
def test_anything_but_an_object_is_refused(document: object) -> None:
    assert "must be a JSON object" in _problems(document)[0].message


def test_a_spec_of_the_future_says_what_to_update() -> None:
    (problem,) = _problems({"spec_version": 2, "whatever": True})
    assert problem.hint == "update the relay, or package with an older steprelay"


def test_all_problems_come_at_once_each_place_once() -> None:
    found = _problems(
        {
            "spec_version": 1,
            "flow": "F",
            "steps": {"start": {"batch": {"cpu": "four", "memory": 1, "gpus": 2}, "next": [{"to": "x"}]}},
            "parameters": {"1": {}},
        }
    )
    assert [problem.path for problem in found] == [
        "parameters.1",
        "steps.start.next.0.to",
        "steps.start.batch.cpu",
        "steps.start.batch.memory",
        "steps.start.batch.gpus",
    ]


@pytest.mark.parametrize(
    ("step", "path", "message", "hint"),
    [
        ({"batch": {"cpu": "4"}}, "batch.cpu", "'cpu' must be a number above 0, given '4'", None),
        ({"batch": {"memory": 3}}, "batch.memory", "'memory' must be a whole number of MiB, at least 4, given 3", None),
        ({"batch": {"cpus": 4}}, "batch.cpus", "unknown key 'cpus'", "did you mean 'cpu'?"),
        (
            {"retry": {"delay": 4}},
            "retry.delay",
            "unknown key 'delay'",
            "known: times, minutes_between_retries, backoff, jitter, memory_factor, on, exit_codes_no_retry",
        ),
        ({"command": ["x", 3]}, "command.1", "'command'[1] must be text, given 3", None),
        ({"join": "yes"}, "join", "'join' must be true or false, given 'yes'", None),
        ({"next": {"foreach": "x"}}, "next.0.to", "'to' is missing", None),
        (
            {"timeout_seconds": 900},
            "timeout_seconds",
            "a light step may take 840 s, it asks for 900 s",
            "add @batch to the step",
        ),
        (
            {"queue_timeout_seconds": 900},
            "queue_timeout_seconds",
            "a light step waits in no queue, so its waiting has no limit",
            "add @batch to the step, or leave it out",
        ),
        (
            {"batch": {}, "queue_timeout_seconds": 0},
            "queue_timeout_seconds",
            "'queue_timeout_seconds' must be a whole number, at least 1, given 0",
            None,
        ),
        ({"package": False}, "package", "`package: false` needs a `command` and a `batch` with an `image`", None),
    ],
)
def test_a_problem_of_a_step_says_what_is_allowed_and_what_was_given(
    step: dict[str, Any], path: str, message: str, hint: str | None
) -> None:
    problem = _of_step(step)
    assert (problem.path, problem.message, problem.step) == (f"steps.start.{path}", message, "start")
    assert hint is None or problem.hint == hint


def test_a_step_called_like_a_key_does_not_confuse_the_known_keys() -> None:
    steps = {"start": {"command": ["x"], "next": "batch"}, "batch": {"command": ["x"], "retri": {}}}
    (problem,) = _problems({"spec_version": 1, "flow": "F", "steps": steps})
    assert (problem.path, problem.hint) == ("steps.batch.retri", "did you mean 'retry'?")


def test_a_step_with_nothing_to_run_is_refused() -> None:
    (problem,) = _problems({"spec_version": 1, "flow": "F", "steps": {"start": {}}})
    assert problem.message == "step 'start' has nothing to run"


def test_schedules_and_triggers_may_name_known_parameters_only() -> None:
    schedules = [{"expression": "rate(1 minute)", "parameters": {"alhpa": 1}}]
    problem = _of_step({}, schedules=schedules, parameters={"alpha": {}})
    assert (problem.path, problem.hint) == ("schedules.0.parameters.alhpa", "did you mean 'alpha'?")
    problem = _of_step({}, triggers=[{"event": "e", "parameters": {"b": "x"}}])
    assert problem.path == "triggers.0.parameters.b"


def test_a_long_value_is_cut_in_the_message() -> None:
    assert len(_of_step({"batch": {"cpu": "x" * 1000}}).message) < 150


def test_a_steps_parents_are_in_the_order_written() -> None:
    steps = {
        "start": {"command": ["x"], "next": ["b", "a"]},
        "b": {"command": ["x"], "next": "join"},
        "a": {"command": ["x"], "next": "join"},
        "join": {"command": ["x"], "join": True},
    }
    flow = parse_spec(json.dumps({"spec_version": 1, "flow": "F", "steps": steps}))
    assert flow.parents["join"] == ("b", "a")


def test_a_step_without_the_runner_cannot_be_a_split_of_a_foreach() -> None:
    bare = {"command": ["x"], "package": False, "batch": {"image": "busybox"}, "next": "join"}
    steps = {
        "start": {"command": ["x"], "next": {"to": ["work"], "foreach": "items"}},
        "work": bare,
        "join": {"command": ["x"], "join": True},
    }
    (problem,) = _problems({"spec_version": 1, "flow": "F", "steps": steps})
    assert problem.message == "a step inside a foreach needs the runner to know its item"


@pytest.mark.parametrize(
    "batch",
    [
        {"inferentia": 1, "trainium": 1},
        {"scheduling_priority": 1},
        {"max_memory": 100},
        {"queue": ["a", "a"]},
        {"host_volumes": ["/a:/x", "/b:/x"]},
        {"tmpfs_size": 1, "host_volumes": "/a:/steprelay_temp"},
        {"host_volumes": "/x", "efs_volumes": "fs-1:/x"},
        {"efs_volumes": {"filesystem": "fs-1", "root": "/r", "access_point": "fsap-1"}},
    ],
)
def test_problems_between_parameters_name_the_one_of_their_path(batch: dict[str, Any]) -> None:
    problem = _of_step({"batch": batch})
    assert problem.path.rpartition(".")[2] in problem.message


_ARN = "arn:aws:batch:us-east-1:123456789012:job-queue"


@pytest.mark.parametrize("queue", ["q", "_q-1", "q" * 128, f"{_ARN}/q", f"{_ARN}/{'q' * 128}", ["spot", f"{_ARN}/q"]])
def test_a_queue_is_a_name_or_an_arn(queue: Any) -> None:
    validate_spec({"spec_version": 1, "flow": "F", "steps": {"start": {"command": ["x"], "batch": {"queue": queue}}}})


@pytest.mark.parametrize("queue", ["", "a b", "q" * 129, "q\n", "a,b", "arn:aws:batch:q", f"{_ARN}/a b", "schön", []])
def test_anything_else_is_no_queue(queue: Any) -> None:
    problem = _of_step({"batch": {"queue": queue}})
    assert problem.path == "steps.start.batch.queue"
    assert "1 to 128 letters, digits, `-` and `_`" in problem.message


@pytest.mark.parametrize("role", ["iam_role", "execution_role"])
def test_a_role_has_no_white_space(role: str) -> None:
    assert "without white space" in _of_step({"batch": {role: "arn:aws:iam::1:role/my role"}}).message


def test_an_access_point_is_an_id() -> None:
    problem = _of_step({"batch": {"efs_volumes": {"filesystem": "fs-1", "access_point": "fs-1"}}})
    assert "like fsap-0123abcd" in problem.message


@pytest.mark.parametrize("name", ["../a b", "", "1x"])
def test_the_artifact_of_catch_must_be_a_name(name: str) -> None:
    problem = _of_step({"catch": {"var": name}})
    assert problem.path == "steps.start.catch.var"
    assert "must be the name of an artifact" in problem.message


@pytest.mark.parametrize(
    ("name", "whose"),
    [("alpha", "a parameter"), ("start", "a step"), ("input", "something else"), ("class", "something else")],
)
def test_nor_may_it_be_the_name_of_something_else(name: str, whose: str) -> None:
    problem = _of_step({"catch": {"var": name}}, parameters={"alpha": {"type": "int", "default": 1}})
    assert problem.path == "steps.start.catch.var"
    assert f"{name!r}, which is the name of {whose}" in problem.message
