"""What no platform takes: the rules of AWS Batch that go beyond the spec's types."""

import re
from collections.abc import Iterator

from steprelay_core.spec import Batch, Problem, Step
from steprelay_core.translate import ec2, fargate
from steprelay_core.translate.inputs import Defaults

# RegisterJobDefinition, LogConfiguration.logDriver.
LOG_DRIVERS = ("awsfirelens", "awslogs", "fluentd", "gelf", "journald", "json-file", "splunk", "syslog")
IMAGE_LIMIT = 255
# A job has 50 tags; ours are STEP_TAGS.
TAG_LIMIT = 50
STEP_TAGS = ("steprelay:flow", "steprelay:run", "steprelay:step")
MINIMUM_TIMEOUT = 60


def step_problems(name: str, step: Step, batch: Batch, platform: str, defaults: Defaults) -> Iterator[Problem]:
    """Everything that stands in the way of this step on this platform."""
    path = f"steps.{name}.batch"
    if not (batch.queue or defaults.queue):
        yield Problem(
            f"{path}.queue",
            "neither the step nor the relay names a job queue",
            "say @batch(queue=…) or set STEPRELAY_BATCH_JOB_QUEUE",
        )
    yield from _common_problems(batch, path, defaults)
    yield from _command_problems(step, f"steps.{name}")
    if platform == "fargate":
        yield from fargate.problems(batch, path, batch.execution_role or defaults.execution_role)
    else:
        yield from ec2.problems(batch, path)


def _common_problems(batch: Batch, path: str, defaults: Defaults) -> Iterator[Problem]:
    image = batch.image or defaults.image or ""
    if len(image) > IMAGE_LIMIT:
        yield Problem(f"{path}.image", f"Batch takes {IMAGE_LIMIT} characters, the image has {len(image)}", None)
    if batch.log_driver is not None and batch.log_driver not in LOG_DRIVERS:
        yield Problem(
            f"{path}.log_driver",
            f"Batch knows no log driver {batch.log_driver!r}",
            f"known: {', '.join(LOG_DRIVERS)}",
        )
    yield from _tag_problems(batch, f"{path}.aws_batch_tags")


def _tag_problems(batch: Batch, path: str) -> Iterator[Problem]:
    """AWS general reference, "Tag naming limits and requirements"."""
    room = TAG_LIMIT - len(STEP_TAGS)
    if len(batch.aws_batch_tags) > room:
        yield Problem(path, f"a job has room for {room} tags beside ours, given {len(batch.aws_batch_tags)}", None)
    for key, value in batch.aws_batch_tags.items():
        if key.lower().startswith(("aws:", "steprelay:")):
            yield Problem(f"{path}.{key}", f"the prefix {key.split(':')[0]!r} is reserved", "rename the tag")
        for part in (key, value):
            foreign = sorted(set(re.sub(r"[\w\s.:/=+\-@]", "", part)))
            if foreign:
                yield Problem(
                    f"{path}.{key}",
                    f"a tag cannot hold {' '.join(foreign)}, given {part!r}",
                    "letters, digits, space and _ . : / = + - @ are allowed",
                )


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
