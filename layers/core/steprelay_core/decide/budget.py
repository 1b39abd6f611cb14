"""What pays for the attempt after a failed one: the failure class's own budget, then the step's `@retry`.

What is to blame on machines, registries and networks, and memory that grows, costs a person's retries nothing: such an
attempt is free, as long as its class has free ones left (`steprelay_core.failure.CLASSES`).
"""

from dataclasses import dataclass, replace
from hashlib import sha256

from steprelay_core.decide.terms import terms_after
from steprelay_core.failure import CLASSES
from steprelay_core.spec import Retry, Step
from steprelay_core.state.model import Failure, Submission, TaskKey, Terms

# The longest wait before an attempt (seconds): a backoff must not lead out of the calendar.
LONGEST_DELAY = 30 * 86_400.0

# Only with these is the exit code the program's own; others are killed, or never began.
_BY_EXIT_CODE = frozenset({"program", "oom_suspected"})
# An exception is no exit code, but the job of its step ends with this one, unless something around it swallows that.
_OF_AN_EXCEPTION = 1

# The next queue is what they are retried on; in one queue a person has to ask for it.
_BY_QUEUE = frozenset({"queue_timeout", "capacity"})
_BY_MEMORY = frozenset({"oom", "oom_suspected"})


@dataclass(frozen=True, slots=True)
class Again:
    """Another attempt: on which terms, whether it is free, and after how many seconds, before `jitter`."""

    terms: Terms
    free: bool
    delay: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows a failed attempt, if anything, and what people read of it."""

    budget: str
    again: Again | None = None


def judge_failure(step: Step, submission: Submission, failure: Failure) -> Verdict:
    """Whether a member of a submission that failed so has another attempt."""
    refusal = _never(step, failure)
    if refusal is not None:
        return Verdict(f"none: {refusal}")
    terms = terms_after(step, submission.terms, failure, submission.platform)
    return _for_free(submission, failure, terms) or _by_retry(step, submission, failure, terms)


def _never(step: Step, failure: Failure) -> str | None:
    """Why a failure is the end of its task, whatever is left of budgets."""
    known, retry = CLASSES.get(failure.class_), step.retry
    if known is not None and not known.retried:
        return f"{known.id} is never retried, {known.retried_by}"
    if retry is None:
        return None
    if retry.times == 0:
        return "@retry(times=0) allows no second attempt"
    if failure.class_ in _BY_EXIT_CODE:
        code = failure.exit_code or _OF_AN_EXCEPTION
        return f"exit code {code} is one of exit_codes_no_retry" if code in retry.exit_codes_no_retry else None
    return None


def _for_free(submission: Submission, failure: Failure, terms: Terms) -> Verdict | None:
    known, was = CLASSES.get(failure.class_), submission.terms
    if known is None:
        return None
    if known.id in _BY_QUEUE:
        return Verdict("free: the next queue", Again(terms, True, 0.0)) if terms.queue > was.queue else None
    spent = was.spent_of(known.id)
    if spent >= known.free or (known.id in _BY_MEMORY and terms.growth == was.growth):
        return None
    terms = replace(terms, spent=tuple(sorted((dict(was.spent) | {known.id: spent + 1}).items())))
    return Verdict(f"free: {known.id} {spent + 1} of {known.free}", Again(terms, True, known.pause(spent)))


def _by_retry(step: Step, submission: Submission, failure: Failure, terms: Terms) -> Verdict:
    retry, used = step.retry, submission.attempt - submission.first
    chosen = retry.on if retry is not None else None
    if failure.class_ in _BY_QUEUE and failure.class_ not in (chosen or ()):
        return Verdict("none: there is no further queue")
    if retry is None:
        return Verdict(f"none: the step has no @retry{_used_up(failure, submission.terms)}")
    if chosen is not None and failure.class_ not in chosen:
        return Verdict(f"none: @retry is for {', '.join(chosen)} only{_used_up(failure, submission.terms)}")
    if used >= retry.times:
        return Verdict(f"none: all retries are used up, {retry.times} of {retry.times}")
    return Verdict(f"retry {used + 1} of {retry.times}", Again(terms, False, delay_before(used + 2, retry)))


def _used_up(failure: Failure, terms: Terms) -> str:
    known = CLASSES.get(failure.class_)
    spent = terms.spent_of(failure.class_)
    return f", and {known.id} had its {known.free} free attempts" if known and spent >= known.free > 0 else ""


def delay_before(attempt: int, retry: Retry) -> float:
    """Seconds to wait before this attempt of a person's budget; the second one waits `minutes_between_retries`."""
    try:
        return min(float(retry.minutes_between_retries) * 60 * float(retry.backoff) ** (attempt - 2), LONGEST_DELAY)
    except OverflowError:
        return LONGEST_DELAY


def with_jitter(delay: float, retry: Retry | None, run: str, task: TaskKey, attempt: int) -> float:
    """The delay, shorter or longer by up to `jitter` of it: drawn from whose attempt it is, the same each time."""
    if retry is None or not retry.jitter:
        return delay
    drawn = sha256(f"{run}:{task.step}:{task.split}:{attempt}".encode()).digest()
    share = int.from_bytes(drawn[:6], "big") / (1 << 48)
    return delay * (1 + float(retry.jitter) * (2 * share - 1))
