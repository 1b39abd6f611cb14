"""What the attempt after a failed one is given: another queue, more memory."""

from dataclasses import replace

from steprelay_core.spec import Batch, Memory, Step
from steprelay_core.state.model import Failure, Platform, Terms
from steprelay_core.translate.terms import sizes_in_use

# The machines behind a queue are to blame: those behind the next one may do better.
QUEUE_TO_BLAME = frozenset({"spot", "queue_timeout", "capacity", "host"})

# A growth that changes nothing, since Fargate has no size in between, is passed over: so many of them at most.
_PASSED_OVER = 20


def terms_after(step: Step, terms: Terms, failure: Failure, platform: Platform | None = None) -> Terms:
    """The terms of a step's next attempt, but for what it costs (`decide.budget`).

    The last queue of the list is stayed on. Memory only grows where the step says how far or by how much, and for
    `oom_suspected`, which may be something else, only once. `platform`: of the queue that had the failed one.
    """
    batch, memory = step.batch, step.memory
    if batch is None or memory is None:
        return terms
    if failure.class_ in QUEUE_TO_BLAME:
        return replace(terms, queue=min(terms.queue + 1, batch.last_queue))
    if failure.class_ == "oom":
        return grown(batch, memory, terms, platform) or terms
    if failure.class_ == "oom_suspected" and not terms.suspected:
        after = grown(batch, memory, terms, platform)
        return terms if after is None else replace(after, suspected=True)
    return terms


def grown(batch: Batch, memory: Memory, terms: Terms, platform: Platform | None) -> Terms | None:
    """Terms with really more memory; None where there is no more to be had."""
    where = platform or "ec2"
    had = sizes_in_use(batch, memory, terms, where).memory
    for growth in range(terms.growth + 1, terms.growth + 1 + _PASSED_OVER):
        more = replace(terms, growth=growth)
        if sizes_in_use(batch, memory, more, where).memory > had:
            return more
        if memory.after(growth) == memory.limit:
            return None
    return None
