"""What lies in the bucket for each payload of events/package_uploaded, and what must come of it."""

import gzip
import tarfile
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.archives import noise, package, spec, spec_member

STARTED = ["Run Started"]
REJECTED = ["Package Rejected"]
BAD_BATCH = spec(
    steps={
        "start": {"command": ["true"], "batch": {"log_driver": "pigeon"}, "next": "end"},
        "end": {"command": ["true"], "batch": {"cpu": 0.5, "ephemeral_storage": 30}},
    }
)
SCHEDULED = spec(
    "ReportFlow",
    parameters={"day": {"required": True}},
    schedules=[{"expression": "cron(0 6 * * ? *)", "timezone": "Europe/Berlin", "parameters": {"day": "yesterday"}}],
    triggers=[{"event": "Orders Closed"}],
)
WRONG_SCHEDULE = SCHEDULED | {"schedules": [{"expression": "rate(1 day)", "parameters": {"dya": "x"}}]}
WITH_PARAMETERS = spec(parameters={"alpha": {"type": "float"}})


def huge_spec() -> bytes:
    info = tarfile.TarInfo("steprelay.json")
    info.size = 300_000_000
    return gzip.compress(info.tobuf() + bytes(100_000))


@dataclass(frozen=True)
class Case:
    """What lies in the bucket, what the bus hears, the tag, and words of each problem or dead letter."""

    package: bytes | None = None
    announced: list[str] = field(default_factory=list)
    tag: str | None = None
    says: list[str] = field(default_factory=list)
    buried: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)


GOOD = package(spec_member())


def good(body: bytes = GOOD, announced: list[str] = STARTED, **more: Any) -> Case:
    return Case(body, announced, "accepted", **more)


def bad(body: bytes, *says: str, **more: Any) -> Case:
    return Case(body, REJECTED, "rejected", list(says), **more)


CASES = {
    "run": good(),
    "run_delivered_twice": good(),
    "run_without_version": good(),
    "run_500_mb": good(package(spec_member(), ("data.bin", noise(2_000_000)))),
    "run_spec_not_first": good(package(("data.bin", noise(200_000)), spec_member())),
    "key_with_spaces_and_plus": good(),
    "run_with_parameters": good(package(spec_member(WITH_PARAMETERS)), metadata={"parameters": '{"alpha": "0.5"}'}),
    "deploy": good(package(spec_member(SCHEDULED)), ["Flow Deployed"]),
    "deploy_wrong_schedule": bad(package(spec_member(WRONG_SCHEDULE)), "schedules.0.parameters.dya: "),
    "folder": Case(),
    "elsewhere": Case(),
    "upload_gone": Case(),
    "other_detail_type": Case(),
    "bad_not_gzip": bad(b"PK\x03\x04", "not a gzip archive"),
    "bad_truncated": bad(package(spec_member(), ("x", noise(9000)))[:4000], "cut off"),
    "bad_empty": bad(b"", "the upload is empty"),
    "bad_no_spec": bad(package(("flow.py", b"")), "has no steprelay.json"),
    "bad_not_json_spec": bad(package(("steprelay.json", b"{flow: ")), "the spec is not JSON"),
    "bad_future_version": bad(
        package(spec_member(spec() | {"spec_version": 9})), "spec_version: the spec has version 9"
    ),
    "bad_unknown_keys": bad(
        package(spec_member(spec(steps={"start": {"command": ["x"], "batch": {"memroy": 1}}}, colour="red"))),
        "did you mean 'memory'?",
        "unknown key 'colour'",
    ),
    "bad_wrong_types": bad(
        package(spec_member(spec(steps={"start": {"command": "x", "batch": {"cpu": "4", "memory": 1.5}}}))),
        "steps.start.command",
        "steps.start.batch.memory",
    ),
    "bad_batch": bad(
        package(spec_member(BAD_BATCH)),
        "steps.start.batch.log_driver",
        "EC2 jobs take whole vCPUs",
        "EC2 jobs have no `ephemeral_storage`",
    ),
    "bad_bomb_ratio": bad(package(spec_member(), ("zeros", bytes(40_000_000))), "like a bomb"),
    "bad_bomb_members": bad(package(spec_member(), *[(f"f{n}", b"") for n in range(20_000)]), "like a bomb"),
    "bad_path_tricks": bad(package(("../x", b""), spec_member(), ("/y", b"")), "'../x'", "'/y'"),
    "bad_huge_spec": bad(huge_spec(), "300,000,000 bytes"),
    "bad_wrong_parameters": bad(
        package(spec_member(WITH_PARAMETERS)),
        "parameters.alpha: must be a number",
        "parameters.alhpa: the flow has no parameter",
        metadata={"parameters": '{"alpha": "fast", "alhpa": 1}'},
    ),
    "poison_not_json": Case(buried=["not an event"]),
    "poison_no_object": Case(buried=["the S3 event is not complete: object: Field required"]),
    "poison_s3_notification": Case(buried=["not an event"]),
}
