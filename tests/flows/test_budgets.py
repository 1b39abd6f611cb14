"""What pays for further attempts, on the embedded relay: memory that grows for nothing, failures that are final."""

from tests.flows.conftest import Project

GROWING = """
from steprelay import FlowSpec, batch, current, step

class GrowingFlow(FlowSpec):
    @batch(memory=128, max_memory=512)
    @step
    def start(self):
        held = bytearray(200 << 20)
        self.attempt, self.retry_count, self.held = current.attempt, current.retry_count, len(held) >> 20
        self.next(self.end)

    @step
    def end(self): pass

if __name__ == "__main__":
    GrowingFlow()
"""

FINAL = """
import sys
from steprelay import FlowSpec, batch, catch, retry, step, timeout

class FinalFlow(FlowSpec):
    @step
    def start(self):
        self.items = ["code", "class"]
        self.next(self.work, foreach="items")

    @catch(var="problem", print_exception=False)
    @retry(times=3, minutes_between_retries=5, exit_codes_no_retry=[3], on=["program"])
    @timeout(seconds=2)
    @batch(cpu=1, memory=128)
    @step
    def work(self):
        if self.input == "code":
            sys.exit(3)
        while True:
            pass
        self.next(self.join)

    @step
    def join(self, inputs):
        self.problems = [type(each.problem).__name__ for each in inputs]
        self.next(self.end)

    @step
    def end(self): pass

if __name__ == "__main__":
    FinalFlow()
"""

LIGHT = """
from steprelay import FlowSpec, retry, step

class LightFlow(FlowSpec):
    @retry(times=3, on="timeout")
    @step
    def start(self):
        raise ValueError("no good")
        self.next(self.end)

    @step
    def end(self): pass

if __name__ == "__main__":
    LightFlow()
"""


def test_memory_grows_without_retry_until_the_step_has_enough(project: Project) -> None:
    project.write("growing.py", GROWING)
    ended = project.run("growing.py")
    assert ended.code == 0, ended.errors
    (failed,) = ended.of_kind("attempt_failed")
    assert (failed["failure_class"], failed["then"], failed["memory"]) == ("oom", "retry", 256)
    assert failed["budget"] == "free: oom 1 of 10"
    assert ended.artifacts == {"attempt": "2", "retry_count": "0", "held": "200"}


def test_what_retry_excludes_is_caught_in_the_first_attempt(project: Project) -> None:
    project.write("final.py", FINAL)
    ended = project.run("final.py")
    assert ended.code == 0, ended.errors
    failed = [(each["task"], each["attempt"], each["then"]) for each in ended.of_kind("attempt_failed")]
    assert sorted(failed) == [("work.0", 1, "catch"), ("work.1", 1, "catch")]
    assert ended.artifacts["problems"] == "['SystemExit', 'TimeoutException']"


def test_a_failure_that_retry_excludes_ends_the_run_and_says_why(project: Project) -> None:
    project.write("light.py", LIGHT)
    ended = project.run("light.py")
    assert ended.code == 1
    assert ended.result["failure"]["budget"] == "none: @retry is for timeout only"
    (told,) = project.runs_of("LightFlow")
    assert told["failure"]["budget"] == ended.result["failure"]["budget"]
