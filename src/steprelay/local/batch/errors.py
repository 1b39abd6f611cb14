"""The two errors that the Batch API answers with, and the one that EC2-style throttling adds."""

from collections.abc import Sequence


class BatchError(Exception):
    """An answer other than success. `code` is AWS's name for it, `status` the HTTP status."""

    code = "ServerException"
    status = 500


class ClientError(BatchError):
    """The caller's mistake (Batch: ClientException, 400)."""

    code = "ClientException"
    status = 400


class ThrottledError(BatchError):
    """Too many calls (429); botocore retries it."""

    code = "TooManyRequestsException"
    status = 429


def refuse(problems: Sequence[str]) -> None:
    """Raise ClientError with all problems at once, if there are any."""
    if problems:
        raise ClientError("Error executing request, Exception : " + "; ".join(problems))
