"""The claim of an attempt, as the dispatcher reads and writes it (docs/architecture.md, "Claim and outcome")."""

import json
from dataclasses import dataclass

from steprelay_core.state.model import whole_job

DISPATCHER = "dispatcher"


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who holds the claim of an attempt.

    `job_id`: the job (of an array, the child) that holds it, or held it when the dispatcher took it; None for light
    steps. `until`: when (seconds since the epoch) the light function that holds it has certainly ended. `fenced`:
    whether the dispatcher has taken it, so that nobody passes it any more. `tag`: S3's ETag of what was read.
    """

    job_id: str | None = None
    until: float | None = None
    fenced: bool = False
    tag: str = ""

    @property
    def job(self) -> str | None:
        """The job as a whole: an array's child belongs to its parent."""
        return None if self.job_id is None else whole_job(self.job_id)


def decode_claim(body: bytes, tag: str = "") -> Claimed:
    """Read a claim, whoever wrote it. User code has the role that may: nonsense is a claim of nobody known."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return Claimed(tag=tag)
    fenced = document.get("owner") == DISPATCHER
    job_id, until = document.get("held_by" if fenced else "job_id"), document.get("until")
    return Claimed(
        job_id if isinstance(job_id, str) and job_id else None,
        float(until) if isinstance(until, int | float) else None,
        fenced,
        tag,
    )


def encode_fence(before: Claimed | None) -> bytes:
    """The dispatcher's claim; it keeps which job it was taken from, but not where a container would look for it."""
    held_by = before.job_id if before is not None else None
    return json.dumps({"owner": DISPATCHER} | ({"held_by": held_by} if held_by else {})).encode()
