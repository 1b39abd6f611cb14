"""AWS::Batch::* of a template, made in the local Batch: CloudFormation's properties as the API's requests."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
# (method, path, body) -> (status, headers, body)
BatchApi = Callable[[str, str, bytes], Answer]

_THROTTLED = 429
_TRIES = 100


@dataclass(frozen=True, slots=True)
class BatchResource:
    """A type of resource: the API's name for it, and the attribute that holds its ARN."""

    noun: str
    arn_attribute: str

    def create(self, api: BatchApi, properties: dict[str, Any], name: str) -> str:
        """Make one and return its ARN. `name` is for one that the template does not name.

        Raises:
            ValueError: with the local Batch's reason, if it refuses.
        """
        request = {f"{self._field}Name": name, **_camel(properties)}
        # CloudFormation's own; the API does not know it.
        request.pop("replaceComputeEnvironment", None)
        return _call(api, f"create{self.noun}", request)[f"{self._field}Arn"]

    def delete(self, api: BatchApi, arn: str) -> None:
        """Disable and delete it. Raises as `create` does."""
        _call(api, f"update{self.noun}", {self._field: arn, "state": "DISABLED"})
        _call(api, f"delete{self.noun}", {self._field: arn})

    @property
    def _field(self) -> str:
        return self.noun[:1].lower() + self.noun[1:]


BATCH_RESOURCES = {
    "AWS::Batch::ComputeEnvironment": BatchResource("ComputeEnvironment", "ComputeEnvironmentArn"),
    "AWS::Batch::JobQueue": BatchResource("JobQueue", "JobQueueArn"),
}


def as_numbers(value: Any) -> Any:
    """Numbers that came as text, as numbers: those of parameters are text in CloudFormation."""
    if isinstance(value, dict):
        return {name: as_numbers(each) for name, each in value.items()}
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _call(api: BatchApi, operation: str, request: dict[str, Any]) -> dict[str, str]:
    # CloudFormation calls again where it is throttled, be it on purpose.
    for _ in range(_TRIES):
        status, _, body = api("POST", f"/v1/{operation.lower()}", json.dumps(request).encode())
        if status != _THROTTLED:
            break
    answer: dict[str, str] = json.loads(body)
    if status != 200:
        raise ValueError(answer.get("message", f"the local Batch answered {status}"))
    return answer


def _camel(value: Any) -> Any:
    """CloudFormation's property names as the API's: MaxvCpus as maxvCpus."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _camel(each) for name, each in value.items()}
    return as_numbers(value)
