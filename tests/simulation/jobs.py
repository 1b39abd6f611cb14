"""AWS Batch as the engine calls it: `Jobs` on the simulated Batch."""

from collections.abc import Sequence
from typing import Any

from steprelay_core.failure import QUEUE_TIMEOUT_PREFIX
from steprelay_core.ports import DefinitionGone, FailedChild, Platform, Refused
from tests.simulation.batch import WAITING, Batch, Job, Unit, job_detail, unit_detail
from tests.simulation.facts import QueueTimedOut, SubmitCalled, Submitted
from tests.simulation.record import JobPlace, Record
from tests.simulation.scheduler import Scheduler

# How long ListJobs may not know of a job (seconds).
LISTED_LATE = 100.0


class SimulatedJobs:
    """Answers may be throttled, lost, or late: ListJobs is eventually consistent."""

    def __init__(self, scheduler: Scheduler, record: Record, batch: Batch) -> None:
        self._s, self._record, self._batch = scheduler, record, batch
        self._definitions: set[str] = set()
        self._forgotten: set[str] = set()
        # Nobody does it twice within the moment that it takes to register it again.
        self._gone_once: set[str] = set()

    def platform(self, queue: str) -> Platform:
        # The functions remember it for some minutes, so no call is made for each job.
        return "ec2"

    def ensure_definition(self, request: dict[str, Any], *, anew: bool = False) -> str:
        name = str(request["jobDefinitionName"])
        if anew or name not in self._definitions:
            self._s.call(f"register {name[:16]}…", lambda: self._definitions.add(name))
        return f"arn:{name}"

    def retire_definition(self, name: str) -> int:
        return self._s.call(f"deregister {name}", lambda: self._retire(name))

    def _retire(self, name: str) -> int:
        there = name in self._definitions
        self._definitions.discard(name)
        return int(there)

    def submit(self, request: dict[str, Any]) -> str:
        second = int(self._s.read_clock)
        self._record.happened(SubmitCalled(second))
        self._record.calls[second] += 1
        sent: list[str] = []

        def submit() -> str:
            definition = str(request["jobDefinition"]).removeprefix("arn:")
            fresh = not sent and definition not in self._gone_once
            if fresh and self._s.dice.strike("deregistered", str(request["jobName"])):
                self._gone_once.add(definition)
                self._definitions.discard(definition)
            if definition not in self._definitions:
                raise DefinitionGone(f"job definition {request['jobDefinition']} is not active")
            self._check_dependencies(request)
            # What the client library sends twice makes two jobs, and is nobody's decision.
            sent.append(self._batch.take(request).id if sent else self._submit(request))
            return sent[-1]

        return self._s.call(f"submit {request['jobName']}", submit, repeat=True)

    def _check_dependencies(self, request: dict[str, Any]) -> None:
        for dependency in request.get("dependsOn", ()):
            other = self._batch.jobs.get(dependency["jobId"])
            if other is None or self._is_forgotten(other):
                raise Refused(f"job {dependency['jobId']} does not exist")
            assert len(other.units) == request["arrayProperties"]["size"], "N_TO_N is between arrays of one size"

    def _submit(self, request: dict[str, Any]) -> str:
        name, place, actor = str(request["jobName"]), JobPlace.of(request["parameters"], None), self._record.actor
        intent = self._record.intents.get((place.run, place.group, place.submission))
        saved_ago = self._s.now - intent.at if intent is not None and intent.saver is actor else None
        job = self._batch.take(request)
        looked = actor in self._record.looked[name]
        fact = Submitted(place.run, place.group, place.submission, name, job.id, looked, saved_ago)
        self._record.happened(fact)
        self._record.submitted[name].append(job.id)
        return job.id

    def find(self, queue: str, job_name: str) -> list[str]:
        found = self._s.call(f"find {job_name}", lambda: self._find(job_name))
        self._record.looked[job_name].add(self._record.actor)
        return found

    def _find(self, job_name: str) -> list[str]:
        late = LISTED_LATE if self._s.dice.strike("stale_list", f"{self._s.place} {job_name}") else 0.0
        known = [job for job in self._batch.jobs.values() if job.created <= self._s.now - late]
        return [job.id for job in reversed(known) if job.request["jobName"] == job_name]

    def terminate(self, job_id: str, reason: str) -> None:
        self._s.call(f"terminate {job_id}", lambda: self._terminate(job_id, reason), repeat=True)

    def _terminate(self, job_id: str, reason: str) -> None:
        self._record.terminated.add(job_id)
        job = self._batch.jobs.get(job_id)
        if job is not None:
            for unit in job.units:
                if not unit.over:
                    self._queue_timed_out(unit, reason)
            self._batch.stop(job, reason)

    def cancel(self, job_id: str, reason: str) -> None:
        self._s.call(f"cancel {job_id}", lambda: self._cancel(job_id, reason), repeat=True)

    def _cancel(self, job_id: str, reason: str) -> None:
        unit = self._batch.unit(job_id)
        if unit is not None and unit.status in WAITING:
            self._queue_timed_out(unit, reason)
            self._batch.cancel(unit, reason)

    def _queue_timed_out(self, unit: Unit, reason: str) -> None:
        """By the word of whoever ends it; since when it waits is what they were told last."""
        if reason.startswith(QUEUE_TIMEOUT_PREFIX):
            place = JobPlace.of(unit.job.request["parameters"], unit.index)
            since = self._record.waiting_since.get((self._record.actor, unit.id), unit.waiting_since)
            self._record.happened(QueueTimedOut(place, unit.status, self._s.now - since))

    def waiting_children(self, job_id: str) -> list[int]:
        return self._s.call(f"waiting children of {job_id}", lambda: self._waiting_children(job_id))

    def _waiting_children(self, job_id: str) -> list[int]:
        self._record.asked_about.add(job_id)
        job = self._batch.jobs[job_id]
        waiting = [unit.index or 0 for unit in job.units if unit.status in WAITING and not self._is_forgotten(job)]
        late = self._s.dice.strike("stale_list", f"{self._s.place} waiting children of {job.request['jobName']}")
        return waiting[:-1] if late else waiting

    def describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        return self._s.call(f"describe {', '.join(job_ids)}", lambda: self._describe(job_ids))

    def _describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        found = []
        for job_id in dict.fromkeys(job_ids):
            job, unit = self._batch.jobs.get(job_id.partition(":")[0]), self._batch.unit(job_id)
            self._record.asked_about.add(job_id)
            if job is not None and unit is not None and not self._is_forgotten(job):
                self._record.waiting_since[self._record.actor, unit.id] = unit.waiting_since
                found.append(unit_detail(unit) if ":" in job_id else job_detail(job))
        return found

    def failed_children(self, job_id: str) -> list[FailedChild]:
        return self._s.call(f"failed children of {job_id}", lambda: self._failed_children(job_id))

    def _failed_children(self, job_id: str) -> list[FailedChild]:
        job = self._batch.jobs[job_id]
        failed = [unit for unit in job.units if unit.status == "FAILED" and not self._is_forgotten(job)]
        late = self._s.dice.strike("stale_list", f"{self._s.place} children of {job.request['jobName']}")
        return [
            FailedChild(unit.index or 0, unit.reason, unit.exit_code, unit.container_reason)
            for unit in (failed[:-1] if late else failed)
        ]

    def _is_forgotten(self, job: Job) -> bool:
        """Batch keeps what has ended for some days; who has not looked by then is told nothing."""
        if job.over and job.id not in self._forgotten and self._s.dice.strike("forgotten", str(job.request["jobName"])):
            self._forgotten.add(job.id)
        return job.id in self._forgotten
