"""What every counter of booked seconds promises, on the fake and on DynamoDB; and that botocore's repetitions count."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HTTPHeaders

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.jobs import BatchJobs
from steprelay_core.aws.pace import DynamoPace, PacedRetries
from steprelay_core.ports import Pace, Unavailable, Unpaced
from tests.fakes import FixedClock
from tests.fakes.pace import MemoryPace

NOW = 1_790_000_000.25
REQUEST = {"jobName": "a", "jobQueue": "q", "jobDefinition": "d"}


@pytest.fixture(params=["memory", "dynamodb"])
def pace(request: pytest.FixtureRequest) -> Pace:
    if request.param == "memory":
        return MemoryPace(3)
    return DynamoPace(request.getfixturevalue("clients"), request.getfixturevalue("table"), 3, Random(1))


def test_a_second_with_room_is_booked_at_once(pace: Pace) -> None:
    assert [pace.book(NOW + index / 10) for index in range(3)] == [NOW, NOW + 0.1, NOW + 0.2]


def test_who_finds_the_second_full_gets_the_beginning_of_a_later_one(pace: Pace) -> None:
    for _ in range(3):
        pace.book(NOW)
    assert pace.book(NOW + 0.5) == 1_790_000_001.0


def test_no_second_is_ever_booked_more_often_than_its_limit(pace: Pace) -> None:
    booked = Counter(int(pace.book(NOW)) for _ in range(40))
    assert max(booked.values()) == 3
    assert booked[int(NOW)] == 3


def test_a_full_second_says_nothing_of_another(pace: Pace) -> None:
    for _ in range(3):
        pace.book(NOW)
    assert pace.book(NOW + 100) == NOW + 100


def test_the_items_of_seconds_expire_after_them(clients: Clients, table: str) -> None:
    DynamoPace(clients, table, 3).book(NOW)
    (item,) = clients.dynamodb.scan(TableName=table)["Items"]
    assert item["pk"] == {"S": "SUBMITS#1790000000"}
    assert (item["taken"], item["expires_at"]) == ({"N": "1"}, {"N": "1790003600"})


class _Body:
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield b"{}"


def failing_batch(clients: Clients) -> list[str]:
    """AWS Batch that answers every SubmitJob with an error of the server; what it was sent."""
    sent: list[str] = []

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(str(request.url))
        return AWSResponse(request.url, 500, HTTPHeaders(), _Body())

    # After those that look at a request before it is sent.
    events: Any = clients.batch.meta.events
    events.register_last("before-send.batch.SubmitJob", answer)
    return sent


def test_botocore_repeats_a_submission_only_in_a_second_that_has_room(clients: Clients) -> None:
    sent, pace = failing_batch(clients), MemoryPace(1)
    with pytest.raises(Unavailable, match="no room for another try"):
        BatchJobs(clients, PacedRetries(pace, Crowded(pace))).submit(REQUEST)
    assert len(sent) == 1


def test_botocore_repeats_a_submission_as_often_as_it_likes_where_there_is_no_limit(clients: Clients) -> None:
    sent = failing_batch(clients)
    with pytest.raises(Unavailable):
        BatchJobs(clients, PacedRetries(Unpaced(), FixedClock())).submit(REQUEST)
    assert len(sent) == 5


class Crowded(FixedClock):
    """A clock that stands still in a second that is full."""

    def __init__(self, pace: MemoryPace) -> None:
        super().__init__()
        pace.book(self.time)
