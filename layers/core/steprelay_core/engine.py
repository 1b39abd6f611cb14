"""The one loop of the dispatcher: load → decide → fence → save with outbox → apply.

Every event is handled so that it may come twice, in any order, and so that the handler may die after any effect:
the commands of a decision are saved with the state before the first of them is carried out, and whoever finds
them later (a redelivered event, the sweep) carries them out again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from steprelay_core.commands import Command, SubmitJob
from steprelay_core.decide import Decision, decide, decide_start, outcomes_needed
from steprelay_core.effects import Effects
from steprelay_core.pace import EARLY
from steprelay_core.ports import OUTBOX_ORPHANED_AFTER, Conflict, OutboxEntry, Ports, Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import Event, RunStarted
from steprelay_core.state.model import Group, GroupKey

# How often a decision is made anew when somebody else saved the run first.
MAX_CONFLICTS = 50


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an event: `note` says why nothing followed, where nothing did; `more` that not all has yet."""

    run: str
    commands: int = 0
    note: str | None = None
    more: bool = False


class Engine:
    """Turns events into saved state and effects; safe to run in any number of functions at once."""

    def __init__(self, ports: Ports, effects: Effects, new_id: Callable[[], str]) -> None:
        self.ports = ports
        self.effects = effects
        self._new_id = new_id

    def handle(self, event: Event) -> Handled:
        """Handle one event to its end.

        Raises:
            Conflict: when others kept saving the run; let the event be delivered again.
        """
        conflicts = 0
        while conflicts < MAX_CONFLICTS:
            try:
                stored = self.ports.store.load(event.run)
                handled = self._start(event) if stored is None else self._continue(stored, event)
            except Conflict:
                conflicts += 1
            else:
                if not handled.more:
                    return handled
        raise Conflict(f"run {event.run} kept changing while {type(event).__name__} was being decided")

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

    def _continue(self, stored: Stored, event: Event) -> Handled:
        flow = self.ports.objects.flow(stored.run.digest)
        decision = self._decide(flow, stored, event)
        handled = self._carry_out(flow, event.run, stored.groups, decision)
        if stored.outbox:
            latest = self.ports.store.load(event.run)
            if latest is not None:
                self.redrive(latest)
        return handled

    def _decide(self, flow: Flow, stored: Stored, event: Event) -> Decision:
        needed = outcomes_needed(stored.groups, event)
        outcomes = self.ports.objects.outcomes(stored.run.id, needed) if needed else {}
        unwon = [attempt for attempt in needed if attempt not in outcomes or outcomes[attempt].status != "succeeded"]
        claims = self.ports.objects.claims(stored.run.id, unwon) if unwon else {}
        return decide(flow, stored.run, stored.groups, event, outcomes, self.ports.clock.now(), claims)

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
        decision, run, groups = Decision(stored.run), stored.run, dict(stored.groups)
        for answer in answers:
            later = decide(flow, run, groups, answer, {}, self.ports.clock.now())
            decision = decision.then(later)
            run = later.run or run
            groups |= {group.key: group for group in later.groups}
        self._carry_out(flow, stored.run.id, stored.groups, decision, done=[entry])


def _free_at(later: Sequence[Command], now: float) -> float:
    """When commands that are put off may be carried out: nobody is at work on them."""
    booked = [command.due if isinstance(command, SubmitJob) else None for command in later]
    return min(now + OUTBOX_ORPHANED_AFTER if due is None else due - 2 * EARLY for due in booked)
