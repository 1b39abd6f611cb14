"""Names as AWS makes them."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arns:
    """ARNs of one account and region."""

    region: str
    account: str

    def batch(self, kind: str, name: str) -> str:
        """`kind`: job, job-queue, job-definition or compute-environment."""
        return f"arn:aws:batch:{self.region}:{self.account}:{kind}/{name}"

    def ecs(self, kind: str, name: str) -> str:
        """`kind`: cluster, task or container-instance."""
        return f"arn:aws:ecs:{self.region}:{self.account}:{kind}/{name}"


def short_name(reference: str) -> str:
    """The name in a reference that is a name or an ARN (`…:job-queue/fast` → `fast`)."""
    return reference.split("/", 1)[1] if reference.startswith("arn:") and "/" in reference else reference


def new_task_id() -> str:
    """An ECS task id: 32 hexadecimal digits."""
    return uuid.uuid4().hex
