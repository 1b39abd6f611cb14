"""A foreach in a foreach: a small grid search, heavy where it trains and light where it decides.

python examples/nested.py run --rates 4
"""

from steprelay import FlowSpec, Parameter, batch, step


class NestedFlow(FlowSpec):
    """Try every learning rate with every depth, and keep the best of each depth."""

    rates = Parameter("rates", default=3, help="how many learning rates to try")

    @step
    def start(self):
        self.depths = [2, 4, 8]
        self.next(self.depth, foreach="depths")

    @step
    def depth(self):
        # A generator is read once, item by item; `empty="fail"` says that a search over nothing is a mistake.
        self.steps = (0.1 / 2**n for n in range(self.rates))
        self.next(self.train, foreach="steps", empty="fail")

    # A grid point that takes more memory than the others is killed, and starts again with twice as much.
    @batch(cpu=1, memory=256, max_memory=1024)
    @step
    def train(self):
        # Where this task is, outermost first: (index, number of items, item) of each foreach.
        (_, _, depth), (_, _, rate) = self.foreach_stack()
        self.loss = abs(depth - 5) + abs(rate - 0.03)
        print(f"depth {depth}, rate {rate}: loss {self.loss:.3f}")
        self.next(self.best_of_depth)

    @step
    def best_of_depth(self, inputs):
        # The join of the inner foreach is still inside the outer one: self.input is the depth.
        best = min(inputs, key=lambda task: task.loss)
        self.best = (round(best.loss, 4), self.input, best.input)
        self.next(self.compare)

    @step
    def compare(self, inputs):
        self.ranking = sorted(task.best for task in inputs)
        self.next(self.end)

    @step
    def end(self):
        loss, depth, rate = self.ranking[0]
        self.best = {"depth": depth, "rate": rate, "loss": loss}
        print(f"best: {self.best}")


if __name__ == "__main__":
    NestedFlow()
