"""The runner in a container: read the brief, claim the attempt, run it. Started by the bootstrap."""

import math
import os
import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType

from steprelay.runner.attempt import explain_batch, make_attempt, record_failure, run_beside_main_node
from steprelay.runner.brief import BriefError, read_brief, task_of
from steprelay.runner.claim import Claim, claim
from steprelay.runner.leaving import code_of_leaving
from steprelay.runner.nodes import PATIENT, NoMainNode, Patience, job_of, node_of, wait_for_main_node
from steprelay.runner.outcome import Attempt, Failure
from steprelay.runner.package import PackageError, unpack_package
from steprelay.runner.perform import EXIT_CODES, Job
from steprelay.runner.store import Missing, Store
from steprelay.runner.supervise import RECLAIM_GRACE_SECONDS, Limits
from steprelay.runner.tempdir import mounted
from steprelay.runner.usage import container_meter
from steprelay.runner.watchdog import RECLAIMED_EXIT_CODE
from steprelay.sdk.exceptions import Reclaimed

# What ECS leaves between SIGTERM and SIGKILL, unless an instance's ECS_CONTAINER_STOP_TIMEOUT says otherwise.
_STOP_SECONDS, _ECS_STOP_SECONDS = "STEPRELAY_STOP_SECONDS", 30.0
CANNOT_RUN = 1


def main(environment: Mapping[str, str] = os.environ, store: Store | None = None, patience: Patience = PATIENT) -> int:
    """Run the attempt this container was started for; the exit code of the container.

    0 after success; 1 after a failure; 75 where the attempt is not ours to run; 143 when reclaimed; 137 when the step's
    process was killed from outside. `patience`: of the nodes that wait for the main one.
    """
    signal.signal(signal.SIGTERM, _reclaim)
    place: str | None = None
    try:
        bucket, key = parse_address(environment.get("STEPRELAY_BRIEF", ""))
        store = store or _s3_store(bucket)
        task = task_of(read_brief(store.get(key)), _number(environment, "AWS_BATCH_JOB_ARRAY_INDEX"))
        task, node = mounted(task, environment), node_of(environment)
        limits = Limits(reclaim_grace=reclaim_grace({**environment, **task.brief.environment}))
        attempt = Attempt(job_of(environment, node), _number(environment, "AWS_BATCH_JOB_ATTEMPT"), time.time())
        mine = Claim(attempt.job_id, attempt.batch_attempt, f"runner:{uuid.uuid4()}", attempt.started_at)
        taken = claim(store, task, mine) if node.is_main else wait_for_main_node(store, task, mine, patience)
        if taken is not None:
            _say(f"attempt {task.brief.attempt} of {task.name} belongs to {taken.owner or taken.job_id}: leaving")
            return code_of_leaving(store, task, mine, taken)
        place = tempfile.mkdtemp(prefix="steprelay-")
        meter = replace(container_meter(), limit_mib=_number(environment, "STEPRELAY_LOCAL_MEMORY"))
        job = Job(task, attempt, store, Path(place, "package"), Path(place, "package"), Path(place), node, meter)
        return run_claimed(job, limits)
    except (BriefError, Missing, NoMainNode) as error:
        _say(str(error))
        return CANNOT_RUN
    except Reclaimed:
        return RECLAIMED_EXIT_CODE
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # all is said; a stop that comes now is no news
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)


def run_claimed(job: Job, limits: Limits) -> int:
    """Run an attempt that is our job's, in a folder that is ours; the exit code."""
    package = job.task.brief.package
    try:
        if package is not None:
            unpack_package(job.store, package, job.package)
        else:
            job.package.mkdir()
    except (PackageError, Missing) as error:
        _say(str(error))
        if not job.node.is_main:
            return CANNOT_RUN
        return EXIT_CODES[record_failure(job, Failure("program", "PackageError", str(error))).status]
    if not job.node.is_main:
        return run_beside_main_node(job, limits)
    ended = make_attempt(job, limits, forward_signals=True, explain=lambda ending: explain_batch(job, ending))
    return ended.exit_code


def reclaim_grace(environment: Mapping[str, str]) -> float:
    """How many seconds a step has from SIGTERM on, so that there is time left for us before the container is killed.

    Raises:
        BriefError: if STEPRELAY_STOP_SECONDS, the time between the two, is no number above 0.
    """
    text = environment.get(_STOP_SECONDS)
    if not text:
        return RECLAIM_GRACE_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        what = "the seconds between SIGTERM and SIGKILL, a number above 0"
        raise BriefError(f"{_STOP_SECONDS} must be {what}, given {text!r}")
    return seconds * RECLAIM_GRACE_SECONDS / _ECS_STOP_SECONDS


def parse_address(address: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`.

    Raises:
        BriefError: if it is not one.
    """
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket or not key:
        raise BriefError(f"STEPRELAY_BRIEF must be s3://bucket/key, given {address!r}")
    return bucket, key


def _s3_store(bucket: str) -> Store:
    from steprelay.runner.s3 import S3Store

    return S3Store(bucket)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    return int(text) if text else None


def _reclaim(_number: int, _frame: FrameType | None) -> None:
    raise Reclaimed


def _say(text: str) -> None:
    print(f"steprelay: {text}", file=sys.stderr)  # noqa: T201 - the container's log


if __name__ == "__main__":
    sys.exit(main())
