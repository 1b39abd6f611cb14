"""Plans as the documentation's tests read them: a dictionary of requests for each step, as `steprelay plan` prints."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from steprelay.compile import compile_file
from steprelay.compile.options import Options
from steprelay.compile.overrides import read_overrides
from steprelay.plan import make_plan
from steprelay_core.spec import validate_spec

Platform = Literal["ec2", "fargate"]
Requests = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
GALLERY = ROOT / "examples" / "batch_gallery.py"


def plan_file(file: Path, platform: Platform, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The plan of a flow file, with what stands behind each `--with`."""
    compiled = compile_file(file, options=Options(overrides=read_overrides(overrides)))
    return make_plan(compiled.flow, platform, compiled.provenance, "print('the bootstrap')").as_json()


def plan_step(step: dict[str, Any], platform: Platform) -> Requests:
    """The requests of one step of a spec, by itself."""
    document = {
        "spec_version": 1,
        "flow": "Documented",
        "entrypoint": {"file": "documented.py", "class_name": "Documented", "python": "3.12"},
        "steps": {"start": step},
    }
    plan = make_plan(validate_spec(document), platform, {}, "print('the bootstrap')").as_json()
    requests: Requests = plan["steps"]["start"]
    return requests


def sizes(requests: Requests) -> dict[str, str]:
    """What a job asks for: `{"VCPU": "4", "MEMORY": "16384"}`."""
    asked = requests["submit_job"]["containerOverrides"]["resourceRequirements"]
    return {entry["type"]: entry["value"] for entry in asked}


def container(requests: Requests) -> dict[str, Any]:
    properties: dict[str, Any] = requests["register_job_definition"]["containerProperties"]
    return properties


def refused_by_aws(requests: Requests) -> Iterator[str]:
    """What botocore's own validation says of both requests; nothing where AWS would take them."""
    for call, name in (("RegisterJobDefinition", "register_job_definition"), ("SubmitJob", "submit_job")):
        report = ParamValidator().validate(requests[name], _batch_model().shape_for(f"{call}Request"))
        if report.has_errors():
            yield report.generate_report()


@cache
def _batch_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")
