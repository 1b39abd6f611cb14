"""Handing one submission over to AWS Batch: to the first of its queues that takes it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from steprelay_core import keys
from steprelay_core.brief import build_brief
from steprelay_core.definitions import Definitions
from steprelay_core.packing import PACKING, Packing
from steprelay_core.ports import Denied, Objects, Ports, QueueRefused, Refused, Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import GroupKey, Submission, Terms
from steprelay_core.translate import Defaults, Platform, Pointers, depends_on, job_name, queue_in_use, translate


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What a relay adds to every request: its name, its bucket, its defaults, and the runner.

    `bundle` makes sure that the runner bundle is in the data bucket and returns its key. `packing`: of light tasks.
    """

    relay: str
    data_bucket: str
    defaults: Defaults
    bootstrap: str
    bundle: Callable[[], str]
    packing: Packing = PACKING


@dataclass(frozen=True, slots=True)
class Taken:
    """The job that a submission became, and the terms (the queue, above all) on which it was taken.

    `platform`: of its queue.
    """

    job_id: str
    job_name: str
    terms: Terms
    platform: Platform


class Submitter:
    """Submits on the terms of the submission, or on those of a later queue of the step's list."""

    def __init__(self, ports: Ports, dispatch: Dispatch) -> None:
        self._ports = ports
        self._dispatch = dispatch
        self._definitions = Definitions(ports.jobs, ports.store, ports.clock)

    def submit(
        self,
        flow: Flow,
        stored: Stored,
        group: GroupKey,
        submission: Submission,
        turn: Callable[[], None],
        ahead: str | None = None,
        *,
        again: bool,
    ) -> Taken:
        """Submit; with `again`, only if no queue knows a job of this name already. `turn` returns when a SubmitJob may
        be made.

        `ahead`: the array that this one waits for, child by child.

        Raises:
            Refused: if no queue of the list takes it, with what each says; or at once for what is not a queue's fault.
            SpecError: if the step cannot run on the platform of its queue.
            Unavailable: if Batch takes no job now.
            NotYet: if it is not its turn.
        """
        choices = self._choices(flow, group, submission.terms)
        first = group.task(submission.members.at(0))
        name = job_name(flow.name, group.step, stored.run.id, first.split, submission.attempt)
        if again and (found := self._find(choices, name)):
            return found
        refusals: list[str] = []
        for terms, queue in choices:
            try:
                return self._submit_to(queue, flow, stored, group, replace(submission, terms=terms), turn, ahead)
            except QueueRefused as refused:
                refusals.append(str(refused))
        raise QueueRefused("; ".join(refusals))

    def _choices(self, flow: Flow, group: GroupKey, terms: Terms) -> list[tuple[Terms, str]]:
        """The queues that may have this attempt: from that of the terms on, each with the terms that mean it."""
        batch = flow.step(group.step).batch
        if batch is None:
            raise ValueError(f"step {group.step!r} is a light step: it has no job")
        choices = []
        for position in range(min(terms.queue, batch.last_queue), batch.last_queue + 1):
            moved = replace(terms, queue=position)
            queue = queue_in_use(batch, moved, self._dispatch.defaults)
            if not queue:
                raise Refused(
                    f"step {group.step!r} names no job queue and the relay has none; "
                    "say @batch(queue=…) or deploy the relay with one"
                )
            choices.append((moved, queue))
        return choices

    def _find(self, choices: list[tuple[Terms, str]], name: str) -> Taken | None:
        for terms, queue in choices:
            if found := self._in_queue(queue, name):
                return Taken(found[0], name, terms, self._ports.jobs.platform(queue))
        return None

    def _in_queue(self, queue: str, name: str) -> list[str]:
        """The ids of the jobs of this name; a queue that is not there has none."""
        try:
            return self._ports.jobs.find(queue, name)
        except Denied:
            raise
        except Refused:
            return []

    def named(self, flow: Flow, run: str, group: GroupKey, member: int, attempt: int) -> list[str]:
        """The ids of all jobs that were made of the submission that begins with this member, as far as ListJobs knows.

        Raises:
            Denied: if the relay may not look.
        """
        name = job_name(flow.name, group.step, run, group.task(member).split, attempt)
        choices = self._choices(flow, group, Terms())
        return [job_id for _, queue in choices for job_id in self._in_queue(queue, name)]

    def _submit_to(
        self,
        queue: str,
        flow: Flow,
        stored: Stored,
        group: GroupKey,
        submission: Submission,
        turn: Callable[[], None],
        ahead: str | None,
    ) -> Taken:
        platform = self._ports.jobs.platform(queue)
        pointers = self._pointers(stored.run.id, group, submission)
        request = translate(flow, group, submission, platform, self._dispatch.defaults, pointers)
        brief = build_brief(flow, stored.run, stored.groups, group, submission, request.tempdir)
        put_brief(self._ports.objects, stored.run.id, group, submission.id, brief)
        job_id = self._definitions.submit(request.definition, request.submit | depends_on(ahead), turn)
        return Taken(job_id, request.job_name, submission.terms, platform)

    def _pointers(self, run: str, group: GroupKey, submission: Submission) -> Pointers:
        bucket = self._dispatch.data_bucket
        return Pointers(
            relay=self._dispatch.relay,
            run=run,
            brief=f"s3://{bucket}/{keys.brief(run, group, submission.id)}",
            bundle=f"s3://{bucket}/{self._dispatch.bundle()}",
            bootstrap=self._dispatch.bootstrap,
        )


def put_brief(objects: Objects, run: str, group: GroupKey, submission: str, brief: dict[str, Any]) -> str:
    """Put a brief where its runner looks for it; the key."""
    key = keys.brief(run, group, submission)
    objects.put(key, json.dumps(brief).encode())
    return key
