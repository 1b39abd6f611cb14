"""A long step that is cut short half-way, as a spot instance cuts it, and goes on where it was.

python examples/checkpoint.py run
"""

import json
import os
import signal

from steprelay import FlowSpec, Parameter, batch, current, retry, step


class CheckpointFlow(FlowSpec):
    """Learn for some epochs; whatever happens to the machine, no epoch is learned twice."""

    epochs = Parameter("epochs", default=6, help="how many epochs to learn")

    @step
    def start(self):
        self.next(self.train)

    @retry(times=2, minutes_between_retries=0)
    @batch(cpu=1, memory=256)
    @step
    def train(self):
        # Empty in the first attempt. In a later one it holds what the attempt before had when it was cut short.
        state_file = current.checkpoint.directory / "state.json"
        state = {"epoch": 0, "weight": 0.0}
        if current.checkpoint.restored:
            state = json.loads(state_file.read_text())
            print(f"attempt {current.attempt} goes on after epoch {state['epoch']}")
        self.resumed_after = state["epoch"]
        while state["epoch"] < self.epochs:
            state = {"epoch": state["epoch"] + 1, "weight": state["weight"] + 0.5}
            # Written with care: a reclaim waits until the file is whole. It is saved when the attempt is cut short.
            with current.checkpoint.writing():
                state_file.write_text(json.dumps(state))
            if state["epoch"] == self.epochs // 2 and current.retry_count == 0:
                # What a container gets when its machine is taken away; 30 seconds later it is killed.
                os.kill(os.getpid(), signal.SIGTERM)
        self.weight = state["weight"]
        self.next(self.end)

    @step
    def end(self):
        print(f"Learned {self.weight} in {self.epochs} epochs, the last of them after epoch {self.resumed_after}.")


if __name__ == "__main__":
    CheckpointFlow()
