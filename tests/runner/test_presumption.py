"""A chained task makes sure that the one before it has won, and else leaves without running the step."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.claim import Claim
from steprelay.runner.outcome import Failure, Outcome
from tests.runner.containers import Containers
from tests.runner.lab import Lab, flow, group, inputs

BODY = """
@step
def second(self):
    print(f"ran as retry {current.retry_count}")
    self.next(self.end)

@step
def end(self):
    pass
"""
WON = Outcome("succeeded", transition=0)
CLAIM = "runs/TheFlow-1/first/0.1/2/claim.json"


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    with Containers(Lab(tmp_path, flow(BODY))) as made:
        yield made


def leave(lab: Lab, outcome: Outcome | bytes, attempt: int = 2) -> None:
    key = f"runs/TheFlow-1/first/0.1/{attempt}/outcome.json"
    if isinstance(outcome, bytes):
        lab.store.put(key, outcome)
        return
    lab.put_outcome("first", outcome, member=1, path=(0,))
    lab.store.put(key, lab.store.get("runs/TheFlow-1/first/0.1/1/outcome.json"))


def run(containers: Containers, **changes: Any) -> tuple[int, str]:
    presumed = group("first", (0,), ((0, 1),), attempt=2) | {"presumed": True}
    brief = {"path": [0], "members": [[0, 1]], "inputs": inputs("same", presumed)} | changes
    return containers.run("second", "end", environment={"AWS_BATCH_JOB_ARRAY_INDEX": "1"}, **brief)


def claims_of_second(lab: Lab) -> list[str]:
    return [key for key in lab.store.keys("runs/TheFlow-1/second/") if key.endswith("claim.json")]


def test_it_runs_behind_a_winner(containers: Containers) -> None:
    leave(containers.lab, WON)
    containers.lab.store.put(CLAIM, Claim("job-0:1", 1, "runner:x", 1.0).encode())
    assert run(containers)[0] == 0
    assert containers.lab.outcome("second", member=1, path=(0,)).succeeded


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("failed", failure=Failure("program", "Boom", "no")),
        Outcome("succeeded", transition=None),
        Outcome("succeeded", transition=0, foreach_count=3),
        b"nonsense",
        json.dumps({"status": "succeeded", "artifacts": 5}).encode(),
    ],
)
def test_it_leaves_behind_what_is_no_success(containers: Containers, outcome: Outcome | bytes) -> None:
    leave(containers.lab, outcome)
    code, error = run(containers)
    assert code == 75
    assert "attempt 2 of first has not succeeded: leaving" in error
    assert claims_of_second(containers.lab) == []


def test_it_leaves_where_the_one_before_has_left_no_outcome(containers: Containers) -> None:
    leave(containers.lab, WON, attempt=1)
    assert run(containers)[0] == 75


def test_it_leaves_behind_an_attempt_that_the_relay_has_moved_past(containers: Containers) -> None:
    leave(containers.lab, WON)
    containers.lab.store.put(CLAIM, Claim(None, None, "dispatcher", 1.0).encode())
    code, error = run(containers)
    assert code == 75
    assert "the relay has moved past attempt 2 of first: leaving" in error


def test_an_attempt_of_its_own_that_is_taken_is_left_as_ever(containers: Containers) -> None:
    leave(containers.lab, WON)
    containers.lab.store.put("runs/TheFlow-1/second/0.1/1/claim.json", Claim(None, None, "dispatcher", 1.0).encode())
    code, error = run(containers)
    assert (code, error) == (75, "steprelay: attempt 1 of second.1 belongs to dispatcher: leaving\n")


@pytest.mark.parametrize(("first", "retries"), [(3, 0), (2, 1), (1, 2)])
def test_retries_count_from_the_first_attempt_of_the_budget(tmp_path: Path, first: int, retries: int) -> None:
    lab = Lab(tmp_path, flow(BODY))
    lab.succeed("second", "end", attempt=3, first_attempt=first)
    assert lab.output == f"ran as retry {retries}\n"
