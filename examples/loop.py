"""Go back to an earlier step until the result is good enough: a loop, with a counter.

python examples/loop.py run
python examples/loop.py run --number 10 --tolerance 0.1
"""

from steprelay import FlowSpec, Parameter, current, step


class LoopFlow(FlowSpec):
    """Find a square root by better and better guesses."""

    number = Parameter("number", default=2.0, help="whose square root to find")
    tolerance = Parameter("tolerance", default=1e-9, help="how far the square of the guess may be off")

    @step
    def start(self):
        self.guess = max(self.number, 1.0)
        self.laps = 0
        self.next(self.improve)

    @step
    def improve(self):
        # Each lap starts from the artifacts of the one before.
        self.guess = (self.guess + self.number / self.guess) / 2
        self.laps += 1
        self.next(self.judge)

    @step
    def judge(self):
        error = abs(self.guess**2 - self.number)
        print(f"{current.task_id}: {self.guess} is off by {error:.2g}")
        # Whatever the guess does, the counter ends the loop.
        if error > self.tolerance and self.laps < 50:
            self.next(self.improve)
        else:
            self.next(self.end)

    @step
    def end(self):
        print(f"The square root of {self.number} is about {self.guess:.6f}, after {self.laps} laps.")


if __name__ == "__main__":
    LoopFlow()
