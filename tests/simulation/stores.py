"""The table in memory, behind the scheduler and watched: what is saved becomes a fact."""

from collections.abc import Iterable, Sequence

from steprelay_core.commands import Announce
from steprelay_core.ports import Cursor, Deployment, Listed, OutboxEntry, Store, Stored, Unsettled, UsedDefinition
from steprelay_core.state.events import ResumeRequested, RetryRequested
from steprelay_core.state.model import Group, Run, RunStatus
from tests.fakes import MemoryStore
from tests.simulation.facts import Cleared, Saved, TakenUp
from tests.simulation.record import Intent, Record
from tests.simulation.scheduler import Scheduler


class SimulatedStore:
    """`real` holds the runs; `through` is what the engine's calls go to, which a planted bug may replace."""

    def __init__(self, scheduler: Scheduler, record: Record, real: MemoryStore, through: Store) -> None:
        self._s, self._record, self._real, self._through = scheduler, record, real, through

    def load(self, run: str) -> Stored | None:
        return self._s.call("load", lambda: self._through.load(run))

    def save(
        self, run: Run, groups: Sequence[Group], *, add: OutboxEntry | None = None, done: Iterable[str] = ()
    ) -> None:
        ids = tuple(done)
        events = () if ids else self._record.deciding.get(self._record.actor, ())

        def save() -> None:
            before = self._real.runs.get(run.id)
            self._through.save(run, groups, add=add, done=ids)
            after = self._real.runs[run.id]
            self._say(after, groups, add, ids)
            self._record.happened(Saved(run, tuple(groups), before, after, add, _entries(before, ids), events))
            self._note_intents(run.id, groups)
            # A notice may be gone again by the time of its save, where the job's start was told together with it.
            commands = add.commands if add is not None else ()
            self._record.to_be_told.update(command.id for command in commands if isinstance(command, Announce))
            again = before is not None and run.generation > before.run.generation
            for event in events if again else ():
                if isinstance(event, ResumeRequested | RetryRequested):
                    self._record.resumed.add((run.id, event.request))

        self._s.call("save", save)

    def take_up(self, run: str, entry: OutboxEntry, until: float) -> bool:
        def take_up() -> bool:
            taken = self._through.take_up(run, entry, until)
            if taken:
                self._record.happened(TakenUp(run, entry.id))
                self._record.taken_until[(run, entry.id)] = until
            return taken

        return self._s.call(f"take up {entry.id}", take_up)

    def clear(self, run: str, done: Iterable[str]) -> None:
        ids = tuple(done)

        def clear() -> None:
            entries = _entries(self._real.runs.get(run), ids)
            self._through.clear(run, ids)
            self._record.happened(Cleared(run, entries))

        self._s.call(f"clear {', '.join(ids)}", clear)

    def _note_intents(self, run: str, groups: Sequence[Group]) -> None:
        for group in groups:
            for submission in group.submissions:
                intent = Intent(self._record.actor, self._s.now)
                self._record.intents.setdefault((run, group.key, submission.id), intent)

    def _say(self, after: Stored, groups: Sequence[Group], add: OutboxEntry | None, done: Sequence[str]) -> None:
        if not self._s.traced:
            return
        self._s.say(f"    {after.run.id} v{after.run.version} {after.run.status}")
        for group in groups:
            self._s.say(f"      {summary(group)}")
        for command in add.commands if add else ():
            self._s.say(f"      [{add.id if add else ''}] {command}")
        if done:
            self._s.say(f"      done: {', '.join(done)}")

    def list_runs(self, *, status: RunStatus | None = None, limit: int = 100) -> list[Run]:
        return self._s.call("list runs", lambda: self._through.list_runs(status=status, limit=limit))

    def unsettled(self, which: Unsettled, *, after: str = "", limit: int = 1000) -> list[Listed]:
        """A global index: what was written a moment ago may not be in it yet."""
        late = self._s.dice.strike("stale_list", f"{self._s.place} {which} runs")
        found = self._s.call(f"{which} runs", lambda: self._through.unsettled(which, after=after, limit=limit))
        return found[:-1] if late else found

    def cursor(self, which: Unsettled) -> Cursor:
        return self._s.call(f"cursor of {which} runs", lambda: self._through.cursor(which))

    def keep_cursor(self, which: Unsettled, cursor: Cursor) -> None:
        self._s.call(f"keep cursor of {which} runs", lambda: self._through.keep_cursor(which, cursor), repeat=True)

    def deploy(self, deployment: Deployment) -> Deployment | None:
        return self._s.call("deploy", lambda: self._through.deploy(deployment))

    def deployment(self, flow: str) -> Deployment | None:
        return self._s.call("deployment", lambda: self._through.deployment(flow))

    def subscribers(self, event: str) -> list[Deployment]:
        return self._s.call("subscribers", lambda: self._through.subscribers(event))

    def note_definition(self, used: UsedDefinition) -> None:
        self._s.call("note definition", lambda: self._through.note_definition(used))

    def unused_definitions(self, before: float, *, limit: int) -> list[UsedDefinition]:
        return self._s.call("unused definitions", lambda: self._through.unused_definitions(before, limit=limit))

    def forget_definition(self, used: UsedDefinition) -> bool:
        return self._s.call("forget definition", lambda: self._through.forget_definition(used))


def _entries(stored: Stored | None, ids: Sequence[str]) -> tuple[OutboxEntry, ...]:
    return tuple(entry for entry in stored.outbox if entry.id in ids) if stored else ()


def summary(group: Group) -> str:
    """A group in one line of a trace."""
    parts = [f"{item.id} {item.status} {item.job_id or '-'} open {item.open}" for item in group.submissions]
    parts += [f"attempt {wait.attempt} of {wait.members} waits" for wait in group.waits]
    parts += [f"won by attempt {attempt}: {members}" for attempt, members in group.won.items()]
    parts += [f"failed: {group.failed}"] if len(group.failed) else []
    return f"{group.key.step}{list(group.key.path)}: {'; '.join(parts)}"
