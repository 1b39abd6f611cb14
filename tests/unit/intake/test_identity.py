"""Ids that the same request always gets, and no other."""

import hashlib

from steprelay_core.intake import request_run_id, upload_run_id


def test_one_version_of_an_upload_is_one_run() -> None:
    first = upload_run_id("F", "bucket", "run/f.tar.gz", "v1")
    assert first == "F-" + hashlib.sha256(b"bucket|run/f.tar.gz|v1").hexdigest()[:12]
    assert first == upload_run_id("F", "bucket", "run/f.tar.gz", "v1")
    assert first != upload_run_id("F", "bucket", "run/f.tar.gz", "v2")


def test_one_request_is_one_run_of_each_flow() -> None:
    assert request_run_id("F", "event-1") == request_run_id("F", "event-1")
    assert request_run_id("F", "event-1") != request_run_id("F", "event-2")
    assert request_run_id("F", "event-1").partition("-")[2] == request_run_id("G", "event-1").partition("-")[2]
