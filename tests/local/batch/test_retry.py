"""evaluateOnExit as a table."""

from typing import Any

import pytest

from steprelay.local.batch.retry import RetryStrategy

EXITED = "Essential container in task exited"
SPOT = "Host EC2 (instance i-0abc) terminated."
OOM = "OutOfMemoryError: Container killed due to memory usage"
RETRY_SPOT = {"onStatusReason": "Host EC2*", "action": "RETRY"}
ELSE_EXIT = {"onReason": "*", "action": "EXIT"}

Failure = tuple[str, str | None, int | None]

TABLE: list[tuple[str, list[dict[str, str]], Failure, bool]] = [
    ("no rules: retry", [], (EXITED, None, 1), True),
    ("no match: retry", [{"onExitCode": "2", "action": "EXIT"}], (EXITED, None, 1), True),
    ("exact exit code", [{"onExitCode": "1", "action": "EXIT"}], (EXITED, None, 1), False),
    ("an exit code is matched whole", [{"onExitCode": "1", "action": "EXIT"}], (EXITED, None, 137), True),
    ("trailing star", [{"onExitCode": "1*", "action": "EXIT"}], (EXITED, None, 137), False),
    ("a star elsewhere is literal", [{"onReason": "Out*Error", "action": "EXIT"}], (EXITED, "OutOfError", 1), True),
    ("first match wins: retry", [RETRY_SPOT, ELSE_EXIT], (SPOT, None, 143), True),
    ("first match wins: exit", [ELSE_EXIT, RETRY_SPOT], (SPOT, None, 143), False),
    ("star matches an absent reason", [ELSE_EXIT], (EXITED, None, None), False),
    ("star matches a present reason", [ELSE_EXIT], (EXITED, OOM, 137), False),
    ("ANDed: both hold", [{"onReason": "Out*", "onExitCode": "137", "action": "EXIT"}], (EXITED, OOM, 137), False),
    ("ANDed: one fails", [{"onReason": "Out*", "onExitCode": "1", "action": "EXIT"}], (EXITED, OOM, 137), True),
    ("the action in any case", [{"onExitCode": "*", "action": "exit"}], (EXITED, None, 1), False),
    ("no exit code matches no number", [{"onExitCode": "0", "action": "EXIT"}], (SPOT, None, None), True),
]


@pytest.mark.parametrize(("rules", "failure", "retried"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_first_matching_rule_decides_and_no_match_means_retry(
    rules: list[dict[str, str]], failure: Failure, retried: bool
) -> None:
    strategy = RetryStrategy.parse({"attempts": 3, "evaluateOnExit": rules})
    assert strategy.retries(1, *failure) is retried


@pytest.mark.parametrize(
    ("given", "made", "retried"),
    [
        (None, 1, False),
        ({"attempts": 1}, 1, False),
        ({"attempts": 2}, 1, True),
        ({"attempts": 2}, 2, False),
        ({"attempts": 1, "evaluateOnExit": [{"onReason": "*", "action": "RETRY"}]}, 1, False),
    ],
)
def test_attempts_are_never_exceeded_whatever_the_rules_say(
    given: dict[str, Any] | None, made: int, retried: bool
) -> None:
    assert RetryStrategy.parse(given).retries(made, EXITED, None, 1) is retried
