"""What the last runs of a flow used of the memory they asked for, and which steps ask for far more than that."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, product
from math import ceil
from queue import SimpleQueue
from threading import Thread

from steprelay.client.relay import RelayClient
from steprelay.client.winners import Winner, spread, won_by
from steprelay_core.ports import Stored
from steprelay_core.spec import Batch, Flow

# Memory (MiB) that a step has unless it asks for more: who has not chosen it need not hear of it after every run.
UNASKED: int = Batch().memory
# How many times its peak a step asks for before that is far too much.
FAR_ABOVE = 4
# Memory (MiB) that comes with a vCPU anyway: Fargate has no less, and neither have the instances with the least.
WITH_A_VCPU = 2048

# Runs that are looked through for finished ones of the flow.
RUNS_LISTED = 50
# Outcomes that are read: of one step, and of all steps together.
OUTCOMES_A_STEP = 20
OUTCOMES_IN_ALL = 120

_THREADS = 8
_OUT_OF_MEMORY = frozenset({"oom", "oom_suspected"})  # failure classes


@dataclass(frozen=True, slots=True)
class Peak:
    """The most memory (MiB) that a task of a step used: of its `tasks` in `runs` runs, `read` are known."""

    used: int
    runs: int
    read: int
    tasks: int


@dataclass(frozen=True, slots=True)
class MemoryHint:
    """A step that asks for far more memory than it used; sizes in MiB. `text` is a sentence, `advice` what to do."""

    step: str
    asked: int
    used: int
    runs: int
    text: str
    advice: str


def memory_hints(flow: Flow, peaks: dict[str, Peak]) -> list[MemoryHint]:
    """Every step that asks for at least four times what it used, and for more than comes with its vCPUs anyway.

    In the order of the flow.
    """
    known = [(step, batch, peaks[step]) for step, batch in _candidates(flow) if step in peaks]
    return [_hint(step, batch, peak) for step, batch, peak in known if _is_far_above(batch, peak)]


def peaks(client: RelayClient, flow: Flow, runs: int = 3, patience: float = 2.0) -> dict[str, Peak]:
    """What steps of the flow used in its last finished runs, as far as that can be learned.

    Asks for the list of runs, for `runs` of them, and for at most 20 outcomes a step. Steps are left out that ask
    for no more than any step has, that ran out of memory, or of which nothing is known. Raises nothing, and returns
    after `patience` seconds with what is known by then.
    """
    reading = _Reading(client, flow, runs)
    if reading.steps:
        # A daemon: a relay that does not answer must hold up neither this call nor the end of the process.
        reader = Thread(target=reading.read, name="steprelay-usage", daemon=True)
        reader.start()
        reader.join(patience)
        reading.given_up = True
    return reading.peaks()


def _candidates(flow: Flow) -> Iterator[tuple[str, Batch]]:
    for name, step in flow.spec.steps.items():
        if step.batch is not None and _is_telling(step.batch):
            yield name, step.batch


def _is_telling(batch: Batch) -> bool:
    """Whether the peak of the step's processes says what it needs.

    It does not where memory holds files as well, nor for several nodes, of which only the main one leaves an outcome.
    """
    holds_files = batch.has_tmpfs or batch.shared_memory is not None
    return batch.memory > UNASKED and not holds_files and batch.nodes == 1


def _is_far_above(batch: Batch, peak: Peak) -> bool:
    return batch.memory >= FAR_ABOVE * peak.used and batch.memory > _enough(batch, peak)


def _enough(batch: Batch, peak: Peak) -> int:
    """Twice the peak, in the sizes (MiB) that Fargate has for so many vCPUs."""
    size = max(1024, ceil(batch.cpu) * 512)
    return ceil(max(2 * peak.used, batch.cpu * WITH_A_VCPU) / size) * size


def _hint(step: str, batch: Batch, peak: Peak) -> MemoryHint:
    last = "its last run" if peak.runs == 1 else f"its last {peak.runs} runs"
    if peak.read < peak.tasks:
        last = f"{peak.read} of the {peak.tasks:,} tasks of {last}"
    text = f"step {step!r}: asks for {batch.memory} MiB of memory; {last} used at most {peak.used}"
    advice = f"memory={_enough(batch, peak)} would be plenty"
    return MemoryHint(step, batch.memory, peak.used, peak.runs, text, advice)


def _ran_out(step: str, stored: Stored) -> bool:
    groups = (group for key, group in stored.groups.items() if key.step == step)
    return any(failed.failure.class_ in _OUT_OF_MEMORY for group in groups for failed in group.history)


def _peak(step: str, stored: Sequence[Stored], used: Sequence[tuple[Winner, int]]) -> Peak | None:
    known = {sample: size for sample, size in used if sample.task.step == step}
    if not known or any(_ran_out(step, run) for run in stored):
        return None
    runs = {sample.run for sample in known}
    tasks = sum(len(won.members) for run in stored if run.run.id in runs for won in won_by(run, step))
    return Peak(max(known.values()), len(runs), len(known), tasks)


class _Reading:
    """One look at the last runs: filled by threads, read at any time."""

    def __init__(self, client: RelayClient, flow: Flow, runs: int) -> None:
        self.steps = [step for step, _ in _candidates(flow)]
        self.given_up = False
        self._client = client
        self._flow = flow.spec.flow
        self._runs = runs
        self._stored: list[Stored] = []
        self._todo: SimpleQueue[Winner] = SimpleQueue()
        self._used: list[tuple[Winner, int]] = []

    def peaks(self) -> dict[str, Peak]:
        stored, used = tuple(self._stored), tuple(self._used)
        found = {step: _peak(step, stored, used) for step in self.steps}
        return {step: peak for step, peak in found.items() if peak is not None}

    def read(self) -> None:
        # Advice is worth no failure, whatever the reason: no permission, no answer, records of a newer relay.
        with suppress(Exception):
            for run in self._last_runs():
                self._load(run)
            self._plan()
            # The first alone: clients are made on first use, which threads must not do at the same time. And where
            # one is refused, so are the others.
            self._ask()
            self._ask_the_rest()

    def _load(self, run: str) -> None:
        with suppress(Exception):
            stored = self._client.load(run)
            if stored is not None:
                self._stored.append(stored)

    def _last_runs(self) -> list[str]:
        ended = (run for run in self._client.list_runs(RUNS_LISTED) if run.flow == self._flow and run.status.terminal)
        return [run.id for run in islice(ended, self._runs)]

    def _plan(self) -> None:
        """As many outcomes of each run; where there are too many steps for that, of fewer runs."""
        a_step = min(OUTCOMES_A_STEP, max(1, OUTCOMES_IN_ALL // len(self.steps)))
        looked_into = self._stored[:a_step]
        for stored, step in islice(product(looked_into, self.steps), OUTCOMES_IN_ALL):
            for sample in spread(stored, step, a_step // len(looked_into)):
                self._todo.put(sample)

    def _ask_the_rest(self) -> None:
        threads = [Thread(target=self._drain, daemon=True) for _ in range(min(_THREADS, self._todo.qsize()))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _drain(self) -> None:
        while not (self.given_up or self._todo.empty()):
            with suppress(Exception):
                self._ask()

    def _ask(self) -> None:
        sample = self._todo.get_nowait()
        outcome = self._client.outcome(sample.run, sample.task, sample.attempt) or {}
        # Runners may not know, and older ones do not tell.
        peak = (outcome.get("usage") or {}).get("peak_memory_mib")
        if peak:
            self._used.append((sample, ceil(peak)))
