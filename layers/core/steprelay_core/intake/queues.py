"""Whether AWS Batch would take the steps of a flow, asked before any of it runs."""

from dataclasses import replace

from steprelay_core.ports import Denied, Jobs, Platform, Refused
from steprelay_core.spec import Flow, Problem, SpecError, Step
from steprelay_core.translate import Defaults, flow_problems


class QueueCheck:
    """Translates every step with `batch` for the platform of its queues, as a submission would."""

    def __init__(self, jobs: Jobs, defaults: Defaults, bootstrap: str) -> None:
        self._jobs = jobs
        self._defaults = defaults
        self._bootstrap = bootstrap

    def problems(self, flow: Flow) -> list[Problem]:
        """Everything that would keep a step from being submitted; a queue that cannot be used is one such thing.

        Raises:
            Denied: if the relay may not look queues up. That is no fault of the flow's.
        """
        steps = {name: self._on_usable_queues(step) for name, step in flow.spec.steps.items()}
        usable = replace(flow, spec=flow.spec.model_copy(update={"steps": steps}))
        return flow_problems(usable, self._platform, self._defaults, bootstrap=self._bootstrap)

    def _on_usable_queues(self, step: Step) -> Step:
        """The step without the queues that it would be led past, as long as it is left with one."""
        if step.batch is None or len(step.batch.queues) < 2:
            return step
        usable = [queue for queue in step.batch.queues if self._is_usable(queue)]
        batch = step.batch.model_copy(update={"queue": usable or step.batch.queue})
        return step.model_copy(update={"batch": batch})

    def _is_usable(self, queue: str) -> bool:
        try:
            self._platform(queue)
        except SpecError:
            return False
        return True

    def _platform(self, queue: str) -> Platform:
        try:
            return self._jobs.platform(queue)
        except Denied:
            raise
        except Refused as refused:
            raise SpecError([Problem("", str(refused))]) from refused
