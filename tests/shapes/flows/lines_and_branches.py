# mypy: ignore-errors
"""Flows that go straight, split and come together; `result` is what only right order and inputs can make of it."""

from steprelay import FlowSpec, batch, current, step


class Linear(FlowSpec):
    @step
    def start(self):
        self.trail = ["start"]
        self.next(self.middle)

    @batch(cpu=1, memory=128)
    @step
    def middle(self):
        self.trail.append("middle")
        self.next(self.end)

    @step
    def end(self):
        self.result = [*self.trail, "end"]


class Single(FlowSpec):
    @step
    def only(self):
        self.result = (current.task_id, self.index, self.input, current.foreach_stack)


class Branches(FlowSpec):
    @step
    def start(self):
        self.base = 10
        self.next(self.light, self.heavy)

    @step
    def light(self):
        self.x = self.base + 1
        self.next(self.join)

    @batch(cpu=1, memory=128)
    @step
    def heavy(self):
        self.x = self.base + 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.sum = inputs.light.x + inputs.heavy.x
        self.merge_artifacts(inputs, exclude=["x"])
        self.next(self.end)

    @step
    def end(self):
        self.result = (self.sum, self.base)


class NestedBranches(FlowSpec):
    @step
    def start(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.next(self.up, self.down)

    @step
    def up(self):
        self.x = 1
        self.next(self.inner)

    @step
    def down(self):
        self.x = 2
        self.next(self.inner)

    @step
    def inner(self, inputs):
        self.x = (inputs.up.x, inputs.down.x)
        self.next(self.outer)

    @step
    def right(self):
        self.x = 3
        self.next(self.outer)

    @step
    def outer(self, inputs):
        self.result = (inputs.inner.x, inputs.right.x)
        self.next(self.end)

    @step
    def end(self):
        pass


class SideIsTheJoin(FlowSpec):
    """One side of the branch has no step of its own."""

    @step
    def start(self):
        self.x = 1
        self.next(self.other, self.join)

    @step
    def other(self):
        self.x = 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.result = (inputs.start.x, inputs.other.x)
        self.next(self.end)

    @step
    def end(self):
        pass


class Condition(FlowSpec):
    @step
    def start(self):
        self.kind = 2
        self.next({"one": self.one, 2: self.two}, condition="kind")

    @step
    def one(self):
        self.by = "one"
        self.next(self.end)

    @batch(cpu=1, memory=128)
    @step
    def two(self):
        self.by = "two"
        self.next(self.end)

    @step
    def end(self):
        # Only one of them ran, so they meet without a join.
        self.result = self.by


class PlainIf(FlowSpec):
    @step
    def start(self):
        self.n = 7
        if self.n % 2:
            self.next(self.odd)
        else:
            self.next(self.even)

    @step
    def odd(self):
        self.by = "odd"
        self.next(self.end)

    @step
    def even(self):
        self.by = "even"
        self.next(self.end)

    @step
    def end(self):
        self.result = self.by


class ConditionalJoin(FlowSpec):
    """One side of a branch takes a longer way if it has to; a branch is only made where it is needed."""

    @step
    def start(self):
        self.many = True
        if self.many:
            self.next(self.left, self.right)
        else:
            self.next(self.end)

    @step
    def left(self):
        self.x = 1
        if self.x > 5:
            self.next(self.join)
        else:
            self.next(self.longer)

    @step
    def longer(self):
        self.x += 100
        self.next(self.join)

    @step
    def right(self):
        self.x = 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.xs = [(i.x, hasattr(inputs, "longer")) for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        self.result = self.xs
