"""The one loop of the dispatcher: load → decide → fence → save with outbox → apply.

Every event is handled so that it may come twice, in any order, and so that the handler may die after any effect:
the commands of a decision are saved with the state before the first of them is carried out, and whoever finds
them later (a redelivered event, the sweep) carries them out again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from steprelay_core.batch import Batch, Together
from steprelay_core.commands import Command, SubmitJob
from steprelay_core.decide import Decision, decide, decide_start
from steprelay_core.decide.draft import GROUPS_AT_ONCE
from steprelay_core.effects import Effects
from steprelay_core.evidence import Evidence
from steprelay_core.handled import Handled
from steprelay_core.pace import EARLY
from steprelay_core.ports import OUTBOX_ORPHANED_AFTER, Conflict, OutboxEntry, Ports, Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import Event, RunStarted
from steprelay_core.state.model import Group, GroupKey
from steprelay_core.waiting import Waiting

# How often a decision is made anew when somebody else saved the run first.
MAX_CONFLICTS = 50

# Commands that are saved in one outbox entry, unless a single event leads to more of them.
COMMANDS_AT_ONCE = 200


class Engine:
    """Turns events into saved state and effects; safe to run in any number of functions at once."""

    def __init__(self, ports: Ports, effects: Effects, new_id: Callable[[], str]) -> None:
        self.ports = ports
        self.effects = effects
        self.evidence: Callable[[Ports], Evidence] = Evidence
        self._waiting = Waiting(ports.queues)
        self._new_id = new_id

    def handle(self, event: Event) -> Handled:
        """Handle one event to its end.

        Raises:
            Conflict: when others kept saving the run; let the event be delivered again.
        """
        (answer,) = self.handle_all([event])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def handle_all(self, events: Sequence[Event]) -> list[Handled | Exception]:
        """Handle events of one run together, to their end; what became of each, in the order given.

        They are decided on one after the other, and saved and carried out together as far as they fit into one save.
        An error is the answer of those events that it keeps from being handled; let them be delivered again.
        """
        evidence, conflicts = self.evidence(self.ports), 0
        batch = Batch([self._waiting.explain_if_possible(event) for event in events])
        while batch.waiting and conflicts < MAX_CONFLICTS:
            evidence.begin()
            try:
                self._handle_some(batch, evidence)
            except Conflict:
                conflicts += 1
            except Exception as error:  # each event that waits is answered with it
                batch.fail(error)
        if batch.waiting:
            run, kind = events[0].run, type(events[0]).__name__
            batch.fail(Conflict(f"run {run} kept changing while {kind} was being decided"))
        return batch.answers

    def _handle_some(self, batch: Batch, evidence: Evidence) -> None:
        """Decide on as many of the waiting events as fit into one save."""
        first = batch.waiting[0]
        stored = self.ports.store.load(first.event.run)
        if stored is None:
            batch.answer(first, self._start(first.event))
            return
        flow = self.ports.objects.flow(stored.run.digest)
        evidence.read(stored, [each.event for each in batch.waiting])
        decided: list[tuple[Together, Decision]] = []
        decision = Decision(None)
        for each, own in self._decide_each(flow, stored, batch, evidence):
            decided.append((each, own))
            decision = decision.then(own)
            if own.more or _is_full(decision):
                break
        self._carry_out(flow, stored.run.id, stored.groups, decision)
        evidence.keep(each.event for each, _ in decided)
        for each, own in decided:
            batch.answer(each, Handled(stored.run.id, len(own.commands), own.note, own.more))
        if stored.outbox:
            latest = self.ports.store.load(stored.run.id)
            if latest is not None:
                self.redrive(latest)

    def _decide_each(
        self, flow: Flow, stored: Stored, batch: Batch, evidence: Evidence
    ) -> Iterator[tuple[Together, Decision]]:
        """Each decision is made on what those before it lead to; an event that none can be made on is answered so."""
        for each in list(batch.waiting):
            try:
                decision = self._decide(flow, stored, each.event, evidence)
            except Exception as error:  # the others are to be decided on all the same
                batch.answer(each, error)
                continue
            yield each, decision
            stored = stored.after(decision)

    def redrive(self, stored: Stored) -> int:
        """Carry out what a handler that died left in the outbox, or what was put off until now; how many entries.

        An entry that cannot be carried out does not keep the others from it; its error comes up at the end.
        """
        left = [entry for entry in stored.outbox if entry.free_at <= self.ports.clock.now()]
        errors: list[Exception] = []
        done = 0
        for entry in left:
            try:
                # Of several who come across it at once, one carries it out.
                until = self.ports.clock.now() + OUTBOX_ORPHANED_AFTER
                if not self.ports.store.take_up(stored.run.id, entry, until):
                    continue
                done += 1
                self._apply(self.ports.objects.flow(stored.run.digest), stored, entry, again=True)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return done

    def _start(self, event: Event) -> Handled:
        if not isinstance(event, RunStarted):
            return Handled(event.run, note="there is no such run")
        flow = self.ports.objects.flow(event.digest)
        return self._carry_out(flow, event.run, {}, decide_start(flow, event, self.ports.clock.now()))

    def _decide(self, flow: Flow, stored: Stored, event: Event, evidence: Evidence) -> Decision:
        evidence.read(stored, [event])
        array = evidence.of_array(flow, stored, event)
        now = self.ports.clock.now()
        return decide(flow, stored.run, stored.groups, event, evidence.outcomes, now, evidence.claims, array)

    def _carry_out(
        self,
        flow: Flow,
        run: str,
        groups: Mapping[GroupKey, Group],
        decision: Decision,
        done: Sequence[OutboxEntry] = (),
    ) -> Handled:
        """Fence what a decision moves past, save it together with its commands, then apply these."""
        if decision.run is None:
            return Handled(run, note=decision.note)
        entry = None
        commands = self.effects.fence(run, decision.commands, decision.claims)
        if commands or decision.later:
            now = self.ports.clock.now()
            free_at = now + OUTBOX_ORPHANED_AFTER if commands else _free_at(decision.later, now)
            entry = OutboxEntry(self._new_id(), now, (*commands, *decision.later), free_at)
        self.ports.store.save(decision.run, decision.groups, add=entry, done=[old.id for old in done])
        # What is only put off is left to whoever comes by in time; beside other commands it is put off once more.
        if entry is not None and not commands:
            self.effects.wake(run, decision.later)
        elif entry is not None:
            saved = {group.key: replace(group, version=group.version + 1) for group in decision.groups}
            stored = Stored(replace(decision.run, version=decision.run.version + 1), {**groups, **saved})
            self._apply(flow, stored, entry, again=False)
        return Handled(run, len(decision.commands), decision.note, decision.more)

    def _apply(self, flow: Flow, stored: Stored, entry: OutboxEntry, *, again: bool) -> None:
        """Carry out the commands, then save what they led to and clear the entry."""
        answers = self.effects.apply(flow, stored, entry.commands, again=again)
        self._settle(flow, stored, answers, entry)

    def _settle(self, flow: Flow, stored: Stored, answers: Sequence[Event], entry: OutboxEntry) -> None:
        """Decide on the answers of AWS, in one save that also clears the entry."""
        if not answers:
            self.ports.store.clear(stored.run.id, [entry.id])
            return
        current: Stored | None = stored
        for _ in range(MAX_CONFLICTS):
            if current is None:
                return
            try:
                self._save_answers(flow, current, answers, entry)
            except Conflict:
                current = self.ports.store.load(stored.run.id)
            else:
                return
        raise Conflict(f"run {stored.run.id} kept changing while the answers of AWS were being saved")

    def _save_answers(self, flow: Flow, stored: Stored, answers: Sequence[Event], entry: OutboxEntry) -> None:
        decision, current = Decision(stored.run), stored
        for answer in answers:
            later = decide(flow, current.run, current.groups, answer, {}, self.ports.clock.now())
            decision, current = decision.then(later), current.after(later)
        self._carry_out(flow, stored.run.id, stored.groups, decision, done=[entry])


def _is_full(decision: Decision) -> bool:
    """Whether what one more event leads to might not fit into the same save."""
    return len(decision.groups) >= GROUPS_AT_ONCE or len(decision.commands) >= COMMANDS_AT_ONCE


def _free_at(later: Sequence[Command], now: float) -> float:
    """When commands that are put off may be carried out: nobody is at work on them."""
    booked = [command.due if isinstance(command, SubmitJob) else None for command in later]
    return min(now + OUTBOX_ORPHANED_AFTER if due is None else due - 2 * EARLY for due in booked)
