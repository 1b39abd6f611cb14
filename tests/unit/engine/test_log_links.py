"""Links to the AWS console: of the right region, in the right partition, encoded as the console reads them."""

import pytest

from steprelay_core.logs import LogObject, Stream, console_link

STREAM = Stream("/aws/batch/job", "steprelay-0f/default/abc")
PAGE = "#logsV2:log-groups/log-group/$252Faws$252Fbatch$252Fjob/log-events/steprelay-0f$252Fdefault$252Fabc"


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com"),
        ("eusc-de-east-1", "https://eusc-de-east-1.console.amazonaws-eusc.eu"),
    ],
)
def test_a_stream_has_its_page_in_the_console_of_its_partition(region: str, console: str) -> None:
    assert console_link(STREAM, region, "data") == f"{console}/cloudwatch/home?region={region}{PAGE}"


def test_a_stream_of_another_region_is_shown_there() -> None:
    stream = Stream("/aws/batch/job", "steprelay-0f/default/abc", "eu-north-1")
    link = console_link(stream, "eu-west-1", "data")
    assert link == f"https://eu-north-1.console.aws.amazon.com/cloudwatch/home?region=eu-north-1{PAGE}"


def test_the_log_of_a_light_step_is_an_object_of_the_data_bucket() -> None:
    link = console_link(LogObject("runs/Flow-1/start/0/1/log.txt"), "eu-west-1", "data")
    assert link == (
        "https://eu-west-1.console.aws.amazon.com/s3/object/data"
        "?region=eu-west-1&prefix=runs%2FFlow-1%2Fstart%2F0%2F1%2Flog.txt"
    )


@pytest.mark.parametrize("region", ["us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1"])
def test_where_nobody_knows_the_console_there_is_no_link(region: str) -> None:
    assert console_link(STREAM, region, "data") is None
