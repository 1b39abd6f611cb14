"""Leaving empty-handed: how a container ends whose attempt is not its own to run."""

from steprelay.runner.brief import Task
from steprelay.runner.claim import Claim
from steprelay.runner.outcome import decode_outcome
from steprelay.runner.perform import EXIT_CODES
from steprelay.runner.store import Missing, Store

# Neither success nor a failure of the step, so that an exit code of 0 proves an outcome (sysexits.h: EX_TEMPFAIL).
LEFT_EXIT_CODE = 75


def code_of_leaving(store: Store, task: Task, mine: Claim, taken: Claim) -> int:
    """The exit code of a container that found its attempt `taken`.

    That of the outcome, where an earlier container of its own job has left one: Batch hears of this one only.
    """
    if mine.job_id is None or taken.job_id != mine.job_id:
        return LEFT_EXIT_CODE
    try:
        outcome = decode_outcome(store.get(task.key("outcome.json")))
    except Missing:
        return LEFT_EXIT_CODE
    except (ValueError, KeyError, TypeError):
        # User code holds the role that writes it: what cannot be read is no success.
        return EXIT_CODES["failed"]
    return EXIT_CODES["succeeded" if outcome.succeeded else "failed"]
