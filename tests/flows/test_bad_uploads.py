"""What nobody can run is refused with one clear record, is kept, and disturbs nothing else."""

import hashlib
import json
import tarfile
import uuid
from typing import Any

from steprelay.local.record import RelayInfo
from tests.fakes import archives
from tests.flows.conftest import Project
from tests.local.relay.support import Aws, eventually

GOOD = archives.package(archives.spec_member(archives.spec("GoodOne")))


def bad_uploads() -> dict[str, tuple[bytes, str]]:
    """By name: the upload, and what its record has to say. Made when needed: one of them takes a second."""
    return {
        "no_gzip": (b"PK\x03\x04 this is a zip", "gzip"),
        "truncated": (GOOD[: len(GOOD) // 2], "cut off"),
        "no_spec": (archives.package(("flow.py", b"pass")), "steprelay.json"),
        "future_version": (archives.package(archives.spec_member(archives.spec(spec_version=99))), "99"),
        "unknown_key": (archives.package(archives.spec_member(archives.spec(retires=1))), "unknown key 'retires'"),
        "wrong_type": (archives.package(archives.spec_member(archives.spec(steps=[1]))), "steps"),
        "bomb": (archives.package(("zeros", bytes(40 * 2**20)), archives.spec_member()), "bomb"),
        "many_members": (archives.package(*((f"{n}", b"") for n in range(20_000)), archives.spec_member()), "bomb"),
        "path_trick": (archives.package(archives.spec_member(), ("../../etc/passwd", b"x")), "outside"),
        "link_out": (
            archives.package(archives.spec_member(), ("a", archives.link("/etc", tarfile.SYMTYPE))),
            "outside",
        ),
        "huge_spec": (archives.package(("steprelay.json", bytes(300 * 2**20))), "at most"),
    }


def test_every_bad_upload_is_rejected_and_a_good_one_beside_them_runs(
    project: Project, relay: RelayInfo, aws: Aws
) -> None:
    bucket, folder = relay.outputs["PackageBucket"], f"run/{uuid.uuid4().hex}"
    versions, bad = {}, bad_uploads()
    for name, (body, _) in {**bad, "good": (GOOD, "")}.items():
        answer = aws.s3.put_object(Bucket=bucket, Key=f"{folder}/{name}.tar.gz", Body=body)
        versions[name] = answer["VersionId"]

    for name, (body, says) in bad.items():
        key = f"{folder}/{name}.tar.gz"
        assert _verdict(aws, bucket, key)["steprelay"] == "rejected", name
        problems = _record(aws, relay, f"{bucket}|{key}|{versions[name]}")["problems"]
        assert says in json.dumps(problems), (name, problems)
        assert aws.s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)

    run = _verdict(aws, bucket, f"{folder}/good.tar.gz")["steprelay-run"]
    assert eventually(lambda: [each for each in project.runs_of("GoodOne") if each["run"] == run])


def _verdict(aws: Aws, bucket: str, key: str) -> dict[str, str]:
    """The tags that the dispatcher puts on an upload once it has read it."""
    return eventually(
        lambda: {tag["Key"]: tag["Value"] for tag in aws.s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
    )


def _record(aws: Aws, relay: RelayInfo, identity: str) -> Any:
    key = f"rejected/{hashlib.sha256(identity.encode()).hexdigest()[:12]}.json"
    return json.load(aws.s3.get_object(Bucket=relay.outputs["DataBucket"], Key=key)["Body"])
