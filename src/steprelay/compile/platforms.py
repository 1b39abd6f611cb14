"""What AWS Batch takes on no platform: the relay's own translation, asked for both before anything is packed.

A step that one platform takes is fine: which one it goes to is decided by its queue.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from steprelay.compile.culprits import naming, parameter_of, parameters_in
from steprelay_core.spec import Flow, Problem
from steprelay_core.spec.graph import build_graph
from steprelay_core.spec.models import Spec

if TYPE_CHECKING:
    from steprelay_core.translate.inputs import Platform

# What each platform says of the other one, which is no way out of both.
_TO_THE_OTHER = re.compile(
    r"; or (use a Fargate queue|send the step to a queue with EC2)$"
    r"|^send the step to a queue with EC2 compute environments, or "
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem of a step with `batch`, and the parameters that it is about."""

    step: str
    problem: Problem
    parameters: tuple[str, ...]

    @property
    def is_of_batch(self) -> bool:
        """Whether it is about parameters, rather than the command or the timeout of a step without the runner."""
        return self.problem.path.startswith(f"steps.{self.step}.batch")


def refusals_everywhere(document: Mapping[str, Any]) -> list[Refusal]:
    """Everything that neither EC2 nor Fargate takes of the steps of a spec.

    Its graph need not be right, and of a document that is no spec nothing is said: others tell what is wrong there.
    """
    if not any(step.get("batch") is not None for step in document["steps"].values()):
        return []
    try:
        spec = Spec.model_validate(document)
    except ValidationError:
        return []
    flow = Flow(spec, build_graph(spec))
    ec2 = _problems(flow, list(spec.steps), "ec2")
    # Most steps are fine on the first one, and need no second look.
    fargate = _problems(flow, list(ec2), "fargate")
    return [refusal for name in fargate for refusal in _refusals(name, ec2[name], fargate[name])]


def _problems(flow: Flow, names: Collection[str], platform: "Platform") -> dict[str, list[Problem]]:
    """Of these steps, those with problems on the platform, whatever queue they name."""
    if not names:
        return {}
    from steprelay.compile.standins import STANDINS
    from steprelay.runner.bootstrap import bootstrap_source
    from steprelay_core.translate import flow_problems

    steps = {name: flow.step(name) for name in names}
    some = replace(flow, spec=flow.spec.model_copy(update={"steps": steps}))
    found: dict[str, list[Problem]] = {}
    for problem in flow_problems(some, lambda _: platform, STANDINS, bootstrap=bootstrap_source()):
        found.setdefault(problem.step or "", []).append(problem)
    return found


def _refusals(step: str, ec2: Sequence[Problem], fargate: Sequence[Problem]) -> Iterator[Refusal]:
    """What both refuse as it is; and if that leaves something on either, that there is no way out."""
    both = [problem for problem in ec2 if problem in fargate]
    for problem in both:
        yield Refusal(step, naming(problem), parameters_in(problem))
    told = {problem.path for problem in both}
    others = [[problem for problem in found if problem.path not in told] for found in (ec2, fargate)]
    if all(others):
        only_ec2, only_fargate = (", ".join(map(_named, found)) for found in others)
        message = f"runs on neither platform: on EC2 {only_ec2}; on Fargate {only_fargate}"
        for_ec2, for_fargate = ("; ".join(map(_advice, found)) for found in others)
        hint = f"for EC2: {for_ec2}; for Fargate: {for_fargate}"
        parameters = dict.fromkeys(name for found in others for one in found for name in parameters_in(one))
        yield Refusal(step, Problem(f"steps.{step}.batch", message, hint, step), tuple(parameters))


def _named(problem: Problem) -> str:
    return f"{parameter_of(problem) or problem.path} ({problem.message})"


def _advice(problem: Problem) -> str:
    """What to do on this platform alone."""
    name = parameter_of(problem) or problem.path
    advice = _TO_THE_OTHER.sub("", problem.hint or "leave it out")
    return advice if re.search(rf"\b{re.escape(name)}\b", advice) else f"{name}: {advice}"
