"""Each example of the gallery asks AWS for what the documentation of `@batch` promises."""

import platform as machine
import re
from functools import cache
from typing import Any

import pytest

from steprelay.compile import compile_file
from steprelay_core.spec import Spec
from steprelay_core.translate import TranslateError
from tests.docs.planning import GALLERY, Requests, container, plan_file, plan_step, refused_by_aws, sizes

PYTHON = ".".join(machine.python_version_tuple()[:2])
ON_BOTH_PLATFORMS = (
    "process_data",
    "custom_environment",
    "tagged_job",
    "environment_variables",
    "robust_processing",
    "batch_process",
)
ON_EC2_ONLY = {"train_model": "gpu", "inference": "inferentia", "multiprocess_task": "shared_memory"}


@cache
def spec() -> Spec:
    return compile_file(GALLERY).flow.spec


@cache
def on_ec2() -> dict[str, Any]:
    return plan_file(GALLERY, "ec2")


def on_fargate(step: str) -> Requests:
    return plan_step({"batch": written(step)}, "fargate")


def written(step: str) -> dict[str, Any]:
    """What the step's @batch says."""
    asked = spec().steps[step].batch
    assert asked is not None
    return asked.model_dump(exclude_defaults=True)


def step(name: str) -> Requests:
    requests: Requests = on_ec2()["steps"][name]
    return requests


def test_the_whole_gallery_can_run_on_ec2() -> None:
    assert on_ec2()["steps"].keys() == {*ON_BOTH_PLATFORMS, *ON_EC2_ONLY}
    assert [list(refused_by_aws(requests)) for requests in on_ec2()["steps"].values()] == [[]] * 9


def test_the_basic_step_gets_its_vcpus_and_memory_and_nothing_else() -> None:
    assert sizes(step("process_data")) == {"VCPU": "4", "MEMORY": "16384"}
    assert "linuxParameters" not in container(step("process_data"))


def test_the_training_gets_two_gpus() -> None:
    assert sizes(step("train_model")) == {"VCPU": "8", "MEMORY": "32768", "GPU": "2"}


def test_the_custom_environment_runs_in_the_image_that_it_names() -> None:
    assert container(step("custom_environment"))["image"] == "my-registry.com/ml-image:latest"


def test_a_step_without_an_image_runs_in_the_python_that_packed_it() -> None:
    assert container(step("process_data"))["image"] == f"python:{PYTHON}"


def test_the_inference_gets_its_chip_as_a_device() -> None:
    (device,) = container(step("inference"))["linuxParameters"]["devices"]
    assert (device["hostPath"], device["containerPath"]) == ("/dev/neuron0", "/dev/neuron0")
    assert set(device["permissions"]) == {"READ", "WRITE"}


def test_the_processes_that_share_memory_get_16_gib_of_it() -> None:
    assert container(step("multiprocess_task"))["linuxParameters"] == {"sharedMemorySize": 16384}
    assert sizes(step("multiprocess_task")) == {"VCPU": "8", "MEMORY": "32768"}


def test_the_tags_are_on_the_job_and_go_on_to_its_ecs_task() -> None:
    submitted = step("tagged_job")["submit_job"]
    assert submitted["tags"].items() >= {"Project": "DataPipeline", "Environment": "Production"}.items()
    assert submitted["propagateTags"] is True


def test_a_bare_batch_gets_one_vcpu_and_4_gib() -> None:
    assert sizes(step("environment_variables")) == {"VCPU": "1", "MEMORY": "4096"}


def test_the_robust_step_has_two_hours_for_each_of_four_attempts() -> None:
    robust = spec().steps["robust_processing"]
    assert (robust.timeout_seconds, robust.retry and robust.retry.times) == (7200, 3)
    # Batch's own timeout stands three minutes behind the runner's, which writes down that it was one.
    assert step("robust_processing")["submit_job"]["timeout"] == {"attemptDurationSeconds": 7380}


def test_deciding_and_the_local_way_need_no_job() -> None:
    assert {"decide", "local_process", "join"} <= set(on_ec2()["light_steps"])
    assert sizes(step("batch_process")) == {"VCPU": "8", "MEMORY": "32768"}
    assert [way.to for way in spec().steps["decide"].next] == [["batch_process"], ["local_process"]]


@pytest.mark.parametrize("name", ON_BOTH_PLATFORMS)
def test_what_needs_no_instance_asks_the_same_of_fargate(name: str) -> None:
    requests = on_fargate(name)
    assert list(refused_by_aws(requests)) == []
    assert sizes(requests) == sizes(step(name))
    assert container(requests)["executionRoleArn"]
    assert requests["register_job_definition"]["platformCapabilities"] == ["FARGATE"]


@pytest.mark.parametrize(("name", "parameter"), ON_EC2_ONLY.items())
def test_what_needs_an_instance_is_refused_on_fargate_by_its_name(name: str, parameter: str) -> None:
    with pytest.raises(TranslateError) as raised:
        on_fargate(name)
    (problem,) = raised.value.problems
    assert problem.path == f"steps.start.batch.{parameter}"
    assert "Fargate" in problem.message
    assert problem.hint


def test_fargate_refuses_the_gallery_with_all_its_problems_at_once() -> None:
    with pytest.raises(TranslateError) as raised:
        plan_file(GALLERY, "fargate")
    assert {problem.path for problem in raised.value.problems} == {
        f"steps.{name}.batch.{parameter}" for name, parameter in ON_EC2_ONLY.items()
    }


def test_an_override_at_run_time_changes_every_step_and_leaves_what_it_does_not_name() -> None:
    plan = plan_file(GALLERY, "ec2", ["batch:cpu=8,memory=32768,gpu=1"])
    assert {tuple(sizes(requests).items()) for requests in plan["steps"].values()} == {
        (("VCPU", "8"), ("MEMORY", "32768"), ("GPU", "1"))
    }
    assert plan["light_steps"] == []
    assert container(plan["steps"]["custom_environment"])["image"] == "my-registry.com/ml-image:latest"
    assert container(plan["steps"]["multiprocess_task"])["linuxParameters"] == {"sharedMemorySize": 16384}
    assert plan["steps"]["tagged_job"]["submit_job"]["tags"]["Project"] == "DataPipeline"


def test_an_override_aimed_at_one_step_leaves_all_others_alone() -> None:
    plan = plan_file(GALLERY, "ec2", ["train_model/batch:gpu=4", "retry:times=4"])
    assert sizes(plan["steps"]["train_model"]) == {"VCPU": "8", "MEMORY": "32768", "GPU": "4"}
    others = {name: sizes(requests) for name, requests in plan["steps"].items() if name != "train_model"}
    assert others == {name: sizes(requests) for name, requests in on_ec2()["steps"].items() if name != "train_model"}


def test_the_override_is_named_as_the_source_of_what_it_gave() -> None:
    where = plan_file(GALLERY, "ec2", ["batch:cpu=8"])["steps"]["tagged_job"]["provenance"]
    assert where["cpu"] == "--with batch:cpu=8"
    assert where["memory"].startswith("@batch (batch_gallery.py:")


def test_what_the_gallery_says_to_type_can_be_typed() -> None:
    typed = re.findall(r"--with (\S+)", GALLERY.read_text().split('"""')[1])
    assert typed == ["batch:cpu=8,memory=32768,gpu=1", "train_model/batch:gpu=4", "retry:times=4"]
    assert plan_file(GALLERY, "ec2", typed)["steps"]
