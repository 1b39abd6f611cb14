"""Job definitions of AWS Batch, one for each content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from steprelay_core.aws.errors import error_code, refusals

if TYPE_CHECKING:
    from types_boto3_batch.type_defs import JobDefinitionTypeDef

    from steprelay_core.aws.clients import Clients


class JobDefinitions:
    """Remembers ARNs for the life of the process: what a name stands for never changes, but it may be deregistered."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._arns: dict[str, str] = {}

    def ensure(self, request: dict[str, Any], *, anew: bool = False) -> str:
        """See `ports.Jobs.ensure_definition`."""
        name = str(request["jobDefinitionName"])
        if anew:
            self._arns.pop(name, None)
        if name not in self._arns:
            with refusals(f"job definition {name}"):
                self._arns[name] = self._lowest(name) or self._register(request)
        return self._arns[name]

    def retire(self, name: str) -> int:
        """See `ports.Jobs.retire_definition`."""
        self._arns.pop(name, None)
        with refusals(f"deregistering job definition {name}"):
            active = self._active(name)
            for definition in active:
                self._deregister(definition["jobDefinitionArn"])
        return len(active)

    def _lowest(self, name: str) -> str | None:
        """Of several active revisions everybody takes the lowest, so that all agree without asking each other."""
        active = self._active(name)
        return min(active, key=lambda found: found["revision"])["jobDefinitionArn"] if active else None

    def _active(self, name: str) -> list[JobDefinitionTypeDef]:
        calls = self._clients.batch.get_paginator("describe_job_definitions")
        pages = calls.paginate(jobDefinitionName=name, status="ACTIVE")
        return [definition for page in pages for definition in page["jobDefinitions"]]

    def _register(self, request: dict[str, Any]) -> str:
        """Register, and look again: whoever registered at the same time did not see ours either."""
        own = self._clients.batch.register_job_definition(**request)["jobDefinitionArn"]
        lowest = self._lowest(str(request["jobDefinitionName"]))
        if lowest is None or lowest == own:
            return own
        self._deregister(own)
        return lowest

    def _deregister(self, arn: str) -> None:
        try:
            self._clients.batch.deregister_job_definition(jobDefinition=arn)
        except ClientError as error:
            # Somebody else was faster: gone is what it is to be.
            if error_code(error) != "ClientException" or self._is_active(arn):
                raise

    def _is_active(self, arn: str) -> bool:
        found = self._clients.batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
        return any(definition.get("status") == "ACTIVE" for definition in found)
