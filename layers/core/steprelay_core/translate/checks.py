"""What no platform takes: the rules of AWS Batch that go beyond the spec's types."""

import re
from collections.abc import Iterator

from steprelay_core.spec import Batch, Flow, Problem, Step
from steprelay_core.translate import ec2, fargate
from steprelay_core.translate.image import image_in_use
from steprelay_core.translate.inputs import Defaults, Platform
from steprelay_core.translate.submission import MINIMUM_TIMEOUT, RUNNER_VARIABLES
from steprelay_core.translate.tags import tag_problems

# RegisterJobDefinition, LogConfiguration.logDriver.
LOG_DRIVERS = ("awsfirelens", "awslogs", "fluentd", "gelf", "journald", "json-file", "splunk", "syslog")
IMAGE_LIMIT = 255
# ContainerProperties.image, and the `@` that its text on digests has.
_IMAGE = re.compile(r"[A-Za-z0-9_.:/#@-]*")


def step_problems(
    flow: Flow, name: str, step: Step, batch: Batch, platform: Platform, defaults: Defaults
) -> Iterator[Problem]:
    """Everything that stands in the way of this step on this platform."""
    path = f"steps.{name}.batch"
    if not (batch.queue or defaults.queue):
        yield Problem(
            f"{path}.queue",
            "neither the step nor the relay names a job queue",
            "say @batch(queue=…) or set STEPRELAY_BATCH_JOB_QUEUE",
        )
    yield from _image_problems(image_in_use(flow, batch, defaults), f"{path}.image")
    if batch.log_driver is not None and batch.log_driver not in LOG_DRIVERS:
        known = f"known: {', '.join(LOG_DRIVERS)}"
        yield Problem(f"{path}.log_driver", f"Batch knows no log driver {batch.log_driver!r}", known)
    yield from tag_problems(batch, f"{path}.aws_batch_tags", defaults)
    yield from _role_problems(batch, path, platform, defaults)
    yield from _command_problems(step, f"steps.{name}")
    yield from _secret_problems(step, batch, f"{path}.secrets")
    if platform == "fargate":
        yield from fargate.problems(batch, path, defaults)
    else:
        yield from ec2.problems(batch, path)


def _image_problems(image: str, path: str) -> Iterator[Problem]:
    if len(image) > IMAGE_LIMIT:
        message = f"Batch takes {IMAGE_LIMIT} characters, the image has {len(image)}"
        yield Problem(path, message, "give it a shorter name or tag in its registry")
    if not _IMAGE.fullmatch(image):
        message = f"no image is called {image!r}"
        yield Problem(path, message, "letters, digits and - _ . : / # @ are allowed")


def _role_problems(batch: Batch, path: str, platform: Platform, defaults: Defaults) -> Iterator[Problem]:
    """What needs a role that nobody names; Fargate needs an execution role in any case, and says so itself."""
    if batch.secrets and platform == "ec2" and not (batch.execution_role or defaults.execution_role):
        yield Problem(
            f"{path}.secrets",
            "secrets are read with an execution role (on EC2 too), and neither the step nor the relay names one",
            "say @batch(execution_role=…) or set STEPRELAY_ECS_FARGATE_EXECUTION_ROLE",
        )
    by_iam = [volume.filesystem for volume in batch.efs_volumes if volume.iam]
    if by_iam and not (batch.iam_role or defaults.iam_role):
        yield Problem(
            f"{path}.efs_volumes",
            f"{', '.join(by_iam)} is mounted with the job's role (`iam`), and neither the step nor the relay names one",
            "say @batch(iam_role=…) or set STEPRELAY_ECS_S3_ACCESS_IAM_ROLE",
        )


def _secret_problems(step: Step, batch: Batch, path: str) -> Iterator[Problem]:
    """One name is either a secret or a variable; the runner's own are variables."""
    for name in sorted(batch.secrets.keys() & set(RUNNER_VARIABLES if step.package else ())):
        yield Problem(f"{path}.{name}", f"{name!r} tells the runner where it finds its work", "rename the secret")


def _command_problems(step: Step, path: str) -> Iterator[Problem]:
    """A step without the runner hands its command and timeout to Batch as they are."""
    if step.package or step.command is None:
        return
    for word in step.command:
        if not word:
            yield Problem(f"{path}.command", "Batch takes no empty words in a command", "quote it in a script")
        if "Ref::" in word:
            yield Problem(
                f"{path}.command",
                f"Batch would put job parameters in place of `Ref::` in {word!r}",
                "put the command into a script of the image",
            )
    if step.timeout_seconds is not None and step.timeout_seconds < MINIMUM_TIMEOUT:
        yield Problem(
            f"{path}.timeout_seconds",
            f"without the runner a timeout is at least {MINIMUM_TIMEOUT} s, given {step.timeout_seconds}",
            "let the step run with the package for a shorter one",
        )
