"""What must hold once the faults have stopped, and when all is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steprelay_core.state.model import RunStatus
from tests.simulation.facts import Calmed, Swept
from tests.simulation.invariants.rules import rule

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

# After a cancel, sweeps come every five minutes, jobs are looked at after five, and Batch takes its time to stop one.
JOBS_OUTLIVE_A_CANCEL = 1000.0


@rule(15, Swept)
def jobs_of_cancelled_runs_are_stopped(simulation: Simulation, _: Swept) -> str | None:
    for stored in simulation.relay.store.runs.values():
        run = stored.run
        if run.status is not RunStatus.CANCELLED or run.ended_at is None:
            continue
        known_for = simulation.scheduler.now - max(run.ended_at, simulation.healed_at)
        live = [unit.id for unit in simulation.relay.batch.units_of(run.id) if not unit.over and not unit.stopping]
        if live and known_for > JOBS_OUTLIVE_A_CANCEL:
            return f"{run.id} was cancelled, and {known_for:.0f} s later {live} are live"
    return None


@rule(13, Calmed)
def runs_are_over_with_their_tasks(simulation: Simulation, _: Calmed) -> str | None:
    for stored in simulation.relay.store.runs.values():
        live = [key for key, group in stored.groups.items() if len(group.live)]
        if live:
            return f"{stored.run.id} is {stored.run.status}, but {live} are live"
    return None


@rule(14, Calmed)
def every_end_was_told(simulation: Simulation, _: Calmed) -> str | None:
    for stored in simulation.relay.store.runs.values():
        run, told = stored.run, {id_ for id_ in simulation.record.published if id_.startswith(f"{stored.run.id}:run-")}
        latest = f"#{run.generation}" if run.generation > 1 else ""
        ending = f"{run.id}:run-{run.status.lower()}{latest}"
        begun = {f"{run.id}:run-started"} | {f"{run.id}:run-resumed#{time}" for time in range(2, run.generation + 1)}
        others = {id_ for id_ in told - begun - {ending} if id_.partition("#")[2] == latest[1:]}
        if not begun | {ending} <= told or others:
            return f"{stored.run.id} is {stored.run.status}, and was told as {sorted(told)}"
    return None


@rule(16, Calmed)
def all_poison_is_buried(simulation: Simulation, _: Calmed) -> str | None:
    record = simulation.record
    missing = record.poison - record.buried
    if missing:
        return f"{sorted(missing)} never came to a dead-letter queue with a reason"
    return None


@rule(17, Calmed)
def one_upload_one_run(simulation: Simulation, _: Calmed) -> str | None:
    runs = [stored.run for stored in simulation.relay.store.runs.values()]
    for key, uploaded in simulation.relay.uploads.uploaded.items():
        if not key.startswith("run/"):
            continue
        made = [run.id for run in runs if run.origin.detail.get("key") == key]
        if len(made) != 1 or uploaded.tags.get("steprelay") != "accepted":
            return f"{key} made {made}, and is tagged {uploaded.tags}"
    return None


@rule(18, Calmed)
def outboxes_are_empty(simulation: Simulation, _: Calmed) -> str | None:
    for stored in simulation.relay.store.runs.values():
        if stored.outbox:
            return f"{stored.outbox} of {stored.run.id} was never carried out"
    return None


@rule(13, Calmed)
def no_run_gets_lost_in_its_flow(simulation: Simulation, _: Calmed) -> str | None:
    for stored in simulation.relay.store.runs.values():
        failure = stored.run.failure
        if failure is not None and failure.failure.class_ == "internal":
            return f"{stored.run.id} failed by the relay's own fault: {failure.failure.reason}"
    return None


@rule(19, Calmed)
def nobody_fails_without_a_cause(simulation: Simulation, _: Calmed) -> str | None:
    for stored in simulation.relay.store.runs.values():
        if (stored.run.failure is None) != (stored.run.status is not RunStatus.FAILED) and (
            stored.run.status is not RunStatus.CANCELLED
        ):
            return f"{stored.run.id} is {stored.run.status} with failure {stored.run.failure}"
    return None
