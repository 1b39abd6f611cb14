"""`Uploads` on S3: the package bucket is read in small ranges and copied by S3 itself."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from steprelay_core import keys
from steprelay_core.aws.errors import error_code
from steprelay_core.ports import UploadHead

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CopySourceTypeDef, TagTypeDef

    from steprelay_core.aws.clients import Clients
    from steprelay_core.inbound import Upload

# HEAD has no body and so no error name: gone, not the etag asked for, and, to a role without ListBucket, not there.
_GONE = frozenset({"404", "412", "NoSuchKey", "NoSuchVersion", "PreconditionFailed"})
_MISSING = frozenset({"404", "403"})

# S3: an object has at most 10 tags.
_TAG_LIMIT = 10


class S3Uploads:
    """Reads the package bucket, writes `packages/` of the data bucket."""

    def __init__(self, clients: Clients, data_bucket: str) -> None:
        self._clients = clients
        self._data_bucket = data_bucket

    def head(self, upload: Upload) -> UploadHead | None:
        try:
            found = self._clients.s3.head_object(**_pinned(upload), ChecksumMode="ENABLED")
        except ClientError as error:
            if error_code(error) in _GONE:
                return None
            raise
        whole = found.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
        return UploadHead(
            version=found.get("VersionId"),
            size=found["ContentLength"],
            uploaded_at=found["LastModified"].timestamp(),
            metadata=found["Metadata"],
            sha256=_hex(found.get("ChecksumSHA256")) if whole else None,
        )

    def read(self, upload: Upload, start: int, size: int) -> bytes:
        return self._clients.s3.get_object(**_pinned(upload), Range=f"bytes={start}-{start + size - 1}")["Body"].read()

    def store(self, upload: Upload, head: UploadHead) -> str:
        """The digest comes from S3: the checksum the uploader had it verify, else the one it computes on copying."""
        if head.sha256 is not None:
            if not self._exists(keys.package(head.sha256)):
                self._copy(_source(upload), keys.package(head.sha256))
            return head.sha256
        # Only a copy tells the digest, and only the digest tells where the copy belongs: hence two copies.
        staged = f"packages/incoming/{hashlib.sha256(str(upload).encode()).hexdigest()}.tar.gz"
        digest = _hex(self._copy(_source(upload), staged)) or self._digest_by_reading(staged)
        self._copy({"Bucket": self._data_bucket, "Key": staged}, keys.package(digest))
        self._clients.s3.delete_object(Bucket=self._data_bucket, Key=staged)
        return digest

    def tag(self, upload: Upload, tags: dict[str, str]) -> None:
        where: dict[str, Any] = {"Bucket": upload.bucket, "Key": upload.key}
        if upload.version:
            where["VersionId"] = upload.version
        ours: list[TagTypeDef] = [{"Key": key, "Value": value} for key, value in tags.items()]
        others = [tag for tag in self._clients.s3.get_object_tagging(**where)["TagSet"] if tag["Key"] not in tags]
        self._clients.s3.put_object_tagging(**where, Tagging={"TagSet": [*ours, *others][:_TAG_LIMIT]})

    def _exists(self, key: str) -> bool:
        try:
            self._clients.s3.head_object(Bucket=self._data_bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _MISSING:
                return False
            raise
        return True

    def _copy(self, source: CopySourceTypeDef, key: str) -> str | None:
        copied = self._clients.s3.copy_object(
            Bucket=self._data_bucket,
            Key=key,
            CopySource=source,
            ChecksumAlgorithm="SHA256",
            # The uploader's metadata and tags stay with the upload.
            MetadataDirective="REPLACE",
            TaggingDirective="REPLACE",
            ContentType="application/gzip",
        )
        return copied["CopyObjectResult"].get("ChecksumSHA256")

    def _digest_by_reading(self, key: str) -> str:
        """For stand-ins of S3 that copy without computing a checksum."""
        digest = hashlib.sha256()
        for piece in self._clients.s3.get_object(Bucket=self._data_bucket, Key=key)["Body"].iter_chunks(1024 * 1024):
            digest.update(piece)
        return digest.hexdigest()


def _pinned(upload: Upload) -> dict[str, Any]:
    """The request for exactly this upload: by its version, else by its content, lest a later one be taken for it."""
    where: dict[str, Any] = {"Bucket": upload.bucket, "Key": upload.key}
    if upload.version:
        return where | {"VersionId": upload.version}
    return where | ({"IfMatch": f'"{upload.etag}"'} if upload.etag else {})


def _source(upload: Upload) -> CopySourceTypeDef:
    if upload.version:
        return {"Bucket": upload.bucket, "Key": upload.key, "VersionId": upload.version}
    return {"Bucket": upload.bucket, "Key": upload.key}


def _hex(checksum: str | None) -> str | None:
    return base64.b64decode(checksum).hex() if checksum else None
