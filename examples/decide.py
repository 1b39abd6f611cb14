"""The data decides: a large data set goes to AWS Batch, a small one stays light.

python examples/decide.py run --rows 10
python examples/decide.py run --rows 5000
"""

from steprelay import FlowSpec, Parameter, batch, current, step


class DecideFlow(FlowSpec):
    """Take the mean of a data set, on a machine that fits its size."""

    rows = Parameter("rows", default=5000, help="the size of the data set")

    @step
    def start(self):
        self.data = [n % 7 for n in range(self.rows)]
        # A plain `if`, decided in a light step: milliseconds, and no container for what does not need one.
        if len(self.data) > 1000:
            self.next(self.heavy)
        else:
            self.next(self.light)

    @batch(cpu=1, memory=512)
    @step
    def heavy(self):
        self.mean = sum(self.data) / len(self.data)
        self.where = f"AWS Batch, in step {current.step_name}"
        self.next(self.finish)

    @step
    def light(self):
        self.mean = sum(self.data) / max(len(self.data), 1)
        self.where = f"a light step, {current.step_name}"
        self.next(self.finish)

    @step
    def finish(self):
        # Only one of the two ran, so they meet again in an ordinary step: no `inputs`, and artifacts as they were.
        self.report = f"The mean of {len(self.data)} rows is {self.mean:.3f} (found on {self.where})."
        self.next(self.end)

    @step
    def end(self):
        print(self.report)


if __name__ == "__main__":
    DecideFlow()
