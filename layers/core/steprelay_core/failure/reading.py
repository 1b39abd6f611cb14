"""From what is said of a job to its failure class, and to the words that tell it."""

from dataclasses import dataclass

from steprelay_core.failure.rules import RULES, Rule

# AWS cuts reasons at 255 characters; whatever is longer is not AWS's, and must not keep the patterns busy.
_LONGEST = 2_000

NOT_FAILED = frozenset({"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"})
STATUSES = NOT_FAILED | {"FAILED"}
NO_REASON = "AWS Batch gave no reason"


@dataclass(frozen=True, slots=True)
class Told:
    """A text, and where it stands in what Batch says of a job (`attempts[1].container.reason`)."""

    where: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What a job's state change event, or DescribeJobs, says that can tell how the job failed.

    `stopped` names the mark of one that was cancelled or terminated. `blocked`: the job is told to block its queue.
    """

    status: str = "FAILED"
    reason: Told = Told("statusReason")
    container: Told = Told("container.reason")
    exit_code: int | None = None
    stopped: str | None = None
    parent: bool = False
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A failure class (an id of `CLASSES`) and what speaks for it, the text that decided first."""

    class_: str
    evidence: tuple[Told, ...]


def read_symptoms(symptoms: Symptoms) -> Reading:
    """The class of a job. What fits no rule is `unknown`, with all that was said; nothing is guessed."""
    status = symptoms.status
    if status == "RUNNABLE" or symptoms.blocked:
        return _waiting(symptoms)
    if status in NOT_FAILED:
        return Reading("none", _with_texts(symptoms, Told("status", status)))
    if status != "FAILED":
        return Reading("unknown", _with_texts(symptoms, Told("status", status)))
    for rule in RULES:
        told = _matched(rule, symptoms)
        if told is not None:
            return Reading(rule.class_, (told, *_others(symptoms, told)))
    return Reading("unknown", _said(symptoms) or (Told("statusReason", NO_REASON),))


def _waiting(symptoms: Symptoms) -> Reading:
    for rule in RULES:
        if rule.waiting and rule.pattern.search(symptoms.reason.text):
            return Reading(rule.class_, (symptoms.reason,))
    if symptoms.blocked:
        return Reading("unknown", _said(symptoms) or (Told("statusReason", NO_REASON),))
    return Reading("none", _with_texts(symptoms, Told("status", symptoms.status)))


def _matched(rule: Rule, symptoms: Symptoms) -> Told | None:
    """The text that makes a job one of the rule's class; None where it is not."""
    if rule.stopped:
        return Told(symptoms.stopped, "true") if symptoms.stopped else None
    if rule.parent and not symptoms.parent:
        return None
    if rule.exit_code is not None:
        return _matched_exit(rule, symptoms)
    if rule.alone:
        return symptoms.reason if _alone(rule, symptoms) else None
    texts = (symptoms.container, symptoms.reason)
    return next((told for told in texts if told.text and rule.pattern.search(told.text[:_LONGEST])), None)


def _matched_exit(rule: Rule, symptoms: Symptoms) -> Told | None:
    wanted = symptoms.exit_code if rule.exit_code == "any" else rule.exit_code
    if symptoms.exit_code is None or symptoms.exit_code != wanted or not _alone(rule, symptoms):
        return None
    return Told("exitCode", str(symptoms.exit_code))


def _alone(rule: Rule, symptoms: Symptoms) -> bool:
    return not symptoms.container.text and rule.pattern.search(symptoms.reason.text[:_LONGEST]) is not None


def _said(symptoms: Symptoms) -> tuple[Told, ...]:
    """Everything that was said, the container's own words first."""
    code = () if symptoms.exit_code is None else (Told("exitCode", str(symptoms.exit_code)),)
    return (*(told for told in (symptoms.container, symptoms.reason) if told.text), *code)


def _others(symptoms: Symptoms, told: Told) -> tuple[Told, ...]:
    return tuple(other for other in _said(symptoms) if other != told)


def _with_texts(symptoms: Symptoms, told: Told) -> tuple[Told, ...]:
    return (told, *_said(symptoms))
