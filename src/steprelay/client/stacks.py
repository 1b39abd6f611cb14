"""Finding a deployed relay by the outputs of its CloudFormation stack."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from steprelay.client.relay import Unreachable
from steprelay.client.target import Target
from steprelay_core.aws.errors import error_code

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

NEEDED = ("PackageBucket", "DataBucket", "Table", "BusName")


def find_stack(cloudformation: "CloudFormationClient", stack: str) -> Target:
    """The relay that a stack of this name is.

    Raises:
        Unreachable: if there is no such stack, or it is none of ours.
    """
    region = cloudformation.meta.region_name
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error_code(error) != "ValidationError":
            raise
        raise Unreachable(
            f"there is no stack {stack!r} in {region}",
            "deploy one with `sam build && sam deploy --guided`, or check the name, AWS_REGION and AWS_PROFILE",
        ) from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    missing = [name for name in NEEDED if name not in outputs]
    if missing:
        raise Unreachable(
            f"stack {stack!r} in {region} is {found['StackStatus']} and has no output {', '.join(missing)}",
            "wait until it is deployed, or name the stack that steprelay's template made",
        )
    return Target(where="cloud", stack=stack, outputs=outputs)
