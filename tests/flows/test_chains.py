"""Steps that follow each other in a foreach: each task goes on by itself."""

from pathlib import Path

from tests.flows.conftest import Project

MEETING = """
import time
from pathlib import Path

from steprelay import FlowSpec, Parameter, batch, current, retry, step


class MeetingFlow(FlowSpec):
    place = Parameter("place")

    @step
    def start(self):
        self.items = [0, 1, 2]
        self.next(self.fetch, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @batch(cpu=1, memory=128)
    @step
    def fetch(self):
        if self.index == 2 and current.retry_count == 0:
            raise ValueError("once")
        if self.index == 0:
            # Ends only when a sibling has gone on to the next step: without a chain it would wait for ever.
            deadline = time.monotonic() + 100
            while not (Path(self.place) / "1").exists():
                assert time.monotonic() < deadline, "no sibling has overtaken this task"
                time.sleep(0.05)
        self.next(self.score)

    @batch(cpu=1, memory=128)
    @step
    def score(self):
        (Path(self.place) / str(self.index)).touch()
        self.score_of_item = (self.index, current.retry_count)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.scores = [task.score_of_item for task in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    MeetingFlow()
"""


def test_a_task_overtakes_a_straggler_and_one_that_had_to_be_retried_goes_on_as_well(
    project: Project, tmp_path: Path
) -> None:
    project.write("meeting.py", MEETING)
    ended = project.run("meeting.py", "--place", str(tmp_path))
    assert ended.code == 0, ended.errors
    assert ended.artifacts["scores"] == "[(0, 0), (1, 0), (2, 0)]"
    (failed,) = ended.of_kind("attempt_failed")
    assert (failed["task"], failed["then"]) == ("fetch.2", "retry")
