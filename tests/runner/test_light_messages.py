"""Messages of the light queue that carry several tasks of a wide foreach."""

import json
from pathlib import Path
from typing import Any

import pytest

from steprelay.local.lost_functions import release_claims
from steprelay.runner.brief import Task
from steprelay.runner.claim import Claim
from steprelay.runner.light import LightResult, StillRunning
from steprelay.runner.light_message import LightFunction, has_time, tasks_of
from steprelay.runner.package import PackageCache
from tests.runner.lab import Lab, flow

EACH = """
    @step
    def each(self):
        with open({diary!r}, "a") as diary:
            diary.write(f"{{current.task_id}} ")
        if current.task_id == "each.5":
            raise ValueError("five")
        self.next(self.join)
    @step
    def join(self, inputs): pass
"""


class Crowd:
    """Three tasks of a foreach in one message. `seconds` is what the function has, of which each task takes `takes`."""

    def __init__(self, folder: Path, seconds: float = 60, takes: float = 0.0, **changes: Any) -> None:
        self.diary = folder / "diary"
        self.lab = Lab(folder, flow(EACH.format(diary=str(self.diary))))
        brief = self.lab.put_brief("each", "join", path=[0], members=[[4, 6]], **changes)
        self.message = {"brief": brief, "members": [4, 5, 6]}
        self.reports: list[Any] = []
        self.again: list[dict[str, Any]] = []
        self.seconds, self.takes, self.now = seconds, takes, 0.0
        self.began: list[int] = []

    def deliver(self) -> list[LightResult]:
        """To a function that really runs the steps."""
        cache = PackageCache(self.lab.folder / "cache")
        function = LightFunction(self.lab.store, 2e10, self.reports.append, self.again.append, cache=cache)
        return function.handle(self.message)

    def play(self) -> None:
        """To a function whose steps only take their time."""
        LightFunction(
            self.lab.store,
            self.now + self.seconds,
            self.reports.append,
            self.again.append,
            run=self._run,
            clock=lambda: self.now,
        ).handle(self.message)

    def _run(self, task: Task, *_: Any, **__: Any) -> LightResult:
        self.began.append(task.member)
        self.now += self.takes
        return LightResult(task, "succeeded")

    def claim(self, member: int, claim: Claim) -> None:
        self.lab.store.put(f"runs/TheFlow-1/each/0.{member}/1/claim.json", claim.encode())

    @property
    def ran(self) -> list[str]:
        return self.diary.read_text().split() if self.diary.exists() else []

    def reported(self) -> list[list[int]]:
        return [[message["detail"]["member"] for message in report] for report in self.reports]


def test_the_tasks_of_a_message_run_one_after_the_other_each_with_an_outcome_of_its_own(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    assert [result.status for result in crowd.deliver()] == ["succeeded", "failed", "succeeded"]
    assert crowd.ran == ["each.4", "each.5", "each.6"]
    assert crowd.lab.outcome("each", 5, (0,)).failure is not None
    assert crowd.lab.outcome("each", 6, (0,)).succeeded


def test_their_ends_are_reported_together(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    crowd.deliver()
    assert crowd.reported() == [[4, 5, 6]]


def test_a_message_that_comes_again_runs_nothing_twice_and_reports_the_same(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    crowd.deliver()
    crowd.deliver()
    assert crowd.ran == ["each.4", "each.5", "each.6"]
    assert crowd.reports[1] == crowd.reports[0]


def test_a_task_that_the_dispatcher_has_moved_past_is_left_out(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    crowd.claim(4, Claim(None, None, "dispatcher", 1.0))
    crowd.deliver()
    assert (crowd.ran, crowd.reported()) == (["each.5", "each.6"], [[5, 6]])


def test_a_task_that_another_function_is_at_holds_up_no_other_and_brings_the_message_back(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    crowd.claim(4, Claim(None, None, "light:other", 1.0, until=2e10))
    with pytest.raises(StillRunning, match=r"each\.4"):
        crowd.deliver()
    assert (crowd.ran, crowd.reported()) == (["each.5", "each.6"], [[5, 6]])


def test_what_there_is_no_time_for_is_sent_anew_and_is_not_claimed(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path, seconds=100, takes=40, timeout_seconds=50)
    crowd.play()
    assert crowd.began == [4, 5]
    assert crowd.again == [{"brief": crowd.message["brief"], "members": [6]}]
    assert crowd.lab.store.keys("runs/TheFlow-1/each/0.6") == []


def test_the_first_task_runs_however_little_time_there_is(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path, seconds=5, takes=1, timeout_seconds=600)
    crowd.play()
    assert (crowd.began, crowd.again[0]["members"]) == ([4], [5, 6])


def test_the_ends_of_slow_tasks_do_not_wait_for_each_other(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path, seconds=900, takes=20)
    crowd.play()
    assert crowd.began == [4, 5, 6]
    assert crowd.reported() == [[4], [5], [6]]


@pytest.mark.parametrize(
    ("limit", "left", "longest", "enough"),
    [
        (60, 60, 0, True),
        (60, 59, 0, False),
        (60, 61, 500, True),
        (None, 450, 1, True),
        (None, 449, 1, False),
        (None, 600, 60, True),
        (None, 599, 60, False),
    ],
)
def test_a_task_is_begun_with_its_own_limit_or_with_plenty(
    limit: float | None, left: float, longest: float, enough: bool
) -> None:
    assert has_time(limit, left, 900, longest) is enough


def test_a_message_of_one_task_is_read_as_before(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    tasks = tasks_of({"brief": crowd.message["brief"], "member": 5}, crowd.lab.store)
    assert [task.name for task in tasks] == ["each.5"]


def test_a_relay_that_goes_on_ends_the_claims_of_all_tasks_of_a_message(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path)
    for member in (4, 6):
        crowd.claim(member, Claim(None, None, "light:gone", 1.0, until=2e10))
    release_claims([json.dumps(crowd.message)], crowd.lab.store)
    results = crowd.deliver()
    assert [result.lost is not None for result in results] == [True, False, True]
    assert crowd.ran == ["each.5"]
