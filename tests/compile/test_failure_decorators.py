"""`@timeout`, `@retry` and `@catch` become what the spec says of failures."""

import pytest

from tests.compile.conftest import Bench, decorated


def test_a_timeout_is_the_sum_in_whole_seconds(bench: Bench) -> None:
    assert bench.start("@timeout(seconds=1.5, minutes=2, hours=1)\n@batch\n").timeout_seconds == 3722


def test_a_timeout_below_a_minute_is_fine(bench: Bench) -> None:
    assert bench.start("@timeout(seconds=5)\n").timeout_seconds == 5


def test_a_long_timeout_is_fine_on_batch(bench: Bench) -> None:
    assert bench.start("@timeout(hours=2)\n@batch\n").timeout_seconds == 7200


def test_retry_and_catch_carry_what_was_given(bench: Bench) -> None:
    step = bench.start(
        "@retry(times=4, minutes_between_retries=0.5, backoff=2)\n@catch(var='e', print_exception=False)\n"
    )
    assert step.retry is not None
    assert step.catch is not None
    assert (step.retry.times, step.retry.minutes_between_retries, step.retry.backoff) == (4, 0.5, 2)
    assert (step.catch.var, step.catch.print_exception) == ("e", False)


def test_retry_says_after_which_failures_and_with_how_much_memory(bench: Bench) -> None:
    retry = bench.start(
        "@batch\n@retry(jitter=0.2, memory_factor=1.5, on=('timeout', 'spot'), exit_codes_no_retry={3})\n"
    ).retry
    assert retry is not None
    assert (retry.jitter, retry.memory_factor, retry.on, retry.exit_codes_no_retry) == (
        0.2,
        1.5,
        ["timeout", "spot"],
        [3],
    )


@pytest.mark.parametrize(
    ("argument", "message", "hint"),
    [
        ("on='spto'", "is 'spto', and no failure class is called so", "did you mean 'spot'? known: queue_timeout,"),
        ("on=['program', 'config']", "is 'config', which is never tried again", "take it out; these can be: queue_"),
        ("on=[]", "must be one of 'queue_timeout', 'timeout', 'spot'", ""),
        ("exit_codes_no_retry=[0]", "must be a whole number from 1 to 255, given 0", ""),
        ("jitter=1.5", "'jitter' must be a number from 0 to 1, given 1.5", ""),
        ("memory_factor=0.5", "'memory_factor' must be a number, at least 1, given 0.5", ""),
    ],
)
def test_what_retry_cannot_mean_is_said(bench: Bench, argument: str, message: str, hint: str) -> None:
    (problem,) = bench.problems(decorated(f"@retry({argument})\n"))
    assert message in problem.message
    assert (problem.hint or "").startswith(hint)


def test_a_bare_retry_has_the_documented_defaults(bench: Bench) -> None:
    retry = bench.start("@retry\n").retry
    assert retry is not None
    assert (retry.times, retry.minutes_between_retries, retry.backoff) == (3, 2, 1)


def test_the_time_in_the_queue_is_a_sum_of_its_own(bench: Bench) -> None:
    step = bench.start("@timeout(minutes=2, queue_seconds=1.5, queue_minutes=2, queue_hours=1)\n@batch\n")
    assert (step.timeout_seconds, step.queue_timeout_seconds) == (120, 3722)


def test_the_time_in_the_queue_may_be_limited_alone(bench: Bench) -> None:
    step = bench.start("@timeout(queue_minutes=30)\n@batch\n")
    assert (step.timeout_seconds, step.queue_timeout_seconds) == (None, 1800)
