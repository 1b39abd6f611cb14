"""From a step of a spec to the exact requests of AWS Batch."""

from steprelay_core.translate.inputs import Defaults, Pointers, Request, TranslateError
from steprelay_core.translate.names import job_name
from steprelay_core.translate.request import translate

__all__ = ["Defaults", "Pointers", "Request", "TranslateError", "job_name", "translate"]
