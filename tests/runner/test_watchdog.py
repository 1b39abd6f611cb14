"""Signals in the working process."""

import signal
from types import FrameType

import pytest

from steprelay.runner.watchdog import duration, held_back


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGALRM])
def test_a_signal_that_is_held_back_comes_when_the_body_is_through(number: signal.Signals) -> None:
    came: list[str] = []

    def handler(_number: int, _frame: FrameType | None) -> None:
        came.append("signal")

    before = signal.signal(number, handler)
    try:
        with held_back():
            signal.raise_signal(number)
            came.append("body")
        assert came == ["body", "signal"]
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "0.5 s"), (90, "90 s"), (120, "2 min"), (7200, "2 h"), (9000, "2 h 30 min")]
)
def test_limits_are_shown_as_people_write_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
