# mypy: ignore-errors
"""Flows whose values do not fit their shape, which only shows as they run."""

from enum import StrEnum

from steprelay import FlowSpec, batch, step


class Color(StrEnum):
    RED = "red"


class NotIterable(FlowSpec):
    """A sibling goes on although this side fails."""

    @step
    def start(self):
        self.next(self.wrong, self.sibling)

    @step
    def wrong(self):
        self.items = 2 + 3
        self.next(self.each, foreach="items")

    @step
    def each(self):
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.next(self.join)

    @batch(cpu=1, memory=128)
    @step
    def sibling(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


class NoSuchCase(FlowSpec):
    @step
    def start(self):
        self.color = Color.RED.upper()
        self.next({"red": self.end, "blue": self.blue}, condition="color")

    @step
    def blue(self):
        self.next(self.end)

    @step
    def end(self):
        pass


class MustHaveItems(FlowSpec):
    @step
    def start(self):
        self.items = [item for item in range(3) if item > 5]
        self.next(self.each, foreach="items", empty="fail")

    @step
    def each(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


class UnstorableItems(FlowSpec):
    @step
    def start(self):
        self.items = [1, lambda: 2]
        self.next(self.each, foreach="items")

    @step
    def each(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


class Unstorable(FlowSpec):
    @step
    def start(self):
        self.first, self.second, self.third = (lambda: 1), 2, (n for n in range(3))
        self.next(self.end)

    @step
    def end(self):
        pass
