"""Light steps: what a warm function does with a message."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.brief import BriefError
from steprelay.runner.claim import Claim
from steprelay.runner.light import LOG_BYTES, LightResult, StillRunning
from steprelay.runner.light_message import LightFunction
from steprelay.runner.package import PackageCache
from tests.runner.lab import Lab, flow

START = flow("""
    @step
    def start(self):
        print("hello")
        self.x = 1
        self.next(self.end)
    @step
    def end(self): pass
""")


class Function:
    """A warm function over a lab's store."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.cache = PackageCache(lab.folder / "cache", keep=2)
        self.reports: list[Any] = []
        self.again: list[dict[str, Any]] = []

    def __call__(
        self, step: str, *ways: Any, seconds: float = 60, memory: int | None = None, **more: Any
    ) -> LightResult:
        message = {"brief": self.lab.put_brief(step, *ways, **more), "member": 0}
        return self.deliver(message, seconds, memory)[0]

    def deliver(self, message: dict[str, Any], seconds: float = 60, memory: int | None = None) -> list[LightResult]:
        deadline = time.time() + seconds
        function = LightFunction(
            self.lab.store, deadline, self.reports.append, self.again.append, memory, cache=self.cache
        )
        return function.handle(message)

    def log(self, step: str) -> str:
        return self.lab.store.get(f"runs/TheFlow-1/{step}/0/1/log.txt").decode()


def test_a_light_step_leaves_its_outcome_and_its_output(tmp_path: Path) -> None:
    function = Function(Lab(tmp_path, START))
    result = function("start", "end")
    assert (result.status, result.report) == ("succeeded", True)
    assert result.message["detail"] == {
        "run": "TheFlow-1", "step": "start", "path": [], "member": 0, "attempt": 1, "lost": None,
    }  # fmt: skip
    assert function.lab.artifacts(function.lab.outcome("start")) == {"x": 1}
    assert function.log("start") == "hello\n"


def test_a_brief_may_come_in_the_message_itself(tmp_path: Path) -> None:
    function = Function(Lab(tmp_path, START))
    brief = json.loads(function.lab.store.get(function.lab.put_brief("start", "end")))
    (result,) = function.deliver({"brief": brief, "member": 0})
    assert result.status == "succeeded"


def test_a_warm_light_step_asks_s3_only_for_what_it_needs(tmp_path: Path) -> None:
    function = Function(Lab(tmp_path, START))
    function("start", "end")
    function.lab.store.requests.clear()
    function("start", "end", attempt=2, max_attempts=2)
    names = [(method, key.rpartition("/")[2]) for method, key in function.lab.store.requests[1:]]
    assert names == [("GET", "brief-2-0.json"), ("PUT", "claim.json"), ("PUT", "log.txt")]


def test_the_function_keeps_its_own_descriptors_folder_and_environment(tmp_path: Path) -> None:
    function = Function(
        Lab(
            tmp_path,
            flow("""
        @step
        def start(self):
            import os, sys
            os.write(1, b"raw\\n")
            os.system("echo from a program")
            self.read = sys.stdin.read()
            os.environ["LEAK"] = "1"
            os.chdir("/")
    """),
        )
    )
    before = (Path.cwd(), os.fstat(0), os.fstat(1), os.fstat(2))
    function("start")
    assert (Path.cwd(), os.fstat(0), os.fstat(1), os.fstat(2)) == before
    assert "LEAK" not in os.environ
    assert function.log("start") == "raw\nfrom a program\n"
    assert function.lab.artifacts(function.lab.outcome("start")) == {"read": ""}


def test_every_attempt_gets_a_clean_folder_that_shows_the_package(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        {
            "flow.py": flow(
                """
            @step
            def start(self):
                self.found = sorted(os.listdir(".")) + sorted(os.listdir("data"))
                self.word = open("data/word.txt").read()
                for name in ("left.txt", "data/left.txt"):
                    open(name, "w").write("left behind")
                self.temporary = tempfile.mkstemp()[1]
        """,
                before="import os, tempfile",
            ),
            "data/word.txt": "hello",
        },
    )
    function = Function(lab)
    for attempt in (1, 2):
        function("start", attempt=attempt, max_attempts=2)
        found = lab.artifacts(lab.outcome("start", attempt=attempt))
        assert (found["found"], found["word"]) == (["data", "flow.py", "word.txt"], "hello")
        assert not Path(found["temporary"]).exists()


def test_a_warm_function_unpacks_a_package_once_and_keeps_only_the_latest(tmp_path: Path) -> None:
    lab = Lab(tmp_path, START)
    function = Function(lab)
    for number in range(3):
        package = lab.add_package({"flow.py": f"{START}\n# {number}\n"})
        for attempt in (1, 2):
            function("start", "end", package=package, attempt=10 * number + attempt, max_attempts=100)
    fetched = [key for method, key in lab.store.requests if method == "GET" and key.startswith("packages/")]
    assert len(fetched) == 3
    assert len(list((lab.folder / "cache").iterdir())) == 2


def test_a_message_that_comes_again_reports_the_same_without_running_again(tmp_path: Path) -> None:
    function = Function(Lab(tmp_path, START))
    first, second = function("start", "end"), function("start", "end")
    assert second == first
    assert function.lab.store.get("runs/TheFlow-1/start/0/1/log.txt") == b"hello\n"


def test_a_message_that_comes_again_while_the_first_may_still_run_is_put_off(tmp_path: Path) -> None:
    function = Function(Lab(tmp_path, START))
    _claim(function.lab, Claim(None, None, "light:other", time.time(), until=time.time() + 60))
    with pytest.raises(StillRunning, match="start, attempt 1, is claimed by light:other"):
        function("start", "end")


def test_a_message_that_comes_again_after_the_first_died_reports_a_loss(tmp_path: Path) -> None:
    function = Function(Lab(tmp_path, START))
    _claim(function.lab, Claim(None, None, "light:other", 1.0, until=2.0))
    result = function("start", "end")
    assert (result.report, result.lost) == (
        True, "the function that ran the step ended before it could leave an outcome",
    )  # fmt: skip


def test_an_attempt_the_dispatcher_has_moved_past_is_left_alone(tmp_path: Path) -> None:
    function = Function(Lab(tmp_path, START))
    _claim(function.lab, Claim(None, None, "dispatcher", 1.0))
    result = function("start", "end")
    assert (result.report, result.status) == (False, None)
    assert "runs/TheFlow-1/start/0/1/outcome.json" not in function.lab.store.keys("runs/")


def _claim(lab: Lab, claim: Claim) -> None:
    lab.store.put("runs/TheFlow-1/start/0/1/claim.json", claim.encode())


def _failure(function: Function) -> tuple[str, str]:
    failure = function.lab.outcome("start").failure
    assert failure is not None
    return failure.class_, failure.message


def test_a_step_that_outlasts_its_function_is_killed_and_its_timeout_recorded(tmp_path: Path) -> None:
    function = Function(
        Lab(
            tmp_path,
            flow(
                """
        @step
        def start(self):
            print("begun", flush=True)
            time.sleep(600)
    """,
                before="import time",
            ),
        )
    )
    assert function("start", seconds=3.5).status == "failed"
    class_, message = _failure(function)
    assert class_ == "timeout"
    assert "did not end within the 0 s its function has; add @batch" in message
    assert function.log("start") == f"begun\nsteprelay: {message}\n"


def test_a_step_that_takes_too_much_memory_is_killed_with_advice(tmp_path: Path) -> None:
    function = Function(
        Lab(
            tmp_path,
            flow(
                """
        @step
        def start(self):
            held = bytearray(400_000_000)
            held[:] = b"x" * len(held)
            time.sleep(600)
    """,
                before="import time",
            ),
        )
    )
    assert function("start", memory=300).status == "failed"
    assert _failure(function) == (
        "program",
        "light step 'start' took more than the 300 MiB its function has; add @batch(memory=…)",
    )


def test_a_step_whose_process_is_killed_is_a_failure(tmp_path: Path) -> None:
    function = Function(
        Lab(
            tmp_path,
            flow(
                """
        @step
        def start(self):
            os.kill(os.getpid(), signal.SIGKILL)
    """,
                before="import os, signal",
            ),
        )
    )
    assert function("start").status == "failed"
    assert _failure(function) == ("program", "the step's process was killed by SIGKILL")


def test_a_long_output_keeps_its_end(tmp_path: Path) -> None:
    function = Function(
        Lab(
            tmp_path,
            flow(f"""
        @step
        def start(self):
            print("x" * {LOG_BYTES})
            print("the end")
    """),
        )
    )
    function("start")
    log = function.log("start")
    assert log.startswith("… 9 bytes before this are not kept\nxxx")
    assert log.endswith("xxx\nthe end\n")


def test_a_step_without_output_leaves_no_log(tmp_path: Path) -> None:
    function = Function(
        Lab(
            tmp_path,
            flow("""
        @step
        def start(self): pass
    """),
        )
    )
    function("start")
    assert "runs/TheFlow-1/start/0/1/log.txt" not in function.lab.store.keys("runs/")


def test_a_package_that_was_changed_fails_the_step(tmp_path: Path) -> None:
    lab = Lab(tmp_path, START)
    lab.store.put(lab.package, b"something else")
    function = Function(lab)
    assert function("start", "end").status == "failed"
    assert "it was changed after it was accepted" in _failure(function)[1]
    assert "it was changed after it was accepted" in function.log("start")


def test_a_package_that_is_gone_fails_the_step(tmp_path: Path) -> None:
    lab = Lab(tmp_path, START)
    function = Function(lab)
    assert function("start", "end", package="packages/gone.tar.gz").status == "failed"


def test_a_brief_of_a_later_version_is_refused(tmp_path: Path) -> None:
    lab = Lab(tmp_path, START)
    with pytest.raises(BriefError, match="version 3, this runner reads 1 and 2: update the relay"):
        Function(lab)("start", brief_version=3)


def test_the_claim_says_until_when_the_function_lives(tmp_path: Path) -> None:
    function = Function(Lab(tmp_path, START))
    function("start", "end")
    claim = json.loads(function.lab.store.get("runs/TheFlow-1/start/0/1/claim.json"))
    assert claim["owner"].startswith("light:")
    assert claim["until"] > claim["at"]


def test_what_dead_processes_left_in_the_cache_is_removed(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    for pid in (child, os.getppid()):
        (tmp_path / str(pid)).mkdir()
    PackageCache.of_this_process(tmp_path)
    assert [folder.name for folder in tmp_path.iterdir()] == [str(os.getppid())]
