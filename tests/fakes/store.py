"""Runs, groups and deployments in dictionaries, with the conditions of the DynamoDB table."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from steprelay_core.aws.items import outbox_place, run_place
from steprelay_core.ports import Conflict, Cursor, Deployment, Listed, OutboxEntry, Stored, Unsettled, UsedDefinition
from steprelay_core.state.model import Group, GroupKey, Run, RunStatus


class MemoryStore:
    """`runs` may be read by tests; it is written through `save` alone."""

    def __init__(self) -> None:
        self.runs: dict[str, Stored] = {}
        self.deployments: dict[str, Deployment] = {}
        self.definitions: dict[str, UsedDefinition] = {}
        self.cursors: dict[str, Cursor] = {}

    def load(self, run: str) -> Stored | None:
        stored = self.runs.get(run)
        return stored and replace(stored, groups=dict(stored.groups))

    def save(
        self, run: Run, groups: Sequence[Group], *, add: OutboxEntry | None = None, done: Iterable[str] = ()
    ) -> None:
        before = self.runs.get(run.id)
        kept = dict(before.groups) if before else {}
        if run.version != (before.run.version if before else 0):
            raise Conflict(f"run {run.id} is no longer at version {run.version}")
        for group in groups:
            self._check_group(group, kept)
        kept |= {group.key: replace(group, version=group.version + 1) for group in groups}
        outbox = {entry.id: entry for entry in before.outbox} if before else {}
        for entry_id in done:
            outbox.pop(entry_id, None)
        if add is not None:
            outbox[add.id] = add
        entries = tuple(sorted(outbox.values(), key=lambda entry: (entry.created_at, entry.id)))
        self.runs[run.id] = Stored(replace(run, version=run.version + 1), kept, entries)

    def take_up(self, run: str, entry: OutboxEntry, until: float) -> bool:
        stored = self.runs.get(run)
        if stored is None or entry not in stored.outbox:
            return False
        taken = replace(entry, free_at=until)
        outbox = tuple(taken if other.id == entry.id else other for other in stored.outbox)
        self.runs[run] = replace(stored, outbox=outbox)
        return True

    def clear(self, run: str, done: Iterable[str]) -> None:
        stored, gone = self.runs.get(run), set(done)
        if stored is not None:
            self.runs[run] = replace(stored, outbox=tuple(entry for entry in stored.outbox if entry.id not in gone))

    @staticmethod
    def _check_group(group: Group, kept: dict[GroupKey, Group]) -> None:
        stored = kept.get(group.key)
        if group.version != (stored.version if stored else 0):
            raise Conflict(f"group {group.key} is no longer at version {group.version}")

    def list_runs(self, *, status: RunStatus | None = None, limit: int = 100) -> list[Run]:
        runs = [stored.run for stored in self.runs.values() if status in (None, stored.run.status)]
        return sorted(runs, key=lambda run: (run.created_at, run.id), reverse=True)[:limit]

    def unsettled(self, which: Unsettled, *, after: str = "", limit: int = 1000) -> list[Listed]:
        found = [
            Listed(run, place) for run, stored in self.runs.items() for place in _places(which, stored) if place > after
        ]
        return sorted(found, key=lambda listed: listed.place)[:limit]

    def cursor(self, which: Unsettled) -> Cursor:
        return self.cursors.get(which, Cursor())

    def keep_cursor(self, which: Unsettled, cursor: Cursor) -> None:
        self.cursors[which] = cursor

    def deploy(self, deployment: Deployment) -> Deployment | None:
        before = self.deployments.get(deployment.flow)
        if before is not None and before.deployed_at > deployment.deployed_at:
            raise Conflict(f"flow {deployment.flow} has a later deployment")
        self.deployments[deployment.flow] = deployment
        return before

    def deployment(self, flow: str) -> Deployment | None:
        return self.deployments.get(flow)

    def subscribers(self, event: str) -> list[Deployment]:
        found = [deployment for deployment in self.deployments.values() if event in deployment.triggers]
        return sorted(found, key=lambda deployment: deployment.flow)

    def note_definition(self, used: UsedDefinition) -> None:
        known = self.definitions.get(used.name)
        if known is None or known.used_at < used.used_at:
            self.definitions[used.name] = used

    def unused_definitions(self, before: float, *, limit: int) -> list[UsedDefinition]:
        unused = [used for used in self.definitions.values() if used.used_at < before]
        return sorted(unused, key=lambda used: (used.used_at, used.name))[:limit]

    def forget_definition(self, used: UsedDefinition) -> bool:
        if self.definitions.get(used.name) != used:
            return False
        del self.definitions[used.name]
        return True


def _places(which: Unsettled, stored: Stored) -> list[str]:
    """Where a run stands in a list, as often as it does."""
    if which == "stuck":
        return [outbox_place(stored.run.id, entry) for entry in stored.outbox]
    return [] if stored.run.settled else [run_place(stored.run)]
