"""Carrying out commands through the ports. Each may be carried out twice."""

import json
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from steprelay_core.behind import AheadRefused, AheadUnknown, job_ahead
from steprelay_core.brief import build_brief
from steprelay_core.commands import (
    Announce,
    CancelWaiting,
    Command,
    FenceAttempt,
    InvokeHook,
    InvokeLight,
    StartQueueTimer,
    StartRunTimer,
    StartTimer,
    SubmitJob,
    TerminateJob,
    TerminateUnrecorded,
)
from steprelay_core.decide.draft import Claims, find_submission
from steprelay_core.hook_brief import build_hook_brief
from steprelay_core.pace import EARLY, NotYet, Turns
from steprelay_core.ports import Conflict, Ports, Refused, Stored, Unavailable
from steprelay_core.queue_limit import cancel_waiting, queue_timer_detail, queue_timer_name
from steprelay_core.spec import Flow, SpecError
from steprelay_core.state.events import Event, JobSubmitted, SearchPutOff, SubmitPutOff, SubmitRefused
from steprelay_core.state.model import GroupKey, Submission
from steprelay_core.state.ranges import Ranges
from steprelay_core.submit import Dispatch, Submitter, put_brief
from steprelay_core.telling import Teller

# When a submission that was throttled is tried again (seconds): its outbox entry may be taken up by anybody by then
# (`ports.OUTBOX_ORPHANED_AFTER`), and runs come one after the other.
PUT_OFF_FOR, PUT_OFF_SPREAD = 95.0, 30

# When it is looked again (seconds) for the job of what a submission waits for.
AHEAD_SOON = 5.0

# A brief up to this many characters travels in the message of each light task instead of an object: two requests less.
INLINE_BRIEF = 16 * 1024


class Effects:
    """Applies commands in the order given; fences on their own, before anything is saved."""

    def __init__(self, ports: Ports, dispatch: Dispatch) -> None:
        self.ports = ports
        self.submitter = Submitter(ports, dispatch)
        self._packing = dispatch.packing

    def apply(self, flow: Flow, stored: Stored, commands: Sequence[Command], *, again: bool) -> list[Event]:
        """Carry out commands; what AWS answered comes back as events to decide on.

        `again` says that a handler may have died on them before: look for a job before submitting a second one.
        """
        answers: list[Event] = []
        turns = self.turns()
        # Those whose second comes first go first; what has none keeps its order.
        for command in sorted(commands, key=_due):
            if isinstance(command, SubmitJob) and any(map(_is_throttled, answers)):
                # Whoever asks on while Batch takes no jobs only uses up the function's time.
                answers.append(SubmitPutOff(stored.run.id, command.group, command.submission, command.due))
            elif isinstance(command, SubmitJob):
                answers += self._submit(flow, stored, command, turns, answers, again=again or command.look)
            else:
                answers += self._carry_out(flow, stored, command)
        announcements = [command for command in commands if isinstance(command, Announce)]
        if announcements:
            teller = Teller(flow, stored.run.id, self.ports)
            self.ports.bus.publish([teller.announcement(event) for event in announcements])
        return answers

    def turns(self) -> Turns:
        """What one handler may submit."""
        return Turns(self.ports.pace, self.ports.clock)

    def _carry_out(self, flow: Flow, stored: Stored, command: Command) -> Sequence[Event]:
        """Carry out a command that is no submission, nor an announcement: these go together, and last."""
        match command:
            case FenceAttempt():
                self._fence(stored.run.id, command, {})
            case InvokeLight():
                self._invoke(flow, stored, command)
            case InvokeHook():
                self._invoke_hook(flow, stored, command)
            case StartTimer() | StartRunTimer() | StartQueueTimer():
                self._start_timer(stored.run.id, command)
            case TerminateJob():
                self.ports.jobs.terminate(command.job_id, command.reason)
            case TerminateUnrecorded():
                return [self._terminate_unrecorded(flow, stored.run.id, command)]
            case CancelWaiting():
                return self._cancel_waiting(flow, stored, command)
        return []

    def wake(self, run: str, put_off: Sequence[Command]) -> None:
        """Have the outbox gone through when the first of these commands may be carried out: in the second that is
        booked for it, or soon, but not all that were throttled together at the same moment."""
        submits = [command for command in put_off if isinstance(command, SubmitJob)]
        if not submits:
            return
        soon = self.ports.clock.now() + PUT_OFF_FOR + crc32(run.encode()) % PUT_OFF_SPREAD
        due = min(soon if command.due is None else command.due - EARLY for command in submits)
        message = {"source": "steprelay.timer", "detail-type": "Outbox Due", "detail": {"run": run}}
        self.ports.timers.start(f"{run}:outbox:{due:.0f}", message, due)

    def _terminate_unrecorded(self, flow: Flow, run: str, command: TerminateUnrecorded) -> SearchPutOff:
        for job_id in self.submitter.named(flow, run, command.group, command.member, command.attempt):
            self.ports.jobs.terminate(job_id, command.reason)
        return SearchPutOff(run, command.group, command.attempt, command.member, command.until, command.reason)

    def _cancel_waiting(self, flow: Flow, stored: Stored, command: CancelWaiting) -> Sequence[Event]:
        submission = _open_submission(stored, command.group, command.submission)
        limit = flow.step(command.group.step).queue_timeout_seconds
        if submission is None or submission.job_id is None or limit is None:
            return []
        return [cancel_waiting(self.ports.jobs, self.ports.clock, stored.run.id, command, submission, limit)]

    def fence(self, run: str, commands: Sequence[Command], claims: Claims) -> tuple[Command, ...]:
        """Carry out the fences among these commands, which were decided on these claims; the other commands.

        Raises:
            Conflict: if a container has passed one of the claims since.
        """
        for command in commands:
            if isinstance(command, FenceAttempt):
                self._fence(run, command, claims)
        return tuple(command for command in commands if not isinstance(command, FenceAttempt))

    def _fence(self, run: str, command: FenceAttempt, claims: Claims) -> None:
        attempts = [(command.group.task(member), command.attempt) for member in Ranges(command.members)]
        lost = self.ports.objects.fence(run, attempts, claims)
        if lost:
            raise Conflict(f"a container has just claimed {lost[0][0]}")

    def _invoke(self, flow: Flow, stored: Stored, command: InvokeLight) -> None:
        submission = _open_submission(stored, command.group, command.submission)
        if submission is None:
            return
        logs = self.ports.logs
        document = build_brief(flow, stored.run, stored.groups, command.group, submission, None, logs)
        brief = self._handed(stored.run.id, command.group, submission.id, document)
        members = submission.open if command.members is None else submission.open & Ranges(command.members)
        self.ports.light.invoke(list(self._packing.messages(brief, members)))

    def _invoke_hook(self, flow: Flow, stored: Stored, command: InvokeHook) -> None:
        wanted = (command.name, command.attempt)
        hook = next((one for one in stored.run.hooks_running if (one.name, one.attempt) == wanted), None)
        if hook is None:
            return
        failure = Teller(flow, stored.run.id, self.ports).cause(hook.cause)
        document = build_hook_brief(flow, stored.run, stored.groups, hook, failure)
        brief = self._handed(stored.run.id, hook.task.group, f"{hook.attempt}-0", document)
        self.ports.light.invoke([{"brief": brief, "member": 0}])

    def _handed(self, run: str, group: GroupKey, submission: str, document: dict[str, Any]) -> dict[str, Any] | str:
        """A brief as a message has it: the document itself, or the key of a large one."""
        if len(json.dumps(document)) <= INLINE_BRIEF:
            return document
        return put_brief(self.ports.objects, run, group, submission, document)

    def _submit(
        self,
        flow: Flow,
        stored: Stored,
        command: SubmitJob,
        turns: Turns,
        before: Sequence[Event],
        *,
        again: bool,
    ) -> list[Event]:
        """Submit, unless it is too early; `before`: what AWS answered to the commands before this one."""
        submission = _open_submission(stored, command.group, command.submission)
        if submission is None or submission.job_id is not None:
            return []
        run, group, chosen = stored.run.id, command.group, command.submission
        if command.due is not None and command.due - self.ports.clock.now() > turns.patience:
            return [SubmitPutOff(run, group, chosen, command.due)]
        try:
            ahead = self._ahead(stored, group, submission, before)
            taken = self.submitter.submit(flow, stored, group, submission, turns.turn(command.due), ahead, again=again)
        except AheadRefused:
            # The decision on that voids this submission as well.
            return []
        except NotYet as not_yet:
            return [SubmitPutOff(run, group, chosen, not_yet.due)]
        except Unavailable:
            return [SubmitPutOff(run, group, chosen)]
        except (Refused, SpecError) as error:
            return [SubmitRefused(run, group, chosen, str(error))]
        return [JobSubmitted(run, group, chosen, taken.job_id, taken.job_name, taken.terms, taken.platform)]

    def _ahead(self, stored: Stored, group: GroupKey, submission: Submission, before: Sequence[Event]) -> str | None:
        """The job that this submission's depends on; where that has none yet, a second after it may have is booked."""
        try:
            return job_ahead(stored, group, submission, before)
        except AheadUnknown as unknown:
            soon = self.ports.clock.now() + AHEAD_SOON
            raise NotYet(self.ports.pace.book(max(soon, unknown.due or 0.0))) from None

    def _start_timer(self, run: str, command: StartTimer | StartRunTimer | StartQueueTimer) -> None:
        detail: dict[str, Any] = {"run": run, "due": command.due}
        if isinstance(command, StartRunTimer):
            name, kind = f"{run}:run:{command.generation}", "Run Timer Due"
            detail |= {"generation": command.generation}
        elif isinstance(command, StartQueueTimer):
            name, kind = queue_timer_name(run, command), "Queue Timer Due"
            detail |= queue_timer_detail(command)
        else:
            task = command.group.task(command.member)
            name, kind = f"{run}:{task.step}:{task.split}:{command.attempt}", "Timer Due"
            detail |= command.group.as_json() | {"attempt": command.attempt, "member": task.member}
        message = {"source": "steprelay.timer", "detail-type": kind, "detail": detail}
        self.ports.timers.start(name, message, command.due)


def _due(command: Command) -> float:
    return command.due if isinstance(command, SubmitJob) and command.due is not None else 0.0


def _is_throttled(answer: Event) -> bool:
    return isinstance(answer, SubmitPutOff) and answer.due is None


def _open_submission(stored: Stored, key: GroupKey, submission: str) -> Submission | None:
    """The submission, if it still has to be handed over; a run that ended meanwhile starts nothing."""
    group = stored.groups.get(key)
    if group is None or stored.run.status.terminal:
        return None
    return find_submission(group, submission)
