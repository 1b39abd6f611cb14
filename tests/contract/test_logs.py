"""`Logs` on CloudWatch Logs and S3, as moto plays them, and on an AWS that says no or nothing."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.logs import AwsLogs
from steprelay_core.logs import BATCH_LOG_GROUP, Log, LogObject, Stream

STREAM = Stream(BATCH_LOG_GROUP, "job/default/1")
LIGHT = LogObject("runs/Flow-1/start/0/1/log.txt")


@pytest.fixture
def logs(clients: Clients) -> AwsLogs:
    clients.s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    clients.logs.create_log_group(logGroupName=BATCH_LOG_GROUP)
    clients.logs.create_log_stream(logGroupName=BATCH_LOG_GROUP, logStreamName=STREAM.name)
    return AwsLogs(clients, "data", "eu-west-1")


def write_stream(clients: Clients, lines: list[str]) -> None:
    now = round(time.time() * 1000)
    clients.logs.put_log_events(
        logGroupName=BATCH_LOG_GROUP,
        logStreamName=STREAM.name,
        logEvents=[{"timestamp": now + at, "message": f"{line}\n"} for at, line in enumerate(lines)],
    )


def write_object(clients: Clients, lines: list[str]) -> None:
    clients.s3.put_object(Bucket="data", Key=LIGHT.key, Body="\n".join(lines).encode())


@pytest.mark.parametrize(("log", "write"), [(STREAM, write_stream), (LIGHT, write_object)])
def test_the_last_lines_are_read_in_order(
    clients: Clients, logs: AwsLogs, log: Log, write: Callable[[Clients, list[str]], None]
) -> None:
    write(clients, [f"line {number}" for number in range(50)])
    assert logs.last_lines(log, 3) == ("line 47", "line 48", "line 49")


@pytest.mark.parametrize(("log", "write"), [(STREAM, write_stream), (LIGHT, write_object)])
def test_a_short_log_is_read_whole(
    clients: Clients, logs: AwsLogs, log: Log, write: Callable[[Clients, list[str]], None]
) -> None:
    write(clients, ["only this"])
    assert logs.last_lines(log, 20) == ("only this",)


def test_of_a_long_log_only_the_end_is_fetched(clients: Clients, logs: AwsLogs) -> None:
    write_object(clients, ["x" * 99] * 100_000 + ["the end"])
    assert logs.last_lines(LIGHT, 2) == ("x" * 99, "the end")


@pytest.mark.parametrize("log", [Stream(BATCH_LOG_GROUP, "not there"), Stream("/no/group", "s"), LIGHT])
def test_a_log_that_is_not_there_has_no_lines(logs: AwsLogs, log: Log) -> None:
    assert logs.last_lines(log, 20) == ()


def test_an_empty_light_log_has_no_lines(clients: Clients, logs: AwsLogs) -> None:
    clients.s3.put_object(Bucket="data", Key=LIGHT.key, Body=b"")
    assert logs.last_lines(LIGHT, 20) == ()


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_log_that_may_not_be_read_now_has_no_lines_and_is_asked_for_once(
    clients: Clients, logs: AwsLogs, code: str
) -> None:
    with Stubber(clients.logs) as stub:
        stub.add_client_error("get_log_events", code)
        assert logs.last_lines(STREAM, 20) == ()
        stub.assert_no_pending_responses()


class Silent(Clients):
    """CloudWatch Logs that never answers."""

    @property
    def logs(self) -> object:  # type: ignore[override]
        raise ReadTimeoutError(endpoint_url="https://logs")


def test_a_log_that_takes_too_long_has_no_lines() -> None:
    assert AwsLogs(Silent(), "data", "eu-west-1").last_lines(STREAM, 20) == ()


def test_logs_are_waited_for_only_for_seconds(clients: Clients) -> None:
    config: Any = clients.logs.meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (1, 2, 1)


def test_a_stream_of_another_region_has_a_link_and_no_lines(logs: AwsLogs) -> None:
    far = Stream(BATCH_LOG_GROUP, STREAM.name, "eu-north-1")
    assert logs.last_lines(far, 20) == ()
    assert "eu-north-1" in str(logs.link(far))


def test_beside_an_emulator_there_is_no_console_to_link_to(clients: Clients) -> None:
    assert AwsLogs(clients, "data", None).link(STREAM) is None
