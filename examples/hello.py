"""The smallest flow: three light steps, no container, done before you look up.

python examples/hello.py run
"""

from steprelay import FlowSpec, Parameter, step


class HelloFlow(FlowSpec):
    """Say hello in three steps."""

    whom = Parameter("whom", default="world", help="whom to greet")

    @step
    def start(self):
        self.words = ["hello", self.whom]
        self.next(self.middle)

    @step
    def middle(self):
        # What a step puts on self is there in the steps that follow.
        self.greeting = " ".join(self.words)
        self.next(self.end)

    @step
    def end(self):
        print(self.greeting)


if __name__ == "__main__":
    HelloFlow()
