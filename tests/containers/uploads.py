"""The packages that the payloads of events/package_uploaded speak of, put where they say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.containers.payloads import Expected, usual
from tests.functions.uploads import CASES, Case

if TYPE_CHECKING:
    from pathlib import Path


def upload_of(payload: Path) -> Case | None:
    """What has to lie in the bucket before the function can take this payload; None where nothing has."""
    case = CASES.get(payload.stem) if payload.parent.name == "package_uploaded" else None
    return case if case is not None and case.package is not None else None


def put(upload: Case, event: dict[str, Any], s3: Any) -> dict[str, Any]:
    """Upload it, and have every record of the event name the version that the bucket gave it."""
    for record in event["Records"]:
        body = json.loads(record["body"])
        bucket, described = body["detail"]["bucket"]["name"], body["detail"]["object"]
        stored = s3.put_object(Bucket=bucket, Key=described["key"], Body=upload.package, Metadata=upload.metadata)
        described |= {"version-id": stored["VersionId"], "etag": stored["ETag"].strip('"')}
        record["body"] = json.dumps(body)
    return event


def expected_of(upload: Case, event: dict[str, Any]) -> Expected:
    """One log line says that it was accepted or rejected, and why."""
    words = ("package rejected", *upload.says) if upload.tag == "rejected" else ("package accepted",)
    # In the log, which is JSON, quotes are escaped.
    return Expected(usual(event).response, tuple(json.dumps(part)[1:-1] for part in words))
