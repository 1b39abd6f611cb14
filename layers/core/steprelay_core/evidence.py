"""What the data bucket and Batch say of the attempts that events speak of; as little of it as will do is read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from steprelay_core.decide import outcomes_needed
from steprelay_core.decide.array import ArrayEnd, is_static, known_failed, read_at_once
from steprelay_core.decide.chain import ahead_of
from steprelay_core.decide.draft import find_submission
from steprelay_core.ports import Attempt, Ended, FailedChild, Ports, Stored
from steprelay_core.spec import Flow
from steprelay_core.state.claim import Claimed
from steprelay_core.state.events import Event, JobChanged
from steprelay_core.state.model import GroupKey, Submission
from steprelay_core.state.outcome import Outcome
from steprelay_core.state.ranges import Ranges


@dataclass
class Evidence:
    """What was read for some events of one run. `arrays`: what was found out about arrays, by the event of their end.

    Claims and outcomes are read anew whenever the run is loaded anew; what can only grow, or is over, is kept: which
    members of an array have an outcome, which children failed, and which members were looked at in vain. `few`: of no
    more members than this the outcomes are read, since a listing costs as much as a dozen of them.
    """

    ports: Ports
    few: int = 50
    outcomes: dict[Attempt, Outcome] = field(default_factory=dict)
    claims: dict[Attempt, Claimed | None] = field(default_factory=dict)
    arrays: dict[JobChanged, ArrayEnd] = field(default_factory=dict)
    _asked: set[Attempt] = field(default_factory=set)
    _listed: dict[tuple[GroupKey, int, Ranges], Ended] = field(default_factory=dict)
    _failed: dict[str, list[FailedChild]] = field(default_factory=dict)
    _looked: dict[JobChanged, Ranges] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget what may have changed since it was read."""
        self.outcomes, self.claims, self.arrays, self._asked = {}, {}, {}, set()

    def keep(self, decided: Iterable[Event]) -> None:
        """Remember what was decided on and saved, so that the next decision on an array looks at others."""
        for event in decided:
            if isinstance(event, JobChanged) and event in self.arrays:
                self._looked[event] = self._looked.get(event, Ranges()) | self.arrays[event].looked

    def read(self, stored: Stored, events: Sequence[Event]) -> None:
        """Read at once what several events need, but for the ends of arrays, of which each is a matter of its own."""
        needed: list[Attempt] = []
        for event in events:
            if _array_of(stored, event) is None:
                needed += outcomes_needed(stored.groups, event)
        self._read(stored.run.id, needed)

    def of_array(self, flow: Flow, stored: Stored, event: Event) -> ArrayEnd | None:
        """What is known of the array whose end this event tells; None for other events."""
        submission = _array_of(stored, event)
        if submission is None or not isinstance(event, JobChanged):
            return None
        self.arrays[event] = self._look(flow, stored, submission, event)
        return self.arrays[event]

    def _look(self, flow: Flow, stored: Stored, submission: Submission, job: JobChanged) -> ArrayEnd:
        """Batch and a listing tell of most winners. Only what failed, or what has a choice to tell, is read."""
        run, key, attempt = stored.run.id, job.group, submission.attempt
        children = self._children(submission, job)
        rest = submission.open - self._looked.get(job, Ranges())
        ended, won = self._ended(run, key, submission), Ranges()
        if children is not None and is_static(flow, key.step):
            won = ((rest & ended.written) - ended.marked) - Ranges.collect(children)
        # Where Batch does not tell who failed, only a look at all of them does.
        looked = (rest - won).first(read_at_once(flow, key.step) if children is not None else len(rest))
        self._read(run, [(key.task(member), attempt) for member in looked & ended.written])
        self._read_claims(run, [(key.task(member), attempt) for member in looked - ended.written])
        ahead, caught = self._ahead(stored, submission, key)
        left = len(won) + len(looked) < len(rest)
        return ArrayEnd(children, won, looked, left, ahead, {**caught, key: ended.caught})

    def _ahead(
        self, stored: Stored, submission: Submission, key: GroupKey
    ) -> tuple[dict[GroupKey, Ranges], dict[GroupKey, Ranges]]:
        """Who has won ahead of an array that was chained, although nobody has told of it yet; and who by `@catch`."""
        won: dict[GroupKey, Ranges] = {}
        caught: dict[GroupKey, Ranges] = {}
        for ahead_key, ahead in ahead_of(stored.groups, key, submission):
            undecided = submission.open & ahead.open
            if len(undecided) <= self.few:
                self._read(stored.run.id, [(ahead_key.task(member), ahead.attempt) for member in undecided])
            else:
                ended = self._ended(stored.run.id, ahead_key, ahead)
                won[ahead_key], caught[ahead_key] = ended.written - ended.marked, ended.caught
        return won, caught

    def _children(self, submission: Submission, job: JobChanged) -> dict[int, JobChanged] | None:
        if known_failed(submission, job) is not None:
            return {}
        if job.failed is None:
            return None
        if job.whole not in self._failed:
            self._failed[job.whole] = self.ports.jobs.failed_children(job.whole)
        found = self._failed[job.whole]
        if len(found) < job.failed:
            return None
        members = list(submission.members)
        ends = {members[child.index]: _event(job, child) for child in found if child.index < len(members)}
        return {member: end for member, end in ends.items() if member in submission.open}

    def _ended(self, run: str, key: GroupKey, submission: Submission) -> Ended:
        """By a listing; or, of a few members, as if one had told that all may have failed."""
        if len(submission.open) <= self.few:
            return Ended(submission.open, submission.open)
        place = (key, submission.attempt, submission.members)
        if place not in self._listed:
            self._listed[place] = self.ports.objects.ended(run, key, submission.attempt, submission.open)
        return self._listed[place]

    def _read(self, run: str, attempts: Sequence[Attempt]) -> None:
        missing = [attempt for attempt in attempts if attempt not in self._asked]
        if not missing:
            return
        found = self.ports.objects.outcomes(run, missing)
        self._asked.update(missing)
        self.outcomes |= found
        self._read_claims(run, [attempt for attempt in missing if attempt not in found])

    def _read_claims(self, run: str, attempts: Sequence[Attempt]) -> None:
        missing = [attempt for attempt in attempts if attempt not in self.claims]
        if missing:
            self.claims |= self.ports.objects.claims(run, missing)


def _array_of(stored: Stored, event: Event) -> Submission | None:
    """The submission whose array has ended with this event."""
    if not isinstance(event, JobChanged) or event.size is None or not event.ended:
        return None
    group = stored.groups.get(event.group)
    return None if group is None or stored.run.status.terminal else find_submission(group, event.submission)


def _event(job: JobChanged, child: FailedChild) -> JobChanged:
    """The event that should have told of a child."""
    return replace(
        job,
        job_id=f"{job.whole}:{child.index}",
        status="FAILED",
        reason=child.reason,
        index=child.index,
        size=None,
        failed=None,
        exit_code=child.exit_code,
        container_reason=child.container_reason,
        log_stream=child.log_stream,
        started_at=child.started_at,
    )
