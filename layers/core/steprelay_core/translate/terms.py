"""What an attempt asks for in the end: its queue and its sizes, from the step, the relay and earlier failures."""

from dataclasses import dataclass
from math import ceil

from steprelay_core.spec import Batch, Memory
from steprelay_core.state.model import Terms
from steprelay_core.translate.fargate import pair_between, smallest_pair
from steprelay_core.translate.inputs import Defaults, Platform


@dataclass(frozen=True, slots=True)
class Sizes:
    """vCPUs and MiB of memory."""

    cpu: float
    memory: int


def queue_in_use(batch: Batch, terms: Terms, defaults: Defaults) -> str | None:
    """The queue of this attempt: the step's queues in order of fallback, else the relay's; None where nobody names one.

    A position beyond the last queue is the last one: there is nothing further to fall back to.
    """
    return batch.queue_at(terms.queue) or defaults.queue


def sizes_in_use(batch: Batch, grows: Memory, terms: Terms, platform: Platform) -> Sizes:
    """What the step asks for, rounded up where it says so, its memory grown `terms.growth` times.

    On Fargate the next pair that has as much of both is taken; if only pairs above the limit have, the largest below.
    """
    memory = grows.after(terms.growth)
    if platform == "ec2":
        return Sizes(ceil(batch.cpu) if batch.round_up else batch.cpu, memory)
    pair = None
    if memory > batch.memory:
        pair = pair_between(batch.cpu, batch.memory, memory, grows.limit)
    if batch.round_up:
        pair = pair or smallest_pair(batch.cpu, batch.memory)
    return Sizes(*(pair or (batch.cpu, batch.memory)))
