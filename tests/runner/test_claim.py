"""Claims: who may run an attempt."""

from pathlib import Path

import pytest

from steprelay.runner.claim import Claim, claim, decode_claim, may_take_over
from tests.runner.folder_store import FolderStore
from tests.runner.lab import Lab


def _claim(job: str | None = "job-1", batch_attempt: int | None = 1, owner: str = "a") -> Claim:
    return Claim(job, batch_attempt, owner, 1.0)


@pytest.mark.parametrize(
    ("mine", "taken", "allowed"),
    [
        (_claim(batch_attempt=2), _claim(batch_attempt=1), True),
        (_claim(batch_attempt=1), _claim(batch_attempt=1), False),
        (_claim(batch_attempt=1), _claim(batch_attempt=2), False),
        (_claim("job-2", 2), _claim("job-1", 1), False),
        (_claim(None, None), _claim(None, None), False),
        (_claim(batch_attempt=2), Claim(None, None, "dispatcher", 1.0), False),
    ],
)
def test_only_a_later_batch_attempt_of_the_same_job_may_take_over(mine: Claim, taken: Claim, allowed: bool) -> None:
    assert may_take_over(mine, taken) is allowed


def test_the_first_to_claim_an_attempt_has_it(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    task = lab.task("start")
    assert claim(lab.store, task, _claim(owner="first")) is None
    taken = claim(lab.store, task, _claim(owner="second"))
    assert taken is not None
    assert taken.owner == "first"


def test_a_claim_is_a_claim_on_one_attempt_of_one_task(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    assert claim(lab.store, lab.task("start"), _claim(owner="first")) is None
    assert claim(lab.store, lab.task("start", attempt=2), _claim(owner="second")) is None
    assert claim(lab.store, lab.task("start", member=1), _claim(owner="third")) is None


def test_a_later_batch_attempt_takes_its_predecessors_claim(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    task = lab.task("start")
    claim(lab.store, task, _claim(owner="first"))
    assert claim(lab.store, task, _claim(batch_attempt=2, owner="second")) is None
    assert decode_claim(lab.store.get(task.key("claim.json"))).owner == "second"


def test_a_later_batch_attempt_leaves_where_its_predecessor_has_left_an_outcome(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    task = lab.task("start")
    claim(lab.store, task, _claim(owner="first"))
    lab.store.put_once(task.key("outcome.json"), b"{}")
    taken = claim(lab.store, task, _claim(batch_attempt=2, owner="second"))
    assert taken is not None
    assert taken.owner == "first"


def test_a_claim_sent_twice_because_the_answer_was_lost_is_still_ours(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    mine = _claim(owner="unique")
    assert claim(lab.store, lab.task("start"), mine) is None
    assert claim(lab.store, lab.task("start"), mine) is None


class Racing(FolderStore):
    """Another container takes the claim over just before we do."""

    def put_if_match(self, key: str, body: bytes, etag: str) -> bool:
        super().put_if_match(key, _claim(batch_attempt=3, owner="faster").encode(), etag)
        return super().put_if_match(key, body, etag)


def test_of_two_that_take_over_only_one_gets_it(tmp_path: Path) -> None:
    store = Racing(tmp_path / "bucket")
    task = Lab(tmp_path).task("start")
    claim(store, task, _claim(owner="first"))
    taken = claim(store, task, _claim(batch_attempt=2, owner="second"))
    assert taken is not None
    assert taken.owner == "faster"
