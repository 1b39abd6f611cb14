"""Bugs of budgets, to be planted in the engine."""

from collections.abc import Callable
from dataclasses import replace

from steprelay_core.decide import Decision
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow, Step
from steprelay_core.state.events import Event, JobChanged
from steprelay_core.state.model import Group, Terms
from tests.simulation.misjudging import Misjudges


class AllowsOneMore(Misjudges):
    """Counts the budget of attempts wrongly by one."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        steps = {
            name: step.model_copy(update={"retry": step.retry.model_copy(update={"times": step.retry.times + 1})})
            if step.retry
            else step
            for name, step in flow.spec.steps.items()
        }
        return replace(flow, spec=flow.spec.model_copy(update={"steps": steps})), stored, event


class RetriesWhatIsFinal(Misjudges):
    """Takes every failure for one of the program."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        if isinstance(event, JobChanged):
            event = replace(event, reason="", container_reason="", exit_code=1)
        return flow, stored, event


class RetriesAtOnce(Misjudges):
    """Does not wait between attempts."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        steps = {
            name: step.model_copy(update={"retry": step.retry.model_copy(update={"minutes_between_retries": 0})})
            if step.retry
            else step
            for name, step in flow.spec.steps.items()
        }
        return replace(flow, spec=flow.spec.model_copy(update={"steps": steps})), stored, event


class ForgetsWhatWasSpent(Misjudges):
    """Gives a class its free attempts anew with each failure."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        groups = {key: _on_terms(group, lambda terms: replace(terms, spent=())) for key, group in stored.groups.items()}
        return flow, replace(stored, groups=groups), event


class SpendsTheStepsBudget(Misjudges):
    """Lets what is free cost a retry as well."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        return replace(decision, groups=tuple(map(_without_first, decision.groups)))


class TakesMachinesForPrograms(Misjudges):
    """Knows no failures but those of programs."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        if isinstance(event, JobChanged) and event.reason.startswith("Task failed to start"):
            event = replace(event, reason="", container_reason="", exit_code=1)
        return flow, stored, event


class NeverPauses(Misjudges):
    """Asks a registry again at once."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        now = self.ports.clock.now()
        groups = tuple(
            replace(group, waits=tuple(replace(wait, due=now, ready=now) for wait in group.waits))
            for group in decision.groups
        )
        return replace(decision, groups=groups)


class RetriesWhateverHappened(Misjudges):
    """Does not look at which failures a step is to be retried after, nor at exit codes."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        def careless(step: Step) -> Step:
            if step.retry is None:
                return step
            return step.model_copy(
                update={"retry": step.retry.model_copy(update={"on": None, "exit_codes_no_retry": []})}
            )

        steps = {name: careless(step) for name, step in flow.spec.steps.items()}
        return replace(flow, spec=flow.spec.model_copy(update={"steps": steps})), stored, event


class RetriesWhatMayNotBe(Misjudges):
    """Takes `times=0` for a step that says nothing."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        steps = {
            name: step.model_copy(update={"retry": None}) if step.never_again else step
            for name, step in flow.spec.steps.items()
        }
        return replace(flow, spec=flow.spec.model_copy(update={"steps": steps})), stored, event


def _on_terms(group: Group, change: Callable[[Terms], Terms]) -> Group:
    submissions = tuple(replace(item, terms=change(item.terms)) for item in group.submissions)
    return replace(group, submissions=submissions)


def _without_first(group: Group) -> Group:
    """Its further attempts count from the first one."""
    submissions = tuple(replace(item, first=min(item.first, 1)) for item in group.submissions)
    waits = tuple(replace(wait, first=min(wait.first, 1)) for wait in group.waits)
    return replace(group, submissions=submissions, waits=waits)
