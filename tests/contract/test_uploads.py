"""What every `Uploads` promises, on the fake and on S3."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from steprelay_core import keys
from steprelay_core.aws.clients import Clients
from steprelay_core.aws.uploads import S3Uploads
from steprelay_core.inbound import Upload
from steprelay_core.ports import Uploads
from tests.fakes import MemoryObjects
from tests.fakes.uploads import MemoryUploads, Uploaded

BODY = bytes(range(256)) * 40
SHA256 = hashlib.sha256(BODY).hexdigest()
KEY = "run/my flow+v2 é.tar.gz"


@dataclass
class Case:
    """`put(metadata)` uploads BODY; `stored(key)` reads the data bucket; `tags(upload)` those of the upload."""

    uploads: Uploads
    put: Callable[[dict[str, str]], Upload]
    stored: Callable[[str], bytes]
    tags: Callable[[Upload], dict[str, str]]


def in_memory() -> Case:
    objects = MemoryObjects()
    uploads = MemoryUploads(objects)

    def put(metadata: dict[str, str]) -> Upload:
        uploads.uploaded[KEY] = Uploaded(BODY, "v1", metadata=metadata)
        return Upload("packages", KEY, "run", "v1")

    return Case(uploads, put, lambda key: objects.objects[key], lambda upload: uploads.uploaded[upload.key].tags)


def packages(clients: Clients) -> str:
    clients.s3.create_bucket(Bucket="packages", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    clients.s3.put_bucket_versioning(Bucket="packages", VersioningConfiguration={"Status": "Enabled"})
    return "packages"


def uploaded(clients: Clients, **more: Any) -> Upload:
    put = clients.s3.put_object(Bucket="packages", Key=KEY, Body=BODY, **more)
    return Upload("packages", KEY, "run", put["VersionId"], put["ETag"].strip('"'))


def tags_of(clients: Clients, upload: Upload) -> dict[str, str]:
    found = clients.s3.get_object_tagging(Bucket=upload.bucket, Key=upload.key, VersionId=upload.version or "")
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}


@pytest.fixture(params=["memory", "s3"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return in_memory()
    clients, bucket = request.getfixturevalue("clients"), request.getfixturevalue("bucket")
    packages(clients)
    return Case(
        S3Uploads(clients, bucket),
        lambda metadata: uploaded(clients, Metadata=metadata),
        lambda key: bytes(clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()),
        lambda upload: tags_of(clients, upload),
    )


def test_the_head_tells_all_but_the_content(case: Case) -> None:
    upload = case.put({"parameters": '{"alpha": 1}'})
    head = case.uploads.head(upload)
    assert head is not None
    assert (head.version, head.size, head.metadata) == (upload.version, len(BODY), {"parameters": '{"alpha": 1}'})
    assert head.uploaded_at > 1_000_000_000


def test_an_upload_that_is_gone_has_no_head(case: Case) -> None:
    case.put({})
    assert case.uploads.head(Upload("packages", "run/other.tar.gz", "run")) is None


def test_a_part_of_an_upload_is_read_without_the_rest(case: Case) -> None:
    upload = case.put({})
    assert case.uploads.read(upload, 0, 10) == BODY[:10]
    assert case.uploads.read(upload, 250, 20) == BODY[250:270]


def test_the_last_part_is_as_long_as_there_is_left(case: Case) -> None:
    assert case.uploads.read(case.put({}), len(BODY) - 5, 1000) == BODY[-5:]


def test_an_upload_is_stored_by_its_digest_however_often(case: Case) -> None:
    upload = case.put({})
    head = case.uploads.head(upload)
    assert head is not None
    assert case.uploads.store(upload, head) == case.uploads.store(upload, head) == SHA256
    assert case.stored(keys.package(SHA256)) == BODY


def test_tags_are_added_to_those_that_are_there(case: Case) -> None:
    upload = case.put({})
    case.uploads.tag(upload, {"team": "data"})
    case.uploads.tag(upload, {"steprelay": "accepted"})
    case.uploads.tag(upload, {"steprelay": "rejected"})
    assert case.tags(upload) == {"team": "data", "steprelay": "rejected"}


@pytest.fixture
def s3(clients: Clients, bucket: str) -> S3Uploads:
    packages(clients)
    return S3Uploads(clients, bucket)


def test_a_checksum_that_the_uploader_had_verified_is_the_digest(s3: S3Uploads, clients: Clients) -> None:
    checksum = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    head = s3.head(uploaded(clients, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum))
    assert head is not None
    assert head.sha256 == SHA256


def test_a_package_with_a_verified_checksum_is_copied_once_and_never_read(s3: S3Uploads, clients: Clients) -> None:
    checksum = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    upload = uploaded(clients, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum)
    head = s3.head(upload)
    assert head is not None
    calls = recorded(clients)
    s3.store(upload, head)
    s3.store(upload, head)
    assert calls == ["HeadObject", "CopyObject", "HeadObject"]


def test_a_package_without_one_is_copied_twice_and_never_read(s3: S3Uploads, clients: Clients, bucket: str) -> None:
    upload = uploaded(clients)
    head = s3.head(upload)
    assert head is not None
    calls = recorded(clients)
    s3.store(upload, head)
    assert calls == ["CopyObject", "CopyObject", "DeleteObject"]
    kept = clients.s3.list_objects_v2(Bucket=bucket, Prefix="packages/")["Contents"]
    assert [item["Key"] for item in kept] == [keys.package(SHA256)]


def test_a_stand_in_that_copies_without_checksums_has_its_copy_read(s3: S3Uploads, clients: Clients) -> None:
    upload = uploaded(clients)
    head = s3.head(upload)
    assert head is not None
    clients.s3.meta.events.register("after-call.s3.CopyObject", without_checksum)
    assert s3.store(upload, head) == SHA256


def test_a_copy_carries_neither_metadata_nor_tags_of_the_uploader(s3: S3Uploads, clients: Clients, bucket: str) -> None:
    upload = uploaded(clients, Metadata={"parameters": "{}"}, Tagging="team=data")
    head = s3.head(upload)
    assert head is not None
    s3.store(upload, head)
    copy = clients.s3.head_object(Bucket=bucket, Key=keys.package(SHA256))
    assert (copy["Metadata"], copy["ContentType"]) == ({}, "application/gzip")
    assert clients.s3.get_object_tagging(Bucket=bucket, Key=keys.package(SHA256))["TagSet"] == []


def test_an_upload_without_a_version_is_only_the_one_with_its_etag(s3: S3Uploads, clients: Clients) -> None:
    upload = uploaded(clients)
    assert s3.head(Upload("packages", KEY, "run", None, upload.etag)) is not None
    assert s3.head(Upload("packages", KEY, "run", None, "0" * 32)) is None


def test_a_version_is_read_though_a_later_one_is_there(s3: S3Uploads, clients: Clients) -> None:
    upload = uploaded(clients)
    clients.s3.put_object(Bucket="packages", Key=KEY, Body=b"later")
    assert s3.read(upload, 0, 5) == BODY[:5]


def test_a_bucket_that_does_not_exist_is_an_error_and_no_missing_upload(s3: S3Uploads) -> None:
    with pytest.raises(Exception, match=r"404|NoSuchBucket|Not Found"):
        s3.read(Upload("nowhere", KEY, "run", None), 0, 5)


def test_the_relays_tags_have_room_beside_ten_of_the_uploader(s3: S3Uploads, clients: Clients) -> None:
    upload = uploaded(clients, Tagging="&".join(f"t{number}=x" for number in range(10)))
    s3.tag(upload, {"steprelay": "accepted"})
    assert tags_of(clients, upload)["steprelay"] == "accepted"


def without_checksum(parsed: dict[str, Any], **_: Any) -> None:
    parsed["CopyObjectResult"].pop("ChecksumSHA256", None)


def recorded(clients: Clients) -> list[str]:
    """The names of the S3 calls made from now on."""
    calls: list[str] = []
    clients.s3.meta.events.register("before-call.s3", lambda model, **_: calls.append(model.name))
    return calls
