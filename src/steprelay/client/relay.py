"""What the CLI needs of a relay: small Protocols, implemented by `steprelay.client.aws` and by the tests' fakes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from steprelay.client.cost.prices import Compute
from steprelay_core.logs import Log
from steprelay_core.ports import Deployment, Stored
from steprelay_core.spec import Flow, Problem
from steprelay_core.state.model import Run, TaskKey, TaskSelection

Purpose = Literal["run", "deploy"]


class Unreachable(Exception):
    """The relay cannot be used: not found, no credentials, no permission, no answer. The message is for people."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Upload:
    """A package in the package bucket; `run` is the id that its run gets."""

    bucket: str
    key: str
    version: str
    run: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the relay says of an upload; a rejection comes with every problem."""

    accepted: bool
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A Batch job as DescribeJobs tells it; `children` counts those of an array by status.

    `stream` is where it writes its log; an array, and a job of several nodes, leave that to their children and nodes.
    """

    status: str
    stream: str | None = None
    children: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines of a log stream and where to go on reading."""

    lines: tuple[str, ...]
    token: str | None


class Uploads(Protocol):
    def upload(self, purpose: Purpose, flow: str, package: Path, parameters: Mapping[str, Any]) -> Upload:
        """Put the package into the package bucket: all that it takes to start a run or to deploy."""

    def verdict(self, upload: Upload) -> Verdict | None:
        """Accepted or rejected; None while the relay has not read it."""

    def deployment(self, flow: str) -> Deployment | None: ...


class Runs(Protocol):
    def load(self, run: str) -> Stored | None: ...

    def list_runs(self, limit: int) -> list[Run]:
        """Newest first."""

    def flow(self, digest: str) -> Flow:
        """The spec of an accepted package."""

    def cancel(self, run: str, reason: str) -> None:
        """Ask the relay to stop a run; it is stopped when its status says so."""

    def resume(self, run: str) -> str:
        """Ask the relay to let a run go on from its failed tasks; the request's id, which the run then names."""

    def retry(self, run: str, tasks: TaskSelection) -> str:
        """Ask the relay for another attempt of these tasks; the request's id, which the run then names."""


class Results(Protocol):
    def outcome(self, run: str, task: TaskKey, attempt: int) -> dict[str, Any] | None:
        """`outcome.json` of an attempt, if there is one (docs/architecture.md, "Claim and outcome")."""

    def claimed_by(self, run: str, task: TaskKey, attempt: int) -> str | None:
        """The Batch job that has claimed an attempt, if one has (docs/architecture.md, "Claim and outcome")."""

    def artifact(self, flow: str, sha256: str) -> bytes | None: ...


class Logs(Protocol):
    def light_log(self, run: str, task: TaskKey, attempt: int) -> str | None:
        """All that a light attempt printed, once it has ended."""

    def jobs(self, job_ids: Sequence[str]) -> dict[str, JobSeen]:
        """Those of these Batch jobs that Batch still knows; nodes are `job#node`."""

    def compute(self, job_id: str) -> Compute | None:
        """What a Batch job ran on; None where AWS Batch no longer tells."""

    def read_stream(self, stream: str, token: str | None) -> LogPage:
        """What came after `token`, oldest first; from the beginning without one."""

    def log_link(self, log: Log) -> str | None:
        """The page of the AWS console that shows it; None for an embedded relay, which has none."""


class RelayClient(Uploads, Runs, Results, Logs, Protocol):
    """A relay from outside."""
