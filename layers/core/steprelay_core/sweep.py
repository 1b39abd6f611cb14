"""The sweep: every few minutes it makes up for events that were lost and handlers that died.

Nothing depends on it in the ordinary way of a run; it is what the promises rest on when something was lost. What it
does at a time is bounded; a cursor in the table tells the next sweep where to go on, so that every run has its turn.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from steprelay_core.decide import decide
from steprelay_core.decide.hook_ends import silent_hooks
from steprelay_core.decide.overdue import JOB_SILENCE, Lookup, find_overdue
from steprelay_core.definitions import SECONDS_A_DAY, retire_unused
from steprelay_core.engine import Engine
from steprelay_core.inbound.envelope import Envelope, Ignored, Unreadable
from steprelay_core.inbound.job import read_job_change
from steprelay_core.inbound.waiting import read_waiting
from steprelay_core.ports import Cursor, Listed, Stored, Unsettled
from steprelay_core.state.events import Event, JobChanged, JobMissing, JobWaits, StopUnfinished
from steprelay_core.waiting import Waiting


@dataclass(frozen=True, slots=True)
class SweepLimits:
    """The most that one sweep does: runs of each list, DescribeJobs calls, seconds.

    `together`: how many runs share DescribeJobs calls; `ids`: how many ids a call takes (AWS Batch: 100).
    `silence`: for how many seconds a job may have been with Batch before it is looked up.
    """

    runs: int = 500
    calls: int = 300
    seconds: float = 180.0
    together: int = 25
    ids: int = 100
    silence: float = JOB_SILENCE


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: runs looked at, outbox entries carried out again, events made up for, and job definitions
    deregistered because nobody used them any more.

    `failures`: what could not be looked after, and why; `cut_short`: whether the next sweep has to go on from here.
    """

    runs: int
    redriven: int
    events: int
    definitions: int = 0
    failures: tuple[tuple[str, Exception], ...] = ()
    cut_short: bool = False


@dataclass
class _Tally:
    """What this sweep has done, and may still do."""

    until: float
    calls: int
    runs: set[str] = field(default_factory=set)
    redriven: int = 0
    events: int = 0
    failures: list[tuple[str, Exception]] = field(default_factory=list)
    cut_short: bool = False


class Sweeper:
    """Looks after the unsettled runs of one relay (`relay`: the name its jobs carry), and after its job definitions.

    `expire_days`: after how long without use a definition is deregistered; 0 keeps them all.
    """

    def __init__(self, engine: Engine, relay: str, expire_days: int = 0, limits: SweepLimits = SweepLimits()) -> None:
        self.engine = engine
        self.relay = relay
        self.expire_days = expire_days
        self.limits = limits
        self._store = engine.ports.store
        self._waiting = Waiting(engine.ports.queues)

    def sweep(self) -> Swept:
        """Look after as much as the limits allow; what fails for one run is told and holds up no other."""
        tally = _Tally(self._now() + self.limits.seconds, self.limits.calls)
        self._go_through("stuck", tally)
        self._go_through("live", tally)
        definitions = self._retire_definitions()
        failures = tuple(tally.failures)
        return Swept(len(tally.runs), tally.redriven, tally.events, definitions, failures, tally.cut_short)

    def _now(self) -> float:
        return self.engine.ports.clock.now()

    def _retire_definitions(self) -> int:
        if not self.expire_days:
            return 0
        ports = self.engine.ports
        return retire_unused(ports.jobs, ports.store, ports.clock.now() - self.expire_days * SECONDS_A_DAY)

    def _go_through(self, which: Unsettled, tally: _Tally) -> None:
        """Go on with a list where the last sweep stopped."""
        cursor = self._store.cursor(which)
        listed = self._store.unsettled(which, after=cursor.place, limit=self.limits.runs)
        for start in range(0, len(listed), self.limits.together):
            part = listed[start : start + self.limits.together]
            if self._is_over(tally):
                return
            # Before they are looked after: runs that make the function die are passed over by the next sweep.
            self._store.keep_cursor(which, Cursor(part[-1].place))
            stopped_at = self._look_after(part, which, cursor.job, tally)
            if stopped_at is not None:
                self._store.keep_cursor(which, Cursor(cursor.place, stopped_at))
                return
            cursor = Cursor(part[-1].place)
        if len(listed) < self.limits.runs:
            self._store.keep_cursor(which, Cursor())
        else:
            tally.cut_short = True

    def _is_over(self, tally: _Tally) -> bool:
        tally.cut_short |= self._now() > tally.until or tally.calls <= 0
        return tally.cut_short

    def _look_after(self, part: Sequence[Listed], which: Unsettled, after: str, tally: _Tally) -> str | None:
        """Redrive the outboxes of some runs, and make up for their events; the job id at which it had to stop."""
        lookups: list[tuple[Stored, Lookup]] = []
        for run in dict.fromkeys(listed.run for listed in part):
            tally.runs.add(run)
            try:
                lookups += self._settle(run, which, tally)
            except Exception as error:  # one run that is broken must not stop the sweep of the others
                tally.failures.append((run, error))
        left = sorted((pair for pair in lookups if pair[1].job_id > after), key=lambda pair: pair[1].job_id)
        for start in range(0, len(left), self.limits.ids):
            if self._is_over(tally):
                return left[start - 1][1].job_id if start else after
            tally.calls -= 1
            self._look_up(left[start : start + self.limits.ids], tally)
        return None

    def _settle(self, run: str, which: Unsettled, tally: _Tally) -> Iterator[tuple[Stored, Lookup]]:
        """Finish what handlers left of a run, and say which of its jobs have been silent for too long."""
        stored = self._store.load(run)
        if stored is None:
            return iter(())
        tally.redriven += self.engine.redrive(stored)
        if stored.run.stopping is not None:
            self._handle(StopUnfinished(run), tally)
        for silent in silent_hooks(stored.run, self._now()):
            self._handle(silent, tally)
        if stored.run.status.terminal or which == "stuck":
            return iter(())
        pending = [command for entry in stored.outbox for command in entry.commands]
        overdue = find_overdue(stored.run, stored.groups, pending, self._now(), self.limits.silence)
        for event in overdue.events:
            self._handle(event, tally)
        return ((stored, lookup) for lookup in overdue.lookups)

    def _look_up(self, asked: Sequence[tuple[Stored, Lookup]], tally: _Tally) -> None:
        """Ask Batch for these jobs. No answer says nothing of them: only an answer without a job does."""
        try:
            details = self.engine.ports.jobs.describe([lookup.job_id for _, lookup in asked])
        except Exception as error:
            tally.failures.append(("DescribeJobs", error))
            return
        told = {str(detail["jobId"]): detail for detail in details}
        news: dict[str, list[Event]] = defaultdict(list)
        for stored, lookup in asked:
            try:
                news[stored.run.id] += self._events(stored, lookup, told.get(lookup.job_id), tally)
            except Exception as error:
                tally.failures.append((stored.run.id, error))
        for run, events in news.items():
            self._handle_all(run, events, tally)

    def _handle_all(self, run: str, events: Sequence[Event], tally: _Tally) -> None:
        for answer in self.engine.handle_all(events):
            if isinstance(answer, Exception):
                tally.failures.append((run, answer))
            else:
                tally.events += 1

    def _handle(self, event: Event, tally: _Tally) -> None:
        self.engine.handle(event)
        tally.events += 1

    def _events(self, stored: Stored, lookup: Lookup, detail: dict[str, Any] | None, tally: _Tally) -> list[Event]:
        """What should have been told of what Batch says of this job, and why it does not start; only what is new."""
        if detail is None:
            index = lookup.job_id.partition(":")[2]
            known = int(index) if index else None
            return [JobMissing(stored.run.id, lookup.group, lookup.submission, lookup.job_id, known)]
        envelope = Envelope.model_validate(
            {"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": detail}
        )
        try:
            change = read_job_change(envelope, self.relay)
            waits = None if isinstance(change, Ignored) else read_waiting(change, detail)
        except Unreadable:
            return []
        found: list[Event | None] = [None if isinstance(change, Ignored) else change]
        found += [self._explained(waits, tally)] if waits is not None else []
        return [event for event in found if event is not None and self._is_news(stored, event)]

    def _explained(self, event: JobWaits, tally: _Tally) -> JobWaits:
        """With what its queue says, which is asked once a minute at most, however many jobs wait in it."""
        try:
            return self._waiting.explain(event)
        except Exception as error:
            if event.queue not in {what for what, _ in tally.failures}:
                tally.failures.append((event.queue, error))
            return event

    def _is_news(self, stored: Stored, event: Event) -> bool:
        """Asked of what is loaded already: most jobs are still where they were, and need no load and no save."""
        if isinstance(event, JobChanged) and event.ended:
            return True
        flow = self.engine.ports.objects.flow(stored.run.digest)
        return decide(flow, stored.run, dict(stored.groups), event, {}, self._now()).run is not None
