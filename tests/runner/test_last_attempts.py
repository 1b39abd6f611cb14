"""Which attempt is the last depends on how it failed: `@catch` must not wait for one that will never be made."""

from pathlib import Path
from typing import Any

import pytest

from tests.runner.lab import Lab, flow

CATCH: dict[str, Any] = {"var": "problem", "print_exception": True}
NO_GOOD = flow("""
    @step
    def start(self):
        raise ValueError("no good")
""")
LEAVES = flow("""
    @step
    def start(self):
        raise SystemExit(3)
""")


@pytest.mark.parametrize(
    ("source", "retry", "status"),
    [
        (NO_GOOD, {"on": ["timeout", "spot"]}, "succeeded"),
        (NO_GOOD, {"on": ["program"]}, "failed"),
        (NO_GOOD, {"exit_codes_no_retry": [1]}, "succeeded"),
        (NO_GOOD, {"exit_codes_no_retry": [3]}, "failed"),
        (LEAVES, {"exit_codes_no_retry": [3, 4]}, "succeeded"),
        (LEAVES, {"on": None, "exit_codes_no_retry": [4]}, "failed"),
    ],
)
def test_catch_does_not_wait_for_attempts_that_will_never_be_made(
    tmp_path: Path, source: str, retry: dict[str, Any], status: str
) -> None:
    outcome = Lab(tmp_path, source).run("start", "end", catch=CATCH, attempt=1, max_attempts=4, retry=retry)
    assert (outcome.status, outcome.caught) == (status, status == "succeeded")


def test_catch_of_a_timeout_does_not_wait_where_only_programs_are_retried(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            import time
            time.sleep(60)
    """),
    )
    outcome = lab.run(
        "start", "end", catch=CATCH, attempt=1, max_attempts=4, retry={"on": ["program"]}, timeout_seconds=0.3
    )
    assert outcome.caught
