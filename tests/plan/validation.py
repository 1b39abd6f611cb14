"""What botocore itself says of a planned request, before it would send it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

SHAPES = {"register_job_definition": "RegisterJobDefinitionRequest", "submit_job": "SubmitJobRequest"}


def request_faults(steps: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Everything that AWS's model of the requests refuses, of the `steps` of a plan as JSON; empty where nothing."""
    found = []
    for name, step in steps.items():
        for key, shape in SHAPES.items():
            report = ParamValidator().validate(step[key], _batch_model().shape_for(shape))
            found += [f"{name}.{key}: {report.generate_report()}"] if report.has_errors() else []
    return found


@cache
def _batch_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")
