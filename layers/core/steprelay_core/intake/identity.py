"""Ids that follow from what was asked for, so that a message delivered twice makes nothing twice."""

import hashlib


def upload_digest(bucket: str, key: str, version: str) -> str:
    """What all that follows from this version of this object is named by; whoever uploaded it can tell it too."""
    return digest12("|".join((bucket, key, version)))


def upload_run_id(flow: str, bucket: str, key: str, version: str) -> str:
    """The run that this version of this object starts."""
    return f"{flow}-{upload_digest(bucket, key, version)}"


def request_run_id(flow: str, request: str) -> str:
    """The run that a request starts; `request` is EventBridge's event id where the request came over the bus."""
    return f"{flow}-{digest12(request)}"


def digest12(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
