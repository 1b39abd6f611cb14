"""What AWS Batch would not take is known before anything of a flow runs."""

from typing import Any

import pytest

from steprelay_core.intake.queues import QueueCheck
from steprelay_core.ports import Denied, Platform
from steprelay_core.spec import Flow, validate_spec
from steprelay_core.translate import Defaults
from tests.fakes import FakeJobs

QUEUES: dict[str, Platform] = {"ec2": "ec2", "spot": "ec2", "fargate": "fargate"}
DEFAULTS = Defaults(queue="ec2", execution_role="arn:aws:iam::111122223333:role/execution")


def flow(*batches: dict[str, Any] | None) -> Flow:
    """A chain of steps with these `batch`; None for a light step."""
    steps: dict[str, Any] = {}
    names = ["start", *(f"step{number}" for number in range(1, len(batches)))]
    for number, given in enumerate(batches):
        following = {"next": names[number + 1]} if number + 1 < len(batches) else {}
        steps[names[number]] = {"command": ["true"], **({} if given is None else {"batch": given}), **following}
    return validate_spec({"spec_version": 1, "flow": "Flow", "steps": steps})


class Asked(FakeJobs):
    """Remembers which queues were looked up; `trouble` is raised instead of an answer."""

    def __init__(self, trouble: Exception | None = None) -> None:
        super().__init__(QUEUES)
        self.asked: list[str] = []
        self.trouble = trouble

    def platform(self, queue: str) -> Platform:
        self.asked.append(queue)
        if self.trouble is not None:
            raise self.trouble
        return super().platform(queue)


def problems(*batches: dict[str, Any] | None, defaults: Defaults = DEFAULTS) -> list[str]:
    return [str(problem) for problem in QueueCheck(Asked(), defaults, "pass").problems(flow(*batches))]


def test_a_flow_of_light_steps_asks_for_no_queue() -> None:
    jobs = Asked()
    assert QueueCheck(jobs, DEFAULTS, "pass").problems(flow(None, None)) == []
    assert jobs.asked == []


def test_steps_that_their_queues_can_run_have_no_problem() -> None:
    on_fargate = {"queue": "fargate", "cpu": 0.25, "memory": 512}
    assert problems({"gpu": 1}, on_fargate, {"queue": ["spot", "ec2"], "shared_memory": 64}) == []


def test_every_problem_of_every_step_is_told_at_once() -> None:
    told = problems({"cpu": 1.5}, {"queue": "fargate", "gpu": 1, "efa": 1}, {"queue": "on-mars"})
    assert [text.partition(": ")[0] for text in told] == [
        "steps.start.batch.cpu",
        "steps.step1.batch.gpu",
        "steps.step1.batch.efa",
        "steps.step2.batch.queue",
    ]
    assert "there is no job queue 'on-mars' in AWS Batch" in told[-1]


def test_a_step_is_checked_on_the_platform_of_each_of_its_queues() -> None:
    (told,) = problems({"queue": ["ec2", "fargate"], "cpu": 1, "memory": 4096, "privileged": True})
    assert "steps.start.batch.privileged" in told
    assert "'fargate'" in told


@pytest.mark.parametrize("queues", [["on-mars", "ec2"], ["ec2", "on-mars"], ["on-venus", "spot", "on-mars"]])
def test_a_queue_that_cannot_be_used_is_no_problem_beside_one_that_can(queues: list[str]) -> None:
    assert problems({"queue": queues}) == []


def test_a_step_is_still_checked_on_the_queues_that_are_left() -> None:
    (told,) = problems({"queue": ["on-mars", "ec2"], "cpu": 1.5})
    assert "whole vCPUs" in told


def test_a_step_without_a_queue_that_can_be_used_is_told_of_each() -> None:
    first, second = problems({"queue": ["on-mars", "on-venus"]})
    assert ("on-mars" in first, "on-venus" in second) == (True, True)


def test_a_step_that_nobody_gives_a_queue_is_a_problem() -> None:
    (told,) = problems({}, defaults=Defaults())
    assert "names a job queue" in told


@pytest.mark.parametrize("trouble", [Denied("no permission"), ConnectionError("throttled")])
@pytest.mark.parametrize("queue", ["ec2", ["spot", "ec2"]])
def test_trouble_of_the_relay_s_own_is_no_problem_of_the_flow(trouble: Exception, queue: Any) -> None:
    with pytest.raises(type(trouble), match=str(trouble)):
        QueueCheck(Asked(trouble), DEFAULTS, "pass").problems(flow({"queue": queue}))
