"""`Logs` on CloudWatch Logs and S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from steprelay_core.logs import LogObject, Stream, console_link

if TYPE_CHECKING:
    from steprelay_core.aws.clients import Clients
    from steprelay_core.logs import Log

# Of a log in S3 only the end is read.
_TAIL_BYTES = 16 * 1024


class AwsLogs:
    """Asks once and waits shortly: an event without lines is better than none.

    `region`: whose console the links lead to; None where there is no console (an emulator).
    """

    def __init__(self, clients: Clients, data_bucket: str, region: str | None) -> None:
        self._clients = clients
        self._bucket = data_bucket
        self._region = region

    def last_lines(self, log: Log, count: int) -> tuple[str, ...]:
        try:
            return self._of_stream(log, count) if isinstance(log, Stream) else self._of_object(log, count)
        except (BotoCoreError, ClientError):
            # Not there (yet), not ours to read, or too slow.
            return ()

    def link(self, log: Log) -> str | None:
        return None if self._region is None else console_link(log, self._region, self._bucket)

    def _of_stream(self, log: Stream, count: int) -> tuple[str, ...]:
        if log.region not in (None, self._region):
            return ()
        answer = self._clients.logs.get_log_events(
            logGroupName=log.group, logStreamName=log.name, limit=count, startFromHead=False
        )
        return tuple(event["message"].rstrip("\r\n") for event in answer["events"])[-count:]

    def _of_object(self, log: LogObject, count: int) -> tuple[str, ...]:
        answer = self._clients.s3.get_object(Bucket=self._bucket, Key=log.key, Range=f"bytes=-{_TAIL_BYTES}")
        return tuple(answer["Body"].read().decode("utf-8", "replace").splitlines())[-count:]
