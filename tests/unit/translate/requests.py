"""Flows of one step and their requests, as these tests need them."""

from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from steprelay_core.ports import Platform
from steprelay_core.spec import Flow, validate_spec
from steprelay_core.state.model import GroupKey, Submission, Terms
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate import Defaults, Pointers, Request, TranslateError, translate

DEFAULTS = Defaults(
    queue="relay-queue",
    iam_role="arn:aws:iam::123456789012:role/relay-job",
    execution_role="arn:aws:iam::123456789012:role/relay-execution",
)
POINTERS = Pointers(
    relay="relay",
    run="Demo-5f2a",
    brief="s3://relay-data/runs/Demo-5f2a/train/_/brief-1-0.json",
    bundle="s3://relay-data/runner/0f0f.zip",
    bootstrap="print('the bootstrap')",
)


def a_flow(batch: dict[str, Any] | None = None, *, name: str = "Demo", step: str = "train", **more: Any) -> Flow:
    """A flow of one step with this `batch` and these other keys of a step."""
    return validate_spec(
        {
            "spec_version": 1,
            "flow": name,
            "start": step,
            "entrypoint": {"file": "demo.py", "class_name": "Demo", "python": "3.12"},
            "steps": {step: {"batch": batch or {}, **more}},
        }
    )


def a_submission(members: Ranges | None = None, attempt: int = 1, *, queue: int = 0, growth: int = 0) -> Submission:
    members = members or Ranges.of(0)
    return Submission(attempt, members, members, light=False, submitted_at=0.0, terms=Terms(queue, growth))


def request(
    flow: Flow,
    platform: Platform = "ec2",
    *,
    path: tuple[int, ...] = (),
    submission: Submission | None = None,
    defaults: Defaults = DEFAULTS,
    pointers: Pointers = POINTERS,
) -> Request:
    """The request of the flow's first step."""
    group = GroupKey(flow.spec.start, path)
    return translate(flow, group, submission or a_submission(), platform, defaults, pointers)


def problems(
    platform: Platform, batch: dict[str, Any], *, defaults: Defaults = DEFAULTS, growth: int = 0, **step: Any
) -> list[str]:
    """Everything that is wrong with a step, which must be something."""
    with pytest.raises(TranslateError) as raised:
        request(a_flow(batch, **step), platform, defaults=defaults, submission=a_submission(growth=growth))
    assert {problem.step for problem in raised.value.problems} == {"train"}
    return [str(problem) for problem in raised.value.problems]


def container(
    batch: dict[str, Any], platform: Platform = "ec2", defaults: Defaults = DEFAULTS, **more: Any
) -> dict[str, Any]:
    """The container properties of an ordinary job."""
    made: dict[str, Any] = request(a_flow(batch), platform, defaults=defaults, **more).definition["containerProperties"]
    return made


def model_faults(made: Request) -> str:
    """What botocore would refuse of a request before sending it; empty where nothing."""
    submit = {**made.submit, "jobDefinition": made.definition["jobDefinitionName"]}
    reports = [
        ParamValidator().validate(arguments, _batch_model().shape_for(shape))
        for shape, arguments in [("RegisterJobDefinitionRequest", made.definition), ("SubmitJobRequest", submit)]
    ]
    return "; ".join(report.generate_report() for report in reports if report.has_errors())


@cache
def _batch_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")
