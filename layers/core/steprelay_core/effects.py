"""Carrying out commands through the ports. Each may be carried out twice."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from steprelay_core import keys
from steprelay_core.brief import build_brief
from steprelay_core.commands import (
    Announce,
    Command,
    FenceAttempt,
    InvokeLight,
    StartTimer,
    SubmitJob,
    TerminateJob,
)
from steprelay_core.decide.draft import find_submission
from steprelay_core.ports import Ports, Refused, Stored
from steprelay_core.spec import Flow, SpecError
from steprelay_core.state.events import Event, JobSubmitted, SubmitRefused
from steprelay_core.state.model import GroupKey, Submission
from steprelay_core.translate import Defaults, Pointers, Request, translate

# What a claim says that the dispatcher wrote (docs/architecture.md, "Claim and outcome").
DISPATCHER_CLAIM = b'{"owner": "dispatcher"}'

# A brief up to this many characters travels in the message of each light task instead of an object: two requests less.
INLINE_BRIEF = 16 * 1024


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What a relay adds to every request: its name, its bucket, its defaults, and the runner.

    `bundle` makes sure that the runner bundle is in the data bucket and returns its key.
    """

    relay: str
    data_bucket: str
    defaults: Defaults
    bootstrap: str
    bundle: Callable[[], str]


class Effects:
    """Applies commands in the order given, fences first: a late container must find its claim taken."""

    def __init__(self, ports: Ports, dispatch: Dispatch) -> None:
        self.ports = ports
        self.dispatch = dispatch

    def apply(self, flow: Flow, stored: Stored, commands: Sequence[Command], *, again: bool) -> list[Event]:
        """Carry out commands; what AWS answered comes back as events to decide on.

        `again` says that a handler may have died on them before: look for a job before submitting a second one.
        """
        answers: list[Event] = []
        announcements: list[Announce] = []
        for command in sorted(commands, key=lambda command: not isinstance(command, FenceAttempt)):
            match command:
                case FenceAttempt():
                    self._fence(stored.run.id, command)
                case SubmitJob():
                    answers += self._submit(flow, stored, command, again=again)
                case InvokeLight():
                    self._invoke(flow, stored, command)
                case StartTimer():
                    self._start_timer(stored.run.id, command)
                case TerminateJob():
                    self.ports.jobs.terminate(command.job_id, command.reason)
                case Announce():
                    announcements.append(command)
        if announcements:
            self.ports.bus.publish(announcements)
        return answers

    def _fence(self, run: str, command: FenceAttempt) -> None:
        for first, last in command.members:
            for member in range(first, last + 1):
                claim = keys.claim(run, command.group.task(member), command.attempt)
                self.ports.objects.put_once(claim, DISPATCHER_CLAIM)

    def _invoke(self, flow: Flow, stored: Stored, command: InvokeLight) -> None:
        submission = _open_submission(stored, command.group, command.submission)
        if submission is None:
            return
        document = build_brief(flow, stored.run, stored.groups, command.group, submission, None)
        brief: dict[str, Any] | str = document
        if len(json.dumps(document)) > INLINE_BRIEF:
            brief = self._put_brief(stored.run.id, command.group, submission, document)
        self.ports.light.invoke([{"brief": brief, "member": member} for member in submission.open])

    def _submit(self, flow: Flow, stored: Stored, command: SubmitJob, *, again: bool) -> list[Event]:
        submission = _open_submission(stored, command.group, command.submission)
        if submission is None or submission.job_id is not None:
            return []
        run, group, chosen = stored.run.id, command.group, command.submission
        try:
            request = self._translate(flow, stored, group, submission)
            found = self.ports.jobs.find(request.queue, request.job_name) if again else None
            if found is None:
                brief = build_brief(flow, stored.run, stored.groups, group, submission, request.tempdir)
                self._put_brief(run, group, submission, brief)
                definition = self.ports.jobs.ensure_definition(request.definition)
                found = self.ports.jobs.submit(request.submit | {"jobDefinition": definition})
        except (Refused, SpecError) as error:
            return [SubmitRefused(run, group, chosen, str(error))]
        return [JobSubmitted(run, group, chosen, found, request.job_name)]

    def _translate(self, flow: Flow, stored: Stored, group: GroupKey, submission: Submission) -> Request:
        batch = flow.step(group.step).batch
        queue = (batch.queue if batch else None) or self.dispatch.defaults.queue
        if not queue:
            raise Refused(
                f"step {group.step!r} names no job queue and the relay has none; "
                "say @batch(queue=…) or deploy the relay with one"
            )
        pointers = Pointers(
            relay=self.dispatch.relay,
            run=stored.run.id,
            brief=f"s3://{self.dispatch.data_bucket}/{keys.brief(stored.run.id, group, submission.id)}",
            bundle=f"s3://{self.dispatch.data_bucket}/{self.dispatch.bundle()}",
            bootstrap=self.dispatch.bootstrap,
        )
        platform = self.ports.jobs.platform(queue)
        return translate(flow, group, submission, platform, self.dispatch.defaults, pointers)

    def _put_brief(self, run: str, group: GroupKey, submission: Submission, brief: dict[str, Any]) -> str:
        key = keys.brief(run, group, submission.id)
        self.ports.objects.put(key, json.dumps(brief).encode())
        return key

    def _start_timer(self, run: str, command: StartTimer) -> None:
        task = command.group.task(command.member)
        detail = {
            "run": run,
            "step": command.group.step,
            "path": list(command.group.path),
            "attempt": command.attempt,
            "member": command.member,
            "due": command.due,
        }
        message = {"source": "steprelay.timer", "detail-type": "Timer Due", "detail": detail}
        self.ports.timers.start(f"{run}:{task.step}:{task.split}:{command.attempt}", message, command.due)


def _open_submission(stored: Stored, key: GroupKey, submission: str) -> Submission | None:
    """The submission, if it still has to be handed over; a run that ended meanwhile starts nothing."""
    group = stored.groups.get(key)
    if group is None or stored.run.status.terminal:
        return None
    return find_submission(group, submission)
