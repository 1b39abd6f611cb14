"""`Pace` on the table: an item for each second counts the jobs that are submitted in it."""

from __future__ import annotations

import re
from random import Random, SystemRandom
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from steprelay_core.aws import items
from steprelay_core.aws.errors import error_code
from steprelay_core.pace import BookedSeconds
from steprelay_core.ports import Unavailable

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from types_boto3_batch import BatchClient

    from steprelay_core.aws.clients import Clients
    from steprelay_core.ports import Clock, Pace

# How long (seconds) an item outlives its second, before DynamoDB's TTL may delete it.
_KEPT_FOR = 3600

# botocore's header: b'attempt=2; max=5'.
_is_repeated = re.compile(r"b?'?attempt=[2-9]")

_has_room = "attribute_not_exists(taken) OR taken < :limit"


class DynamoPace(BookedSeconds):
    """At most `limit` bookings for each second."""

    def __init__(self, clients: Clients, table: str, limit: int, random: Random | None = None) -> None:
        super().__init__(self._take_one, random or SystemRandom())
        self._clients = clients
        self._table = table
        self._limit = limit

    def _take_one(self, second: int) -> bool:
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=items.submits_key(second),
                UpdateExpression="ADD taken :one SET expires_at = :expires",
                ConditionExpression=_has_room,
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":limit": {"N": str(self._limit)},
                    ":expires": {"N": str(second + _KEPT_FOR)},
                },
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True


class PacedRetries:
    """Has botocore's own repetitions of SubmitJob take turns as well: each is a call that AWS counts."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock

    def watch(self, client: BatchClient) -> None:
        """Watch a client from now on; once is enough, and more does no harm."""
        client.meta.events.register("before-send.batch.SubmitJob", self._before_send, unique_id="steprelay-pace")

    def _before_send(self, request: AWSPreparedRequest, **_: object) -> None:
        """The first try has had its turn.

        Raises:
            Unavailable: where the second is full; botocore passes it on and tries no more.
        """
        if not _is_repeated.match(str(request.headers.get("amz-sdk-request"))):
            return
        booked = self._pace.book(self._clock.now())
        if int(booked) != int(self._clock.now()):
            raise Unavailable("AWS Batch did not take the job, and this second has no room for another try")
