"""From a flow to the requests of its steps, by the very translation that the relay uses. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from steprelay.compile.standins import STANDINS
from steprelay.plan.standins import job_of, pointers
from steprelay_core.decide.chain import next_in_chain
from steprelay_core.spec import Batch, Flow, Problem, Transition
from steprelay_core.state.model import GroupKey, Submission
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate import TranslateError, depends_on, translate

Platform = Literal["ec2", "fargate"]
Provenance = Mapping[str, Mapping[str, str]]

RELAYS_DEFAULT = "the relay's default"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """The requests of a step's first attempt, and where each value in them came from.

    `submit` is that of a single task: `items` names the artifact whose items a foreach makes tasks of, which all
    go as one array job; it is None outside any foreach. `behind`: the step whose array this one's is chained to.
    `queue_timeout_seconds`: how long its jobs may wait for a machine, which no request says.
    """

    definition: dict[str, Any]
    submit: dict[str, Any]
    provenance: dict[str, str]
    items: str | None
    behind: str | None = None
    queue_timeout_seconds: int | None = None

    def as_json(self) -> dict[str, Any]:
        known = {
            "register_job_definition": self.definition,
            "submit_job": self.submit,
            "provenance": self.provenance,
        }
        beside = {"behind": self.behind, "queue_timeout_seconds": self.queue_timeout_seconds}
        return known | {name: value for name, value in beside.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole flow on one platform; light steps make no request of AWS Batch."""

    flow: str
    platform: Platform
    steps: dict[str, PlannedStep]
    light_steps: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "flow": self.flow,
            "platform": self.platform,
            "steps": {name: step.as_json() for name, step in self.steps.items()},
            "light_steps": list(self.light_steps),
        }


def make_plan(flow: Flow, platform: Platform, provenance: Provenance, bootstrap: str) -> Plan:
    """The requests of every step with `batch`.

    `provenance` says of each step and parameter where its value came from; `bootstrap` is the source that every
    runner job starts with.

    Raises:
        TranslateError: with every problem of every step on this platform.
    """
    planned: dict[str, PlannedStep] = {}
    problems: list[Problem] = []
    for name, step in flow.spec.steps.items():
        if step.batch is None:
            continue
        try:
            planned[name] = _plan_step(flow, name, platform, provenance.get(name, {}), bootstrap)
        except TranslateError as error:
            problems += error.problems
    if problems:
        raise TranslateError(problems)
    light = tuple(name for name, step in flow.spec.steps.items() if step.batch is None)
    return Plan(flow.name, platform, planned, light)


def _plan_step(flow: Flow, name: str, platform: Platform, known: Mapping[str, str], bootstrap: str) -> PlannedStep:
    # The first split of every foreach around the step.
    group = GroupKey(name, (0,) * flow.graph.depth(name))
    one = Ranges.upto(1)
    submission = Submission(attempt=1, members=one, open=one, light=False, submitted_at=0.0)
    to = pointers(flow.name, group, submission.id, bootstrap)
    request = translate(flow, group, submission, platform, STANDINS, to)
    # In the order that people read it.
    names = {name: request.submit[name] for name in ("jobName", "jobQueue")}
    submit = names | {"jobDefinition": request.definition["jobDefinitionName"]} | request.submit
    items, behind = _items(flow, name), _behind(flow, name)
    limit = flow.step(name).queue_timeout_seconds
    return PlannedStep(request.definition, submit | _dependency(behind), _provenance(known), items, behind, limit)


def _behind(flow: Flow, name: str) -> str | None:
    """The step whose array is handed over together with this one's; without a foreach there are no arrays."""
    way = _foreach_around(flow, name)
    # In a window each step starts its tasks by itself.
    parents = () if way is None or flow.max_workers(way) is not None else flow.parents[name]
    return next((parent for parent in parents if next_in_chain(flow, parent) == name), None)


def _dependency(behind: str | None) -> dict[str, Any]:
    return depends_on(None if behind is None else job_of(behind))


def _provenance(known: Mapping[str, str]) -> dict[str, str]:
    """In the order of the decorator's parameters, the step's own last; with what nobody but the relay can have said."""
    relays = dict.fromkeys(("queue", "iam_role", "execution_role"), RELAYS_DEFAULT)
    whole = {"image": DEFAULT, **relays, **known}
    order = {name: position for position, name in enumerate(Batch.model_fields)}
    places = {name: order.get(name.partition(".")[0], len(order)) for name in whole}
    return {name: whole[name] for name in sorted(whole, key=places.__getitem__)}


def _items(flow: Flow, name: str) -> str | None:
    """The artifact whose items the innermost foreach around the step goes through."""
    way = _foreach_around(flow, name)
    return None if way is None else way.foreach


def _foreach_around(flow: Flow, name: str) -> Transition | None:
    splits = [split for split in flow.graph.splits[name] if split.kind == "foreach"]
    if not splits:
        return None
    ways = flow.step(splits[-1].step).next
    return next((way for way in ways if way.foreach and splits[-1].branch in way.to), None)
