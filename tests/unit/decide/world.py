"""A run that tests drive by events: decisions are applied at once, commands are kept to be looked at."""

from typing import Any

from steprelay_core.commands import Announce, Command, InvokeLight, StartTimer, SubmitJob
from steprelay_core.decide import Decision, decide, decide_start, outcomes_needed
from steprelay_core.spec import validate_spec
from steprelay_core.state.events import (
    CancelRequested,
    Event,
    JobChanged,
    LightEnded,
    ResumeRequested,
    RetryRequested,
    RunStarted,
    RunTimerDue,
    TimerDue,
)
from steprelay_core.state.model import Group, GroupKey, Origin, Run, Submission, TaskKey, TaskSelection
from steprelay_core.state.outcome import Outcome, OutcomeFailure

RUN = "Flow-abc"


def batch(**more: Any) -> dict[str, Any]:
    """A step that runs on Batch."""
    return {"batch": {}, **more}


class World:
    """`steps` as in a spec; each gets a command, so that the spec is valid. `more`: other keys of the spec."""

    def __init__(self, steps: dict[str, dict[str, Any]], **more: Any) -> None:
        given = {name: {"command": ["true"], **step} for name, step in steps.items()}
        self.flow = validate_spec({"spec_version": 1, "flow": "Flow", "steps": given, **more})
        self.now = 1000.0
        self.groups: dict[GroupKey, Group] = {}
        self.commands: list[Command] = []
        self.outcomes: dict[tuple[TaskKey, int], Outcome] = {}
        self.claims: dict[tuple[TaskKey, int], Any] = {}
        self.note: str | None = None
        self.more = False
        event = RunStarted(RUN, "Flow", "digest", Origin("upload"))
        decision = decide_start(self.flow, event, self.now)
        assert decision.run is not None
        self.run: Run = decision.run
        self._take(decision)

    def happen(self, event: Event) -> list[Command]:
        """Decide on an event; the commands that follow from it."""
        known = {key: self.outcomes[key] for key in outcomes_needed(self.groups, event) if key in self.outcomes}
        return self._take(decide(self.flow, self.run, self.groups, event, known, self.now, self.claims))

    def _take(self, decision: Decision) -> list[Command]:
        self.note, self.more = decision.note, decision.more
        self.run = decision.run or self.run
        self.groups |= {group.key: group for group in decision.groups}
        self.commands += decision.commands
        return list(decision.commands)

    def group(self, step: str, *path: int) -> Group:
        return self.groups[GroupKey(step, path)]

    def submission(self, step: str, *path: int, attempt: int | None = None) -> Submission:
        """The newest submission of a group, or that of an attempt."""
        found = self.group(step, *path).submissions
        return next(item for item in reversed(found) if attempt in (None, item.attempt))

    def leaves(
        self,
        step: str,
        member: int = 0,
        attempt: int = 1,
        path: tuple[int, ...] = (),
        laps: tuple[int, ...] = (),
        **outcome: Any,
    ) -> None:
        """Put a successful outcome into the data bucket."""
        chosen = {"transition": 0 if self.flow.step(step).next else None} | outcome
        self.outcomes[TaskKey(step, path, member, laps), attempt] = Outcome(
            outcome_version=1, status="succeeded", attempt=attempt, **chosen
        )

    def leaves_failure(
        self, step: str, member: int = 0, attempt: int = 1, path: tuple[int, ...] = (), laps: tuple[int, ...] = ()
    ) -> None:
        failure = OutcomeFailure(class_="program", type="ValueError", message="boom", exit_code=1)
        self.outcomes[TaskKey(step, path, member, laps), attempt] = Outcome(
            outcome_version=1, status="failed", attempt=attempt, failure=failure
        )

    def light_ends(
        self, step: str, member: int = 0, attempt: int = 1, path: tuple[int, ...] = (), laps: tuple[int, ...] = ()
    ) -> list[Command]:
        return self.happen(LightEnded(RUN, GroupKey(step, path, laps), member, attempt))

    def light(
        self,
        step: str,
        member: int = 0,
        attempt: int = 1,
        path: tuple[int, ...] = (),
        laps: tuple[int, ...] = (),
        **outcome: Any,
    ) -> None:
        """A light task succeeds."""
        self.leaves(step, member, attempt, path, laps, **outcome)
        self.light_ends(step, member, attempt, path, laps)

    def job(
        self, step: str, status: str, path: tuple[int, ...] = (), attempt: int | None = None, **more: Any
    ) -> list[Command]:
        """An event of the job of a step's newest submission, or of that of an attempt."""
        group = self.groups[GroupKey(step, path)]
        matching = [item for item in group.submissions if attempt in (None, item.attempt)]
        submission = matching[-1].id if matching else f"{attempt}-0"
        event = {"job_id": "job-1", "submission": submission} | more
        return self.happen(JobChanged(RUN, group.key, status=status, **event))

    def timer(
        self, step: str, member: int = 0, attempt: int = 2, path: tuple[int, ...] = (), laps: tuple[int, ...] = ()
    ) -> list[Command]:
        return self.happen(TimerDue(RUN, GroupKey(step, path, laps), attempt, member))

    def cancel(self, request: str = "cancel-1") -> list[Command]:
        return self.happen(CancelRequested(RUN, "enough", request))

    def resume(self, request: str = "resume-1") -> list[Command]:
        return self.happen(ResumeRequested(RUN, request))

    def retry(self, tasks: str, request: str = "retry-1") -> list[Command]:
        return self.happen(RetryRequested(RUN, TaskSelection.parse(tasks), request))

    def time_is_up(self, generation: int = 1) -> list[Command]:
        return self.happen(RunTimerDue(RUN, generation))

    def announced(self) -> list[str]:
        return [command.detail_type for command in self.commands if isinstance(command, Announce)]


def started(commands: list[Command]) -> list[str]:
    """The steps that commands hand over."""
    return [command.group.step for command in commands if isinstance(command, SubmitJob | InvokeLight)]


def timers(commands: list[Command]) -> list[StartTimer]:
    return [command for command in commands if isinstance(command, StartTimer)]
