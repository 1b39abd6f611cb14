"""How the jobs of AWS Batch fail: one table of classes, and how each of them is recognised."""

from steprelay_core.failure.classes import CLASSES, FAULTS, RETRYABLE, FailureClass
from steprelay_core.failure.detail import earlier_attempts, symptoms_of
from steprelay_core.failure.reading import STATUSES, Reading, Symptoms, Told, read_symptoms
from steprelay_core.failure.rules import CANCEL_PREFIX, QUEUE_TIMEOUT_PREFIX, RULES, Rule

__all__ = [
    "CANCEL_PREFIX",
    "CLASSES",
    "FAULTS",
    "QUEUE_TIMEOUT_PREFIX",
    "RETRYABLE",
    "RULES",
    "STATUSES",
    "FailureClass",
    "Reading",
    "Rule",
    "Symptoms",
    "Told",
    "earlier_attempts",
    "read_symptoms",
    "symptoms_of",
]
