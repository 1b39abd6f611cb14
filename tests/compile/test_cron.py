"""Cron expressions in both dialects."""

import pytest

from steprelay.compile.cron import CronError, aws_cron


@pytest.mark.parametrize(
    ("unix", "aws"),
    [
        ("* * * * *", "* * * * ? *"),
        ("*/15 * * * *", "0,15,30,45 * * * ? *"),
        ("5/20 * * * *", "5,25,45 * * * ? *"),
        ("0 9-17/4 * * *", "0 9,13,17 * * ? *"),
        ("0 0 1,15 * *", "0 0 1,15 * ? *"),
        ("0 0 1 */3 *", "0 0 1 1,4,7,10 ? *"),
        ("0 0 1 jan,dec *", "0 0 1 1,12 ? *"),
        ("0 0 * * 0", "0 0 ? * SUN *"),
        ("0 0 * * 7", "0 0 ? * SUN *"),
        ("0 0 * * 5-7", "0 0 ? * SUN,FRI,SAT *"),
        ("0 0 * * mon-wed", "0 0 ? * MON,TUE,WED *"),
        ("0 0 * * */2", "0 0 ? * SUN,TUE,THU,SAT *"),
    ],
)
def test_five_unix_fields_are_converted(unix: str, aws: str) -> None:
    assert aws_cron(unix) == f"cron({aws})"


@pytest.mark.parametrize("given", ["0 10 * * ? *", "0 10 ? * 2#1 2026", "0 10 L * ? *", "0/15 8-17 ? * MON-FRI *"])
def test_six_fields_of_eventbridge_stay_as_they_are(given: str) -> None:
    assert aws_cron(given) == aws_cron(f"cron({given})") == f"cron({given})"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "has 0 fields"),
        ("60 * * * *", "'60' is no minute (0 to 59)"),
        ("* 24 * * *", "'24' is no hour"),
        ("* * 0 * *", "'0' is no day of month (1 to 31)"),
        ("* * * 13 *", "'13' is no month"),
        ("* * * * 8", "'8' is no day of week"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("5-1 * * * *", "'5-1' is no minute"),
        ("x * * * *", "'X' is no minute"),
        ("1,,2 * * * *", "'' is no minute"),
        ("0 0 1 * 1", "cannot join a day of the month and a day of the week"),
        ("0 0 * * * *", "exactly one of day of month and day of week must be ?"),
        ("0 0 ? * ? *", "exactly one of"),
        ("a 0 * * ? *", "'A' is no minutes"),
        ("0 0 * * ? * *", "has 7 fields"),
    ],
)
def test_what_cannot_be_a_schedule_says_which_field(given: str, why: str) -> None:
    with pytest.raises(CronError) as caught:
        aws_cron(given)
    assert why in str(caught.value)
