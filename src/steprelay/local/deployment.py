"""Deploying the template: what `sam package` and `sam deploy` do, against the relay's own emulator."""

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from samtranslator.yaml_helper import yaml_parse

from steprelay.local.environment import client_environment
from steprelay.local.sources import Sources

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

STACK = "steprelay"
BUCKET = "steprelay-local-deployment"

_CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
_DEPLOYED_WITHIN_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.02
# Zip archives know no earlier time. A constant keeps equal code equal.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class DeploymentFailed(Exception):
    """The stack could not be made; the message has each resource's reason."""


class Deployment:
    """Makes the relay's stack at an emulator's port. `token`: what lets its clients through the gate."""

    def __init__(self, port: int, token: str) -> None:
        self._endpoint = client_environment(port)["AWS_ENDPOINT_URL"]
        self._config = Config(user_agent_extra=token)

    def create(self, sources: Sources, parameters: Mapping[str, str]) -> dict[str, str]:
        """Deploy and return the stack's outputs.

        Raises:
            DeploymentFailed: if a resource could not be made.
        """
        archives: dict[str, bytes] = {}
        template = packaged(yaml_parse(sources.template.read_text()), sources, archives)
        s3 = self.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        # A template may be 50 KB in a request, and a megabyte in a bucket.
        for key, content in {**archives, "template.json": json.dumps(template).encode()}.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        stacks = self.client("cloudformation")
        stacks.create_stack(
            StackName=STACK,
            TemplateURL=f"{self._endpoint}/{BUCKET}/template.json",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            OnFailure="DO_NOTHING",
        )
        return _outputs(stacks)

    def client(self, service: Any) -> Any:
        """A client of the emulator that is the relay's own."""
        known = client_environment(0)
        session = boto3.session.Session(
            known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"], None, known["AWS_REGION"]
        )
        return session.client(service, endpoint_url=self._endpoint, config=self._config)


def packaged(template: dict[str, Any], sources: Sources, archives: dict[str, bytes]) -> dict[str, Any]:
    """The template with its folders replaced by the keys of archives, which are added to `archives`.

    Nothing else changes, and nothing is written to disk.
    """
    resources = {}
    for name, resource in template["Resources"].items():
        where = _CODE.get(resource["Type"])
        if where is not None:
            uri = resource["Properties"][where]
            files = sources.layer(uri) if where == "ContentUri" else sources.function(uri)
            content = archive(files)
            key = f"{hashlib.sha256(content).hexdigest()}.zip"
            archives[key] = content
            resource = {**resource, "Properties": {**resource["Properties"], where: f"s3://{BUCKET}/{key}"}}
        resources[name] = resource
    return {**template, "Resources": resources}


def archive(files: Iterable[tuple[str, Path]]) -> bytes:
    """A zip of (name, file), the same for the same content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as opened:
        for name, path in files:
            opened.writestr(zipfile.ZipInfo(name, _EPOCH), path.read_bytes())
    return buffer.getvalue()


def _outputs(stacks: "CloudFormationClient") -> dict[str, str]:
    deadline = time.monotonic() + _DEPLOYED_WITHIN_SECONDS
    while True:
        stack = stacks.describe_stacks(StackName=STACK)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        if stack["StackStatus"] != "CREATE_IN_PROGRESS" or time.monotonic() > deadline:
            raise DeploymentFailed(_reasons(stacks, stack["StackStatus"]))
        time.sleep(_LOOK_AGAIN_SECONDS)


def _reasons(stacks: "CloudFormationClient", status: str) -> str:
    events = stacks.describe_stack_events(StackName=STACK)["StackEvents"]
    reasons = [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
    ]
    return "; ".join([f"the template did not deploy ({status})", *reasons])
