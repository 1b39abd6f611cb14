"""What an attempt asks for because of how earlier ones failed: a later queue of the list, more memory. Pure."""

from dataclasses import dataclass

from steprelay_core.decide.terms import terms_after
from steprelay_core.spec import Step
from steprelay_core.state.model import Group, Terms


@dataclass(frozen=True, slots=True)
class Asked:
    """`memory` in MiB (Fargate takes the next size that it has); `queue` is None where the step names none."""

    memory: int
    queue: str | None


def asked_by(step: Step, group: Group, member: int, attempt: int) -> Asked | None:
    """What this attempt of a member asks for, or will once it begins; None for a light step."""
    if step.batch is None or step.memory is None:
        return None
    terms = _terms(step, group, member, attempt)
    return Asked(step.memory.after(terms.growth), step.batch.queue_at(terms.queue))


def _terms(step: Step, group: Group, member: int, attempt: int) -> Terms:
    """As stored while the attempt is due or under way; of one that is over, as its failures have led to them."""
    for submission in group.submissions:
        if submission.attempt == attempt and member in submission.members:
            return submission.terms
    for wait in group.waits:
        if wait.attempt == attempt and member in wait.members:
            return wait.terms
    terms = Terms()
    for failed in sorted(group.history, key=lambda failed: failed.attempt):
        if failed.member == member and failed.attempt < attempt:
            terms = terms_after(step, terms, failed.failure)
    return terms
