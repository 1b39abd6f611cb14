"""One task for each item of a list, whose length is known only as the flow runs.

python examples/foreach.py run --limit 40
"""

from steprelay import FlowSpec, Parameter, batch, step


class ForeachFlow(FlowSpec):
    """Find the prime numbers up to a limit, one task for each ten numbers."""

    limit = Parameter("limit", default=30, help="how far to search")

    @step
    def start(self):
        self.tens = [range(low, min(low + 10, self.limit + 1)) for low in range(0, self.limit + 1, 10)]
        self.next(self.search, foreach="tens")

    @batch(cpu=1, memory=256)
    @step
    def search(self):
        # self.input is this task's item, self.index its position.
        self.found = [n for n in self.input if n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))]
        print(f"task {self.index} found {self.found}")
        self.next(self.join)

    @step
    def join(self, inputs):
        # Inputs come in the order of the list, whichever task ended first.
        self.primes = [prime for task in inputs for prime in task.found]
        self.next(self.end)

    @step
    def end(self):
        print(f"{len(self.primes)} primes up to {self.limit}: {self.primes}")


if __name__ == "__main__":
    ForeachFlow()
