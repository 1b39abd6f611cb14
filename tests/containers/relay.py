"""The relay under test, as the container tests see it: an endpoint and a deployed stack."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class DeployedRelay:
    """Where the emulated AWS listens, and the stack deployed to it."""

    endpoint_url: str
    stack_name: str


@dataclass(frozen=True)
class Account:
    """The emulated AWS account: clients for it, and what the stack deployed there gave its functions."""

    relay: DeployedRelay

    def client(self, service: Any) -> Any:
        """A boto3 client of the relay."""
        return boto3.client(
            service,
            endpoint_url=self.relay.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def environment(self, function: str) -> Mapping[str, str]:
        """The environment of the deployed function with that logical id: real names of real resources."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self.relay.stack_name, LogicalResourceId=function
        )
        name = found["StackResourceDetail"]["PhysicalResourceId"]
        configuration = self.client("lambda").get_function_configuration(FunctionName=name)
        variables: dict[str, str] = configuration.get("Environment", {}).get("Variables", {})
        return variables


def readdressed(variables: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """The same values with every address of the relay (queue URLs too) replaced by the one a container reaches."""
    text: dict[str, str] = json.loads(json.dumps(dict(variables)).replace(old, new))
    return text
