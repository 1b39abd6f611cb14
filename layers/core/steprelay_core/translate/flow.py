"""A whole flow, before any of it runs: would every step's request be taken, on each of its queues?"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from steprelay_core.spec import Batch, Flow, Problem, SpecError
from steprelay_core.state.model import GroupKey, Submission, Terms
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate.inputs import Defaults, Platform, Pointers, TranslateError
from steprelay_core.translate.request import translate


def flow_problems(
    flow: Flow, platform_of: Callable[[str], Platform], defaults: Defaults, *, bootstrap: str = ""
) -> list[Problem]:
    """Every problem of every step with `batch`, on each queue that it names or is given.

    `platform_of` tells the platform of a queue; a SpecError of its own becomes a problem of the step, any other
    exception goes through. `bootstrap` counts towards the length of a definition.
    """
    check = _Check(flow, platform_of, defaults, bootstrap)
    return [
        problem
        for name, step in flow.spec.steps.items()
        if step.batch is not None
        for problem in check.step(name, step.batch)
    ]


@dataclass(frozen=True, slots=True)
class _Check:
    flow: Flow
    platform_of: Callable[[str], Platform]
    defaults: Defaults
    bootstrap: str

    def step(self, name: str, batch: Batch) -> list[Problem]:
        """What is wrong on every queue is said once, what is wrong on some with their names."""
        queues = batch.queues or ((self.defaults.queue,) if self.defaults.queue else ())
        # Without a queue nobody knows the platform: what both refuse is certain.
        found = [self._on_queue(name, place, queue) for place, queue in enumerate(queues)] or [
            self._on_platform(name, Terms(), "ec2"),
            self._on_platform(name, Terms(), "fargate"),
        ]
        everywhere = [problem for problem in found[0] if all(problem in each for each in found)]
        somewhere = [
            replace(problem, message=f"{problem.message}, on queue {queue!r}")
            for queue, problems in zip(queues, found, strict=False)
            for problem in problems
            if problem not in everywhere
        ]
        return [*everywhere, *somewhere]

    def _on_queue(self, name: str, place: int, queue: str) -> list[Problem]:
        try:
            platform = self.platform_of(queue)
        except SpecError as error:
            return [Problem(f"steps.{name}.batch.queue", str(error), "name another queue, or create it", name)]
        return self._on_platform(name, Terms(queue=place), platform)

    def _on_platform(self, name: str, terms: Terms, platform: Platform) -> list[Problem]:
        """What a first attempt would be told."""
        member = Ranges.of(0)
        submission = Submission(1, member, member, light=False, submitted_at=0.0, terms=terms)
        to = _stand_ins(self.flow.name, name, self.bootstrap)
        try:
            translate(self.flow, GroupKey(name), submission, platform, self.defaults, to)
        except TranslateError as error:
            return list(error.problems)
        return []


def _stand_ins(flow: str, step: str, bootstrap: str) -> Pointers:
    """Pointers about as long as real ones."""
    bucket = f"s3://{'b' * 63}"
    brief = f"{bucket}/runs/{flow}-{'0' * 32}/{step}/0.0.0/brief-1-0.json"
    return Pointers("r" * 64, f"{flow}-{'0' * 32}", brief, f"{bucket}/runner/{'0' * 64}.zip", bootstrap)
