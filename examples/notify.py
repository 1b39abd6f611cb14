"""Say how a run has ended: exit hooks are called after a success, and after a failure with its first cause.

python examples/notify.py run
python examples/notify.py run --broken
python examples/notify.py run --webhook https://example.com/hook
"""

import json
import urllib.request

from steprelay import EndedRun, FlowSpec, Parameter, batch, exit_hook, step


def congratulate(run: EndedRun) -> None:
    """The artifacts of the last step are there, each read when it is asked for."""
    send(run, f"{run.flow} has counted {run.data.total} words")


def call_for_help(run: EndedRun) -> None:
    """The failure is the one that ended the run, with the last lines that it printed."""
    assert run.failure is not None
    last = "\n".join(f"    | {line}" for line in run.failure.log_lines[-3:])
    send(run, f"{run.flow} failed in {run.failure.task}: {run.failure.reason}\n{last}")


def send(run: EndedRun, text: str) -> None:
    print(text)
    if run.parameters.webhook:
        # It may be sent twice, where the first hook died: its receiver knows the run by its id.
        body = json.dumps({"id": run.id, "text": text}).encode()
        urllib.request.urlopen(urllib.request.Request(run.parameters.webhook, body), timeout=10)


@exit_hook(on_success=[congratulate], on_error=[call_for_help])
class NotifyFlow(FlowSpec):
    """Count words, and tell somebody."""

    broken = Parameter("broken", default=False, help="fail, to see what the hook says then")
    webhook = Parameter("webhook", default="", help="where to post what is said")

    @step
    def start(self):
        self.texts = ["to be or not to be", "that is the question"]
        self.next(self.count, foreach="texts")

    @batch(memory=256)
    @step
    def count(self):
        print(f"counting the words of {self.input!r}")
        if self.broken and self.index == 1:
            raise ValueError("the question has no answer")
        self.words = len(self.input.split())
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.words for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    NotifyFlow()
