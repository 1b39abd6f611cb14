"""Raw AWS JSON → typed event, one file per kind. Pure."""

from steprelay_core.inbound.envelope import DeadLetter, Ignored, Unreadable
from steprelay_core.inbound.job_event import read_job_event
from steprelay_core.inbound.request import BusEvent, Request, RunRequested, read_request
from steprelay_core.inbound.timer import read_timer_due
from steprelay_core.inbound.upload import Upload, read_upload

__all__ = [
    "BusEvent",
    "DeadLetter",
    "Ignored",
    "Request",
    "RunRequested",
    "Unreadable",
    "Upload",
    "read_job_event",
    "read_request",
    "read_timer_due",
    "read_upload",
]
