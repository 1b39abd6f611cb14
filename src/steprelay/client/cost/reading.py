"""Reading how long the attempts of a run took, and on what they ran: a sample of each step."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from steprelay.client.cost.estimate import Attempts, Measured, RunCost, StepCost, run_cost, step_cost
from steprelay.client.cost.prices import Compute, list_prices
from steprelay.client.needs import asked_by
from steprelay.client.relay import RelayClient
from steprelay.client.winners import groups_of, spread, won_by
from steprelay_core.ports import Stored
from steprelay_core.spec import Batch, Flow, Step
from steprelay_core.state.model import FailedAttempt, Group, TaskKey

# Outcomes that are read of a step: of attempts that won, and of those that failed.
SAMPLE = 20
_THREADS = 8

# template.yaml: the memory of the light function unless its relay was deployed with another.
LIGHT_MEMORY_MIB = 1769


@dataclass(frozen=True, slots=True)
class _Asked:
    """An attempt to be measured; `failed` is its line of the history, where it failed."""

    group: Group
    task: TaskKey
    attempt: int
    failed: FailedAttempt | None = None


@dataclass(frozen=True, slots=True)
class _Ran:
    """How long an attempt took (seconds), and which Batch job it was, if it was one that is known.

    `light`: it was none, though the step runs on Batch, as when it goes on by `@catch`.
    """

    asked: _Asked
    seconds: float
    job_id: str | None
    light: bool = False


def cost_of(client: RelayClient, flow: Flow, stored: Stored) -> RunCost:
    """What a run has cost so far, estimated from at most 20 attempts of a step that won, and 20 that failed."""
    reading = _Reading(client, flow, stored)
    steps = [reading.step(name) for name in flow.spec.steps]
    return run_cost(steps, list_prices(), reading.assumed)


class _Reading:
    def __init__(self, client: RelayClient, flow: Flow, stored: Stored) -> None:
        self._client, self._flow, self._stored = client, flow, stored
        self.assumed: dict[str, None] = {}

    def step(self, name: str) -> StepCost:
        given = self._flow.step(name)
        in_vain = sum(len(_caught_themselves(group)) for group in groups_of(self._stored, name))
        won = sum(len(part.members) for part in won_by(self._stored, name)) - in_vain
        ran = self._ran(list(self._winners(name)))
        ran_in_vain = self._ran(list(self._failures(name)))
        failed = sum(_failed_attempts(group) for group in groups_of(self._stored, name))
        compute = self._compute(name, given.batch, [*ran, *ran_in_vain])
        return step_cost(
            name,
            Attempts(won, tuple(_measured(given, compute, one) for one in ran)),
            Attempts(failed, tuple(_measured(given, compute, one) for one in ran_in_vain)),
            list_prices(),
        )

    def _winners(self, step: str) -> Iterator[_Asked]:
        for winner in spread(self._stored, step, SAMPLE):
            group = self._stored.groups[winner.task.group]
            if winner.task.member not in _caught_themselves(group):
                yield _Asked(group, winner.task, winner.attempt)

    def _failures(self, step: str) -> Iterator[_Asked]:
        told = [(group, line) for group in groups_of(self._stored, step) for line in group.history]
        for group, line in told[:SAMPLE]:
            yield _Asked(group, group.key.task(line.member), line.attempt, line)

    def _ran(self, asked: Sequence[_Asked]) -> list[_Ran]:
        return [ran for ran in _side_by_side(self._measure, asked) if ran is not None]

    def _measure(self, asked: _Asked) -> _Ran | None:
        outcome = self._client.outcome(self._stored.run.id, asked.task, asked.attempt)
        if outcome is not None and {"started_at", "ended_at"} <= outcome.keys():
            job_id = outcome.get("job_id")
            return _Ran(asked, max(0.0, outcome["ended_at"] - outcome["started_at"]), job_id, light=job_id is None)
        if asked.failed is not None and asked.failed.began_at is not None:
            job_id = self._client.claimed_by(self._stored.run.id, asked.task, asked.attempt)
            return _Ran(asked, max(0.0, asked.failed.at - asked.failed.began_at), job_id)
        return None

    def _compute(self, step: str, batch: Batch | None, ran: Sequence[_Ran]) -> Compute:
        """What a step runs on: that of the first attempt whose job AWS Batch still knows."""
        if batch is None:
            return "lambda"
        for job_id in dict.fromkeys(one.job_id for one in ran if one.job_id):
            compute = self._client.compute(job_id.partition(":")[0])
            if compute is not None:
                return compute
        if not all(one.light for one in ran):
            self.assumed[step] = None
        return "ec2"


def _failed_attempts(group: Group) -> int:
    """How many attempts failed: the history tells the first ones, the winners how many there were at least."""
    before_winning = sum((attempt - 1) * len(members) for attempt, members in group.won.items())
    return max(len(group.history), before_winning + len(group.failed) + len(_caught_themselves(group)))


def _caught_themselves(group: Group) -> set[int]:
    """Members whose winning attempt did nothing but fail: its runner caught that."""
    return {line.member for line in group.history if line.caught and group.winner(line.member) == line.attempt}


def _measured(step: Step, compute: Compute, ran: _Ran) -> Measured:
    asked, won = ran.asked, ran.asked.failed is None
    batch, needs = step.batch, asked_by(step, ran.asked.group, ran.asked.task.member, ran.asked.attempt)
    if batch is None or needs is None or ran.light:
        return Measured(str(asked.task), asked.attempt, "lambda", ran.seconds, 0.0, LIGHT_MEMORY_MIB, won=won)
    return Measured(
        str(asked.task),
        asked.attempt,
        compute,
        ran.seconds,
        batch.cpu,
        needs.memory,
        batch.gpu,
        batch.neuron_chips,
        batch.nodes,
        won=won,
    )


def _side_by_side(read: Callable[[_Asked], _Ran | None], asked: Sequence[_Asked]) -> list[_Ran | None]:
    if len(asked) < 2:
        return [read(one) for one in asked]
    # The first alone: clients are made on first use.
    first = read(asked[0])
    with ThreadPoolExecutor(min(_THREADS, len(asked)), thread_name_prefix="steprelay-cost") as pool:
        return [first, *pool.map(read, asked[1:])]
