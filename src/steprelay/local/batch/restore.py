"""Going on with the jobs of a local Batch that was killed. Under the engine's lock."""

from collections.abc import Container, Iterator

from steprelay.local.batch.catalog import Catalog
from steprelay.local.batch.engine import Engine
from steprelay.local.batch.keeping import Document, JobRecords, restore_state
from steprelay.local.batch.model import Dependency, Job
from steprelay.local.batch.submission import job_spec, job_tags

# Ends of the last minute are told again: their events may have been on their way.
TOLD_AGAIN_MILLISECONDS = 60_000


def restore(records: JobRecords, catalog: Catalog, engine: Engine, secrets: Container[str]) -> None:
    """Enter every job that is known, in the state it was in, and have the engine go on with them."""
    states = records.states()
    jobs = [
        _restored(job_id, known, states, catalog, engine, secrets) for job_id, known in records.submissions().items()
    ]
    every = [each for job in jobs for each in (job, *(job.children or ()))]
    last = max((job.stopped_at or 0 for job in every), default=0)
    recent = last - TOLD_AGAIN_MILLISECONDS
    engine.resume(jobs, [job for job in every if job.ended and (job.stopped_at or 0) >= recent])


def _restored(
    job_id: str,
    known: Document,
    states: dict[str, Document],
    catalog: Catalog,
    engine: Engine,
    secrets: Container[str],
) -> Job:
    request = known["request"]
    definition = catalog.by_arn(request["jobDefinition"])
    if definition is None:
        raise LookupError(f"job {job_id} names the definition {request['jobDefinition']}, which was not kept")
    spec = job_spec(request, definition, catalog.queue(request["jobQueue"]), secrets)
    job = engine.enter(job_id, spec, job_tags(request), _dependencies(request, engine), known["created_at"])
    if job_id in states:
        restore_state(job, states[job_id])
    indexes = range(spec.array_size or 0)
    if any(f"{job_id}:{index}" in states for index in indexes):
        job.children = [engine.enter_child(job, index) for index in indexes]
        for child in job.children:
            if child.id in states:
                restore_state(child, states[child.id])
            job.summary[child.status] = job.summary.get(child.status, 0) + 1
    return job


def _dependencies(request: Document, engine: Engine) -> Iterator[Dependency]:
    for given in request.get("dependsOn", ()):
        job = engine.jobs.get(given.get("jobId", ""))
        # One that is forgotten by now ended days ago, and whoever waited for it knows.
        if job is not None or given.get("jobId") is None:
            yield Dependency(job, given.get("type"))
