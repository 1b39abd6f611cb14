"""Who waits for whom. Pure bookkeeping; each edge is looked at once."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from steprelay.local.batch.model import Dependency, Job, Status

N_TO_N = "N_TO_N"
SEQUENTIAL = "SEQUENTIAL"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job still waits for: the keys not settled yet, or `failed` if it can never run."""

    open: frozenset[str]
    failed: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """A job that waits no longer: all it needed succeeded, or something it needed failed."""

    job: Job
    succeeded: bool


def spawned_key(array: Job) -> str:
    """What an N_TO_N dependent waits for while the other array has not spawned its children."""
    return f"{array.id}#spawned"


def needs_of_submission(job: Job) -> Needs:
    """What a submitted job (single or array parent) needs before it is runnable or spawns."""
    return _needs(
        (dependency.job, dependency.type == N_TO_N) for dependency in job.dependencies if dependency.job is not None
    )


def needs_of_child(dependencies: Iterable[Dependency], siblings: list[Job], index: int) -> Needs:
    """What child `index` needs: its predecessor (SEQUENTIAL), its opposite numbers (N_TO_N)."""
    targets: list[tuple[Job, bool]] = []
    for dependency in dependencies:
        if dependency.type == SEQUENTIAL and index > 0:
            targets.append((siblings[index - 1], False))
        elif dependency.type == N_TO_N and dependency.job is not None and dependency.job.children is not None:
            targets.append((dependency.job.children[index], False))
    return _needs(targets)


def _needs(targets: Iterable[tuple[Job, bool]]) -> Needs:
    keys: set[str] = set()
    failed = False
    for target, pairwise in targets:
        if pairwise and target.children is not None:
            continue
        if target.status is Status.FAILED:
            failed = True
        elif target.status is not Status.SUCCEEDED:
            keys.add(spawned_key(target) if pairwise else target.id)
    return Needs(frozenset(keys), failed)


class Dependencies:
    """Jobs waiting for keys (job ids, or `spawned_key`)."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, list[Job]] = defaultdict(list)
        self._open: dict[Job, int] = {}

    def wait(self, job: Job, keys: frozenset[str]) -> None:
        self._open[job] = len(keys)
        for key in keys:
            self._waiting[key].append(job)

    def settle(self, key: str, *, succeeded: bool) -> list[Decided]:
        """Tell that `key` ended; the jobs whose fate that decides, each only once."""
        decided: list[Decided] = []
        for job in self._waiting.pop(key, ()):
            if job not in self._open:  # failed already, through another dependency
                continue
            self._open[job] -= 1
            if not succeeded or self._open[job] == 0:
                del self._open[job]
                decided.append(Decided(job, succeeded))
        return decided
