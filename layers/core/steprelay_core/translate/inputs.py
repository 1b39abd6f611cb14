"""What a translation takes and gives: plain values, nothing that knows AWS clients."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from steprelay_core.spec import SpecError

Platform = Literal["ec2", "fargate"]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a relay's configuration says for steps that say nothing themselves.

    `registry` goes before images that name none; `tags` lie beneath the step's own, key by key.
    """

    queue: str | None = None
    image: str | None = None
    iam_role: str | None = None
    execution_role: str | None = None
    registry: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pointers:
    """What a job must know to find its way: the relay's name, the run's id, and where its brief and runner lie.

    `brief` and `bundle` are s3:// addresses, `bootstrap` is the Python source that every runner job starts with.
    """

    relay: str
    run: str
    brief: str
    bundle: str
    bootstrap: str


@dataclass(frozen=True, slots=True)
class Request:
    """The exact requests of one submission.

    `definition` holds the arguments of RegisterJobDefinition; its name carries the hash of all the rest, so equal
    needs share one definition. `submit` holds those of SubmitJob but for `jobDefinition`, which is known only once
    the definition is registered. `tempdir` is where the job's tmpfs is mounted, if it is to be its temporary folder.
    """

    definition: dict[str, Any]
    submit: dict[str, Any]
    tempdir: str | None

    @property
    def queue(self) -> str:
        return str(self.submit["jobQueue"])

    @property
    def job_name(self) -> str:
        return str(self.submit["jobName"])


class TranslateError(SpecError):
    """A step that this platform cannot run as it is, with everything that stands in the way."""
