"""From a step of a spec to the exact requests of AWS Batch."""

from steprelay_core.translate.flow import flow_problems
from steprelay_core.translate.image import with_registry
from steprelay_core.translate.inputs import Defaults, Platform, Pointers, Request, TranslateError
from steprelay_core.translate.names import job_name
from steprelay_core.translate.request import translate
from steprelay_core.translate.submission import depends_on
from steprelay_core.translate.terms import queue_in_use

__all__ = [
    "Defaults",
    "Platform",
    "Pointers",
    "Request",
    "TranslateError",
    "depends_on",
    "flow_problems",
    "job_name",
    "queue_in_use",
    "translate",
    "with_registry",
]
