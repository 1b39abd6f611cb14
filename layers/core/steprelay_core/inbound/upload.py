"""S3 "Object Created" → `Upload`."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, ValidationError

from steprelay_core.inbound.envelope import Ignored, Inbound, Unreadable, faults, read_envelope

Purpose = Literal["run", "deploy"]


@dataclass(frozen=True, slots=True)
class Upload:
    """One version of one object in the package bucket. `purpose` is what its prefix asks for.

    `version` is None where the bucket has no versions; `sequencer` orders the versions of one key.
    """

    bucket: str
    key: str
    purpose: Purpose
    version: str | None = None
    etag: str | None = None
    sequencer: str = ""

    @property
    def told_apart_by(self) -> str:
        """What tells this upload of the key from any other; a bucket without versions still has the sequencer."""
        return self.version or self.sequencer

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" + (f"?versionId={self.version}" if self.version else "")


class _Bucket(Inbound):
    name: str


class _Object(Inbound):
    # Not URL-encoded: that is how S3's own notifications differ from what EventBridge delivers.
    key: str = Field(min_length=1)
    size: int | None = None
    etag: str | None = None
    version: str | None = Field(default=None, alias="version-id")
    sequencer: str = ""


class _Detail(Inbound):
    bucket: _Bucket
    object: _Object


def read_upload(body: str) -> Upload | Ignored:
    """The upload that an S3 event tells of; keys outside `run/` and `deploy/` and folder markers ask for nothing.

    Raises:
        Unreadable: if the message is not an S3 event.
    """
    envelope = read_envelope(body)
    if envelope.detail_type != "Object Created":
        return Ignored(f"{envelope.detail_type!r} is not the creation of an object")
    try:
        detail = _Detail.model_validate(envelope.detail)
    except ValidationError as error:
        raise Unreadable(f"the S3 event is not complete: {faults(error)}") from None
    key = detail.object.key
    purpose = _purpose(key)
    if purpose is None:
        return Ignored(f"{key!r} is not under run/ or deploy/")
    if key.endswith("/"):
        return Ignored(f"{key!r} is a folder")
    version = detail.object.version or None
    etag = detail.object.etag.strip('"') if detail.object.etag else None
    return Upload(detail.bucket.name, key, purpose, version, etag, detail.object.sequencer)


def _purpose(key: str) -> Purpose | None:
    if key.startswith("run/"):
        return "run"
    return "deploy" if key.startswith("deploy/") else None
