"""Light functions that are killed after each of their effects, whose message then comes again."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from steprelay.local.lost_functions import release_claims
from steprelay.runner.light import LightResult, StillRunning
from steprelay.runner.light_message import LightFunction
from steprelay.runner.package import PackageCache
from steprelay.runner.store import Store
from tests.runner.lab import Lab, flow

EFFECTS = {"put", "put_once", "put_if_match", "upload"}


class MortalStore:
    """A store of a function that is killed, with the process of its step, when it is to have one more effect than
    these. `used` counts them in all its processes.
    """

    def __init__(self, store: Store, effects: int | None) -> None:
        self._store, self._effects, self._sandbox = store, effects, os.getpid()
        self._used = multiprocessing.get_context("fork").Value("i", 0)

    @property
    def used(self) -> int:
        return int(self._used.value)

    def entered(self) -> None:
        """The function's own process is this one."""
        self._sandbox = os.getpid()

    def __getattr__(self, name: str) -> Any:
        if name in EFFECTS:
            with self._used.get_lock():
                dies = self._used.value == self._effects
                self._used.value += not dies
            if dies:
                for process in (self._sandbox, os.getpid()):
                    os.kill(process, signal.SIGKILL)
        return getattr(self._store, name)


class Function:
    """A light function with one message, whose step writes down that its code began."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.diary = folder / "diary"
        self.diary.touch()
        body = f"""
            @step
            def start(self):
                with open({str(self.diary)!r}, "a") as diary:
                    diary.write("began ")
                print("hello")
                self.next(self.end)
            @step
            def end(self): pass
        """
        self.lab = Lab(folder, flow(body))
        self.message = {"brief": self.lab.put_brief("start", "end"), "member": 0}
        self._cache = PackageCache(folder / "cache", keep=2)

    def deliver(self, store: Any) -> LightResult:
        ended = LightFunction(store, time.time() + 60, self._say, self._say, cache=self._cache).handle(self.message)
        return ended[0]

    def _say(self, _: Any) -> None:
        """Nobody listens."""

    def deliver_in_a_sandbox(self, store: MortalStore) -> int | None:
        """In a process that may be killed; its exit code."""

        def sandbox() -> None:
            store.entered()
            self.deliver(store)

        process = multiprocessing.get_context("fork").Process(target=sandbox)
        process.start()
        process.join()
        return process.exitcode

    def deliver_again(self) -> LightResult:
        """When the time of the function that was killed is over."""
        release_claims([json.dumps(self.message)], self.lab.store)
        return self.deliver(self.lab.store)

    @property
    def began(self) -> int:
        return len(self.diary.read_text().split())


def test_after_whichever_effect_a_function_is_killed_its_step_runs_once_and_is_reported_as_it_was(
    tmp_path: Path,
) -> None:
    function = Function(tmp_path / "undisturbed")
    undisturbed = MortalStore(function.lab.store, None)
    assert function.deliver_in_a_sandbox(undisturbed) == 0
    ends = []
    for effects in range(undisturbed.used):
        function = Function(tmp_path / str(effects))
        assert function.deliver_in_a_sandbox(MortalStore(function.lab.store, effects)) == -signal.SIGKILL
        result = function.deliver_again()
        ends.append((function.began, result.status, result.lost is not None))
    # Before the claim nothing had happened; between claim and outcome all is lost; then the outcome stands.
    assert ends == [(1, "succeeded", False), (1, None, True), (1, "succeeded", False)]


def test_after_whichever_effect_a_function_is_killed_a_fallback_attempt_has_one_outcome(tmp_path: Path) -> None:
    cause = {"members": [[0, 0]], "attempt": 1, "class": "oom", "reason": "too much"}
    changes = {"brief_version": 2, "attempt": 2, "catch": {"var": "problem"}, "fallback": [cause]}
    ends = []
    for effects in range(4):
        function = Function(tmp_path / str(effects))
        function.message["brief"] = function.lab.put_brief("start", "end", **changes)
        died = function.deliver_in_a_sandbox(MortalStore(function.lab.store, effects))
        result = function.deliver_again()
        ends.append((died, function.began, result.status, result.lost is not None))
    # The claim, the log, the outcome.
    killed = -signal.SIGKILL
    lost = (killed, 0, None, True)
    assert ends == [(killed, 0, "succeeded", False), lost, lost, (0, 0, "succeeded", False)]


def test_until_the_time_of_a_killed_function_is_over_its_message_only_waits(tmp_path: Path) -> None:
    function = Function(tmp_path)
    function.deliver_in_a_sandbox(MortalStore(function.lab.store, 1))
    with pytest.raises(StillRunning):
        function.deliver(function.lab.store)
    assert function.began == 1
