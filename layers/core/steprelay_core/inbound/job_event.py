"""The job-events queue: both kinds of steps report there, and queues that are blocked, told apart by detail-type."""

from steprelay_core.inbound.envelope import Ignored, read_envelope
from steprelay_core.inbound.job import read_job_change
from steprelay_core.inbound.light import read_light_ended
from steprelay_core.inbound.waiting import read_queue_blocked
from steprelay_core.state.events import JobChanged, JobWaits, LightEnded


def read_job_event(body: str, relay: str) -> JobChanged | JobWaits | LightEnded | Ignored:
    """What a message on the job-events queue means for this relay (`relay`: its name, the stack's).

    Raises:
        Unreadable: if the message is broken.
    """
    envelope = read_envelope(body)
    match envelope.source, envelope.detail_type:
        case "aws.batch", "Batch Job State Change":
            return read_job_change(envelope, relay)
        case "aws.batch", "Batch Job Queue Blocked":
            return read_queue_blocked(envelope, relay)
        case "steprelay.light", "Light Step Ended":
            return read_light_ended(envelope)
    return Ignored(f"{envelope.detail_type!r} from {envelope.source!r} is not about a job")
