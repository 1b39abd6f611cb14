"""Steps that follow each other in a foreach: no task waits for a slower sibling.

python examples/overtake.py run --slow 10
"""

import time

from steprelay import FlowSpec, Parameter, batch, step


class OvertakeFlow(FlowSpec):
    """Fetch and score some pages; one of them comes slowly, and the others are scored meanwhile."""

    slow = Parameter("slow", default=5, help="seconds that the first page takes to come")

    @step
    def start(self):
        self.pages = ["a slow page", "a page", "another page", "the last page"]
        self.next(self.fetch, foreach="pages")

    @batch(cpu=1, memory=256)
    @step
    def fetch(self):
        time.sleep(self.slow if self.index == 0 else 0)
        self.words = self.input.split()
        self.fetched_at = time.time()
        self.next(self.score)

    # The array of `score` is handed over together with that of `fetch`: task 2 of one follows task 2 of the other.
    @batch(cpu=1, memory=256)
    @step
    def score(self):
        self.scored_at = time.time()
        self.score_of_page = len(self.words)
        self.next(self.join)

    @step
    def join(self, inputs):
        last_fetched = max(task.fetched_at for task in inputs)
        self.scores = [task.score_of_page for task in inputs]
        self.overtook = sum(task.scored_at < last_fetched for task in inputs)
        self.next(self.end)

    @step
    def end(self):
        print(f"scores {self.scores}; {self.overtook} pages were scored before the last was fetched")


if __name__ == "__main__":
    OvertakeFlow()
