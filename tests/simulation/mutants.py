"""Bugs planted in the engine: each must be caught by the simulator, or it would catch none of that kind."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from steprelay_core.commands import Announce, Command, FenceAttempt, InvokeLight, SubmitJob, TerminateJob
from steprelay_core.decide import Decision, decide
from steprelay_core.decide.draft import Claims, settle_members, union
from steprelay_core.effects import Effects
from steprelay_core.engine import Engine
from steprelay_core.evidence import Evidence
from steprelay_core.handled import Handled
from steprelay_core.packing import Packing
from steprelay_core.ports import OutboxEntry, Ports, Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import Event, JobChanged, LightEnded, ResumeRequested
from steprelay_core.state.model import Group, GroupKey, Run, RunStatus
from steprelay_core.state.ranges import Ranges
from steprelay_core.submit import Dispatch
from steprelay_core.sweep import Sweeper, Swept
from tests.fakes import MemoryStore
from tests.simulation.array_mutants import BelievesEvents, BelievesExitCodes, DecidesApart
from tests.simulation.budget_mutants import (
    AllowsOneMore,
    ForgetsWhatWasSpent,
    NeverPauses,
    RetriesAtOnce,
    RetriesWhateverHappened,
    RetriesWhatIsFinal,
    RetriesWhatMayNotBe,
    SpendsTheStepsBudget,
    TakesMachinesForPrograms,
)
from tests.simulation.campaign import first_caught
from tests.simulation.catch_mutants import CatchesEarly, ForgetsWhoWasCaught, GivesUpWhatIsCaught
from tests.simulation.chain_mutants import CountsVoidAttempts, FencesOnlyWhatFailed, ForgetsVoidAttempts
from tests.simulation.hook_mutants import HOOK_BUGS, ForgetsItsHooks
from tests.simulation.lap_mutants import CountsOneLevel, StartsFromAnotherLap, StaysInTheLap
from tests.simulation.misjudging import Misjudges
from tests.simulation.notice_mutants import NOTICE_BUGS
from tests.simulation.pace_mutants import GivesToAll, LeavesCancelsHalfway, NeverWaits, SpendsLate
from tests.simulation.parts import Parts
from tests.simulation.queue_mutants import EndsUnasked, NeverEndsWaiting

# Each is caught within so many seeds.
SEEDS = 400


class SubmitsBeforeIntent(Engine):
    """Hands over first and saves then."""

    def _carry_out(
        self,
        flow: Flow,
        run: str,
        groups: Any,
        decision: Decision,
        done: Sequence[OutboxEntry] = (),
    ) -> Handled:
        submits = [command for command in decision.commands if isinstance(command, SubmitJob)]
        if decision.run is not None and submits:
            saved = {**groups, **{group.key: group for group in decision.groups}}
            self.effects.apply(flow, Stored(decision.run, saved), submits, again=False)
        return super()._carry_out(flow, run, groups, decision, done)


class NeverFences(Effects):
    """Moves past attempts without taking their claims."""

    def _fence(self, run: str, command: FenceAttempt, claims: Claims) -> None:
        pass


class FencesTheNext(Effects):
    """Takes the claim of the attempt that follows."""

    def _fence(self, run: str, command: FenceAttempt, claims: Claims) -> None:
        super()._fence(run, replace(command, attempt=command.attempt + 1), {})


class NeverLooks(Effects):
    """Submits again without asking for the name."""

    def apply(self, flow: Flow, stored: Stored, commands: Sequence[Command], *, again: bool) -> list[Event]:
        return super().apply(flow, stored, commands, again=False)


@dataclass(frozen=True)
class ForgetfulPacking(Packing):
    """Leaves out the last task of a message that several share."""

    def messages(self, brief: dict[str, Any] | str, members: Ranges) -> Iterator[dict[str, Any]]:
        for message in super().messages(brief, members):
            yield message | ({"members": message["members"][:-1]} if "members" in message else {})


class ForgetsTheLast(Effects):
    """Packs light tasks forgetfully."""

    def __init__(self, ports: Ports, dispatch: Dispatch) -> None:
        given = dispatch.packing
        super().__init__(ports, replace(dispatch, packing=ForgetfulPacking(given.alone, given.together)))


class ClearsEarly(Engine):
    """Takes commands out of the outbox before they are carried out."""

    def _apply(self, flow: Flow, stored: Stored, entry: OutboxEntry, *, again: bool) -> None:
        self.ports.store.clear(stored.run.id, [entry.id])
        super()._apply(flow, stored, entry, again=again)


class NeverRedrives(Engine):
    """Leaves the outboxes of the dead alone."""

    def redrive(self, stored: Stored) -> int:
        return 0


class NeverSweeps(Sweeper):
    """Finds nothing that events did not tell."""

    def sweep(self) -> Swept:
        return Swept(0, 0, 0)


class AnnouncesFirst(Engine):
    """Tells of an end before it is saved."""

    def _carry_out(
        self, flow: Flow, run: str, groups: Any, decision: Decision, done: Sequence[OutboxEntry] = ()
    ) -> Handled:
        told = [command for command in decision.commands if isinstance(command, Announce)]
        if decision.run is not None and told:
            self.ports.bus.publish(told)
            rest = tuple(command for command in decision.commands if not isinstance(command, Announce))
            decision = replace(decision, commands=rest)
        return super()._carry_out(flow, run, groups, decision, done)


class LosesUpdates(MemoryStore):
    """Saves over whatever is there."""

    def __init__(self, real: MemoryStore) -> None:
        super().__init__()
        self.runs, self.deployments, self.definitions = real.runs, real.deployments, real.definitions

    def save(
        self, run: Run, groups: Sequence[Group], *, add: OutboxEntry | None = None, done: Iterable[str] = ()
    ) -> None:
        there = self.runs.get(run.id)
        if there is not None:
            run = replace(run, version=there.run.version)
            groups = [replace(group, version=_version(there, group.key)) for group in groups]
        super().save(run, groups, add=add, done=done)


def _version(stored: Stored, key: GroupKey) -> int:
    return stored.groups[key].version if key in stored.groups else 0


class CountsStaleAttempts(Misjudges):
    """Takes an event of any attempt for one of the attempt under way."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        group = stored.groups.get(event.group) if isinstance(event, JobChanged) else None
        if isinstance(event, JobChanged) and group is not None and len(group.submissions) == 1:
            current = group.submissions[0]
            event = replace(event, submission=current.id, job_id=current.job_id or event.job_id)
        return flow, stored, event


class ReopensForLateSuccess(Misjudges):
    """Believes an outcome that was written after its attempt was given up."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        if not isinstance(event, JobChanged) or decision.run is not None or event.index is not None:
            return decision
        group = stored.groups.get(event.group, Group(event.group))
        attempt, member = map(int, event.submission.split("-"))
        outcome = self.ports.objects.outcomes(stored.run.id, [(group.key.task(member), attempt)])
        if not any(found.status == "succeeded" for found in outcome.values()) or member not in group.failed:
            return decision
        group = settle_members(group, Ranges.of(member))
        won = group.won | {attempt: group.won.get(attempt, Ranges()) | Ranges.of(member)}
        return Decision(stored.run, (replace(group, won=won, failed=group.failed - Ranges.of(member)),))


class JoinsOneShort(Misjudges):
    """Starts the join of a foreach when one split is still missing."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        fewer = {
            key: replace(group, fanout={member: max(count - 1, 1) for member, count in group.fanout.items()})
            for key, group in stored.groups.items()
        }
        return flow, replace(stored, groups=fewer), event


class ForgetsJobsOfACancel(Misjudges):
    """Cancels a run and lets its jobs go on."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        rest = tuple(command for command in decision.commands if not isinstance(command, TerminateJob))
        return replace(decision, commands=rest)


class WidensWindows(Misjudges):
    """Has one task more in flight than a foreach allows."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        def wider(most: int | None) -> int | None:
            return most + 1 if most is not None else None

        steps = {}
        for name, step in flow.spec.steps.items():
            ways = [way.model_copy(update={"max_workers": wider(way.max_workers)}) for way in step.next]
            steps[name] = step.model_copy(update={"next": ways})
        update = {"steps": steps, "max_workers": wider(flow.spec.max_workers)}
        return replace(flow, spec=flow.spec.model_copy(update=update)), stored, event


class ForgetsTheQueue(Misjudges):
    """Lets nobody follow whose turn has come when a task has ended."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        groups, commands = [], decision.commands
        for group in decision.groups:
            was = stored.groups.get(group.key, Group(group.key))
            begun = [item for item in group.submissions if item.open & was.queued == item.open]
            back = union(item.open for item in begun)
            left = tuple(item for item in group.submissions if item not in begun)
            groups.append(replace(group, submissions=left, queued=group.queued | back))
            ids = {(group.key, item.id) for item in begun}
            commands = tuple(
                command
                for command in commands
                if not isinstance(command, SubmitJob | InvokeLight) or (command.group, command.submission) not in ids
            )
        return replace(decision, groups=tuple(groups), commands=commands)


class BelievesSuccess(Misjudges):
    """Takes a job that ended well for a success, whether or not it left an outcome."""

    def _decide(self, flow: Flow, stored: Stored, event: Event, evidence: Evidence) -> Decision:
        if not isinstance(event, JobChanged) or event.status != "SUCCEEDED":
            return super()._decide(flow, stored, event, evidence)
        steps = {name: step.model_copy(update={"package": False}) for name, step in flow.spec.steps.items()}
        believing = replace(flow, spec=flow.spec.model_copy(update={"steps": steps}))
        return decide(believing, stored.run, stored.groups, event, {}, self.ports.clock.now())


class EndsOtherMembers(Misjudges):
    """Takes the end of one light member for that of all."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        if not isinstance(event, LightEnded):
            return decision
        groups = [replace(group, submissions=()) if group.key == event.group else group for group in decision.groups]
        return replace(decision, groups=tuple(groups))


class ResumesUnasked(Misjudges):
    """Takes a stray event for a person's word that a run which has ended is to go on."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        if not isinstance(event, JobChanged) or stored.run.status is not RunStatus.FAILED or decision.run is not None:
            return decision
        resume = ResumeRequested(stored.run.id, "nobody's")
        return decide(flow, stored.run, stored.groups, resume, {}, self.ports.clock.now())


class ForgetsRequests(Misjudges):
    """Does not know a request again that comes a second time."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        return decision if decision.run is None else replace(decision, run=replace(decision.run, requests=()))


class ResumesWithOldAttempts(Misjudges):
    """Counts the attempts of a resumed run from 1 again."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        if not isinstance(event, ResumeRequested):
            return decision
        groups = tuple(
            replace(group, submissions=tuple(replace(item, attempt=1, first=1) for item in group.submissions))
            for group in decision.groups
        )
        commands = tuple(
            replace(command, submission=f"1-{command.submission.partition('-')[2]}")
            if isinstance(command, SubmitJob)
            else command
            for command in decision.commands
        )
        return replace(decision, groups=groups, commands=commands)


@dataclass(frozen=True)
class Mutant:
    """A planted bug; `promises`: the numbers of the invariants by which it may be caught; `wide`: in which
    worlds."""

    name: str
    parts: Parts
    promises: frozenset[int]
    wide: bool = False


def _engine(name: str, engine: type[Engine], *promises: int) -> Mutant:
    return Mutant(name, Parts(engine=engine), frozenset(promises))


MUTANTS = (
    _engine("submits before the intent is saved", SubmitsBeforeIntent, 3),
    Mutant("never fences", Parts(effects=NeverFences), frozenset({1, 2, 18})),
    Mutant("fences the wrong attempt", Parts(effects=FencesTheNext), frozenset({2, 18})),
    Mutant("never looks for a job before submitting again", Parts(effects=NeverLooks), frozenset({7})),
    Mutant("forgets the last of several light tasks", Parts(effects=ForgetsTheLast), frozenset({18, 19})),
    _engine("clears the outbox early", ClearsEarly, 18),
    _engine("never redrives the outbox", NeverRedrives, 18, 19),
    Mutant("never sweeps", Parts(sweeper=NeverSweeps), frozenset({19})),
    _engine("announces before saving", AnnouncesFirst, 14),
    Mutant("saves without looking at versions", Parts(store=LosesUpdates), frozenset({9})),
    _engine("counts events of stale attempts", CountsStaleAttempts, 2, 5, 7),
    _engine("reopens a failed task for a late success", ReopensForLateSuccess, 5, 6, 7),
    _engine("gives one attempt too many", AllowsOneMore, 4, 11),
    _engine("retries what is final", RetriesWhatIsFinal, 11),
    _engine("does not wait between attempts", RetriesAtOnce, 11),
    _engine("forgets what was spent of a class's budget", ForgetsWhatWasSpent, 11),
    _engine("lets what is free cost a retry", SpendsTheStepsBudget, 4, 11),
    _engine("takes every failure to start for the program's", TakesMachinesForPrograms, 8, 11),
    _engine("does not pause where a class backs off", NeverPauses, 11),
    _engine("retries whatever happened", RetriesWhateverHappened, 11),
    _engine("retries a step that may not be", RetriesWhatMayNotBe, 11),
    _engine("joins a foreach one short", JoinsOneShort, 6, 10, 13),
    _engine("forgets the jobs of a cancelled run", ForgetsJobsOfACancel, 15),
    _engine("believes a success without an outcome", BelievesSuccess, 6, 7, 10),
    _engine("ends other members with one", EndsOtherMembers, 5),
    _engine("resumes a run unasked", ResumesUnasked, 6, 15),
    _engine("resumes twice for one request", ForgetsRequests, 7),
    _engine("resumes with attempts that were", ResumesWithOldAttempts, 2, 4, 7),
    _engine("does not fence what was handed over behind a failure", FencesOnlyWhatFailed, 2),
    _engine("counts attempts that were void", CountsVoidAttempts, 10, 11),
    _engine("begins with an attempt that was void", ForgetsVoidAttempts, 2, 4, 5, 7, 11),
    Mutant("runs on what is presumed without looking", Parts(looks=False), frozenset({10})),
    _engine("believes that every failure was told of", BelievesEvents, 10, 11),
    _engine("believes exit codes", BelievesExitCodes, 10),
    _engine("decides the events of a batch apart", DecidesApart, 5, 6, 7, 10, 13),
    _engine("goes back within the same lap", StaysInTheLap, 13),
    _engine("counts the laps of one level only", CountsOneLevel, 7, 10, 13),
    Mutant("starts from what another lap left", Parts(effects=StartsFromAnotherLap), frozenset({10})),
    _engine("has one more in flight than the window holds", WidensWindows, 21),
    _engine("forgets who waits in the queue", ForgetsTheQueue, 21),
    Mutant("submits whenever it likes", Parts(effects=NeverWaits), frozenset({22})),
    Mutant("spends a second that has passed", Parts(effects=SpendsLate), frozenset({22})),
    Mutant("lets everybody take up an entry", Parts(store=GivesToAll), frozenset({7})),
    Mutant("leaves a cancel halfway", Parts(sweeper=LeavesCancelsHalfway), frozenset({13, 15, 19}), wide=True),
    *(_engine(*bug) for bug in HOOK_BUGS),
    Mutant("forgets to call its hooks", Parts(effects=ForgetsItsHooks), frozenset({18})),
    _engine("has everybody wait for a machine for ever", NeverEndsWaiting, 19),
    _engine("ends a job for waiting without asking", EndsUnasked, 12),
    *(_engine(*bug) for bug in NOTICE_BUGS),
    _engine("gives up what @catch takes", GivesUpWhatIsCaught, 25),
    _engine("catches before the last attempt", CatchesEarly, 25),
    _engine("forgets who was caught", ForgetsWhoWasCaught, 25),
    Mutant("buries no poison", Parts(buries=False), frozenset({16, 19})),
)


@dataclass
class Table:
    """How soon each planted bug was caught."""

    lines: list[str] = field(default_factory=list)
    all_caught: bool = True


def table(mutants: Sequence[Mutant] = MUTANTS, tell: Callable[[str], None] = lambda _: None) -> Table:
    """Plant the bugs one by one; `tell` is given each line as it is known."""
    made = Table()
    for mutant in mutants:
        caught = first_caught(mutant.parts, range(SEEDS), mutant.promises, wide=mutant.wide)
        how = f"{caught.seed + 1:4} seeds, invariant {caught.number}" if caught else "not caught"
        line = f"{mutant.name:48} {how}"
        made.lines.append(line)
        made.all_caught &= caught is not None
        tell(line)
    return made
