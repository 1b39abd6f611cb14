"""A flow's requests, planned without AWS."""

import json
from typing import Any

import pytest

from steprelay.plan import Plan, Platform, make_plan
from steprelay_core.spec import Flow, validate_spec
from steprelay_core.translate import TranslateError
from tests.plan.validation import request_faults

BOOTSTRAP = "print('the bootstrap')"
ENTRYPOINT = {"file": "flow.py", "class_name": "Planned", "python": "3.12"}


def flow_of(**steps: dict[str, Any]) -> Flow:
    return validate_spec({"spec_version": 1, "flow": "Planned", "entrypoint": ENTRYPOINT, "steps": steps})


def one(batch: dict[str, Any], **step: Any) -> Flow:
    return flow_of(start={"next": "train"}, train={"batch": batch, **step})


def plan(flow: Flow, platform: Platform = "ec2", known: dict[str, str] | None = None) -> Plan:
    return make_plan(flow, platform, {"train": known or {}}, BOOTSTRAP)


FOREACH = flow_of(
    start={"next": {"to": ["train"], "foreach": "shards"}},
    train={"batch": {"cpu": 2}, "next": {"to": ["score"], "foreach": "folds"}},
    score={"batch": {}, "next": "average"},
    average={"join": True, "batch": {}, "next": "gather"},
    gather={"join": True},
)


CHAINED = flow_of(
    start={"next": {"to": ["fetch"], "foreach": "pages"}},
    fetch={"batch": {}, "next": "score"},
    score={"batch": {}, "next": "join"},
    join={"join": True, "batch": {}, "next": "end"},
    end={"batch": {}},
)


def test_an_array_that_is_chained_to_another_says_so() -> None:
    planned = plan(CHAINED).steps
    assert {name: step.behind for name, step in planned.items()} == {
        "fetch": None,
        "score": "fetch",
        "join": None,
        "end": None,
    }
    assert planned["score"].submit["dependsOn"] == [{"jobId": "the-job-of-fetch", "type": "N_TO_N"}]
    assert "dependsOn" not in planned["fetch"].submit


def test_what_may_not_wait_for_ever_is_chained_to_nothing_and_says_how_long() -> None:
    document = CHAINED.spec.model_dump(mode="json", exclude_unset=True)
    document["steps"]["score"]["queue_timeout_seconds"] = 600
    score = plan(validate_spec(document)).steps["score"]
    assert (score.behind, score.as_json()["queue_timeout_seconds"]) == (None, 600)
    assert "queue_timeout_seconds" not in plan(CHAINED).steps["score"].as_json()


def test_what_has_a_window_is_chained_to_nothing() -> None:
    way = {"to": ["fetch"], "foreach": "pages", "max_workers": 5}
    steps = {name: step.model_dump(exclude_unset=True) for name, step in CHAINED.spec.steps.items()}
    planned = plan(flow_of(**steps | {"start": {"next": way}})).steps
    assert "dependsOn" not in planned["score"].submit


@pytest.mark.parametrize("platform", ["ec2", "fargate"])
def test_planned_requests_pass_the_validation_of_aws(platform: Platform) -> None:
    written = (
        make_plan(FOREACH, platform, {}, BOOTSTRAP) if platform == "ec2" else plan(one({"memory": 4096}), platform)
    )

    assert request_faults(written.as_json()["steps"]) == []


def test_a_plan_is_json_of_both_requests_and_the_provenance() -> None:
    written = json.loads(json.dumps(plan(one({})).as_json()))

    assert {name: list(step) for name, step in written["steps"].items()} == {
        "train": ["register_job_definition", "submit_job", "provenance"]
    }
    assert (written["flow"], written["platform"], written["light_steps"]) == ("Planned", "ec2", ["start"])


def test_a_planned_submission_names_the_planned_definition() -> None:
    step = plan(one({})).steps["train"]

    assert step.submit["jobDefinition"] == step.definition["jobDefinitionName"]
    assert step.definition["containerProperties"]["command"] == ["python3", "-c", BOOTSTRAP]


def test_what_only_a_relay_knows_is_said_to_be_its_default() -> None:
    step = plan(one({}), known={"cpu": "default", "memory": "default"}).steps["train"]

    assert step.provenance == {
        "cpu": "default",
        "memory": "default",
        "image": "default",
        "queue": "the relay's default",
        "iam_role": "the relay's default",
        "execution_role": "the relay's default",
    }
    assert step.submit["jobQueue"] == "the-relays-job-queue"
    assert step.definition["containerProperties"]["jobRoleArn"].endswith("/the-relays-job-role")


def test_provenance_that_is_known_stays_as_it_is_in_the_order_of_the_parameters() -> None:
    batch = {"queue": ["spot", "on-demand"], "aws_batch_tags": {"b": "1", "a": "2"}, "gpu": 1}
    known = {
        "retry": "@retry (flow.py:3)",
        "aws_batch_tags.b": "--with batch",
        "aws_batch_tags.a": "@batch (flow.py:4)",
        "queue": "environment STEPRELAY_BATCH_JOB_QUEUE",
        "gpu": "--with batch:gpu=1",
        "cpu": "default",
    }
    step = plan(one(batch), known=known).steps["train"]

    assert list(step.provenance) == [
        "cpu", "gpu", "image", "queue", "iam_role", "execution_role", "aws_batch_tags.b", "aws_batch_tags.a", "retry",
    ]  # fmt: skip
    assert {name: step.provenance[name] for name in known} == known
    assert step.submit["jobQueue"] == "spot"


def test_every_problem_of_every_step_is_told_at_once_with_its_step_and_path() -> None:
    flow = flow_of(
        start={"next": "train"},
        train={"batch": {"gpu": 1, "memory": 8192}, "next": "score"},
        score={"batch": {"privileged": True}},
    )
    with pytest.raises(TranslateError) as raised:
        plan(flow, "fargate")

    told = [(problem.step, problem.path) for problem in raised.value.problems]
    assert ("train", "steps.train.batch.gpu") in told
    assert ("score", "steps.score.batch.privileged") in told
    assert all(problem.hint for problem in raised.value.problems)


def test_tasks_of_a_foreach_are_planned_one_by_one_and_say_what_they_go_through() -> None:
    steps = plan(FOREACH).steps

    assert {name: step.items for name, step in steps.items()} == {
        "train": "shards",
        "score": "folds",
        "average": "shards",
    }
    assert steps["score"].submit["parameters"]["path"] == "0.0"
    assert "arrayProperties" not in steps["score"].submit


def test_a_step_of_many_nodes_is_planned_for_all_of_them() -> None:
    step = plan(one({"num_parallel": 4})).steps["train"]

    assert step.definition["nodeProperties"]["numNodes"] == 4
    assert request_faults({"train": step.as_json()}) == []


def test_a_flow_of_light_steps_asks_nothing_of_batch() -> None:
    written = plan(flow_of(start={"next": "end"}, end={}))

    assert written.steps == {}
    assert written.light_steps == ("start", "end")


def test_a_plan_is_the_same_every_time() -> None:
    assert plan(one({"cpu": 2})) == plan(one({"cpu": 2}))
