"""`max_workers` on the embedded relay: what runs at a time, measured by the tasks themselves."""

from tests.flows.conftest import Project

FLOW = """
import time
from steprelay import FlowSpec, batch, step

class Wide(FlowSpec):
    @step
    def start(self):
        self.xs = list(range(5))
        self.next(self.work, foreach="xs")

    @batch(cpu=1, memory=128)
    @step
    def work(self):
        self.began = time.time()
        time.sleep(0.3)
        self.ended = time.time()
        self.next(self.join)

    @step
    def join(self, inputs):
        spans = [(task.began, task.ended) for task in inputs]
        self.most = max(sum(began <= at < ended for began, ended in spans) for at, _ in spans)
        self.done = [task.input for task in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Wide()
"""


def test_no_more_tasks_of_a_foreach_run_at_a_time_than_max_workers(project: Project) -> None:
    project.write("wide.py", FLOW)
    ended = project.run("wide.py", "--max-workers", "1")
    assert ended.code == 0, ended.errors
    assert ended.artifacts["most"] == "1"
    told = [change["queued"] for change in ended.of_kind("step") if change["step"] == "work"]
    assert any(told)
    assert told[-1] == 0
