"""What the attempt after a failed one is given: another queue, more memory."""

from dataclasses import replace

from steprelay_core.spec import Batch
from steprelay_core.state.model import Failure, Terms

# The machines behind a queue are to blame: those behind the next one may do better.
QUEUE_TO_BLAME = frozenset({"spot", "queue_timeout", "capacity", "host"})


def terms_after(batch: Batch | None, terms: Terms, failure: Failure) -> Terms:
    """The terms of the next attempt of a step with this `batch` (None for a light step).

    The last queue of the list is stayed on. Memory only grows where the step says how far (`max_memory`), and for
    `oom_suspected`, which may be something else, only once.
    """
    if batch is None:
        return terms
    if failure.class_ in QUEUE_TO_BLAME:
        return replace(terms, queue=min(terms.queue + 1, batch.last_queue))
    if batch.memory_after(terms.growth) == batch.memory_limit:
        return terms
    if failure.class_ == "oom":
        return replace(terms, growth=terms.growth + 1)
    if failure.class_ == "oom_suspected" and not terms.suspected:
        return replace(terms, growth=terms.growth + 1, suspected=True)
    return terms
