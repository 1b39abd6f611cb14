# mypy: ignore-errors
"""Flows of every shape. Each leaves in `result` what only the right order and the right inputs can make of it."""

from enum import StrEnum

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


class Foreach(FlowSpec):
    """Its items come from a generator, which is read once and is no artifact afterwards."""

    @step
    def start(self):
        self.letters = (letter for letter in "abc")
        self.next(self.each, foreach="letters")

    @batch(cpu=1, memory=128)
    @step
    def each(self):
        self.out = (self.index, self.input, hasattr(self, "letters"))
        self.next(self.join)

    @step
    def join(self, inputs):
        # In the order of the items, whichever ended first.
        self.result = [i.out for i in inputs] + [inputs[-1].input, [i.index for i in inputs[:2]]]
        self.next(self.end)

    @step
    def end(self):
        pass


class ThreeLevels(FlowSpec):
    @step
    def start(self):
        self.xs = [1, 2]
        self.next(self.first, foreach="xs")

    @step
    def first(self):
        self.ys = "ab"
        self.next(self.second, foreach="ys")

    @step
    def second(self):
        self.zs = range(self.input == "b", 3)
        self.next(self.third, foreach="zs")

    @step
    def third(self):
        assert current.foreach_stack == self.foreach_stack()
        self.at = [(index, item) for index, _, item in self.foreach_stack()]
        self.sizes = [size for _, size, _ in self.foreach_stack()]
        self.next(self.third_join)

    @step
    def third_join(self, inputs):
        self.got = [i.at for i in inputs]
        self.seen = (self.index, self.input, inputs[0].sizes)
        self.next(self.second_join)

    @step
    def second_join(self, inputs):
        self.got = [i.got for i in inputs]
        self.seen = [i.seen for i in inputs] + [self.input]
        self.next(self.first_join)

    @step
    def first_join(self, inputs):
        self.result = ([len(at) for i in inputs for at in i.got], inputs[1].got[1][0], [i.seen for i in inputs])
        self.next(self.end)

    @step
    def end(self):
        pass


class BranchInForeach(FlowSpec):
    @step
    def start(self):
        self.xs = [1, 2, 3]
        self.next(self.each, foreach="xs")

    @step
    def each(self):
        self.next(self.double, self.square)

    @step
    def double(self):
        self.x = 2 * self.input
        self.next(self.meet)

    @batch(cpu=1, memory=128)
    @step
    def square(self):
        self.x = self.input**2
        self.next(self.meet)

    @step
    def meet(self, inputs):
        self.pair = (self.input, inputs.double.x, inputs.square.x)
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.result = [i.pair for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


class ForeachInBranch(FlowSpec):
    @step
    def start(self):
        self.next(self.many, self.one)

    @step
    def many(self):
        self.xs = [1, 2, 3]
        self.next(self.each, foreach="xs")

    @step
    def each(self):
        self.x = 10 * self.input
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.x = sum(i.x for i in inputs)
        self.next(self.join)

    @batch(cpu=1, memory=128)
    @step
    def one(self):
        self.x = 5
        self.next(self.join)

    @step
    def join(self, inputs):
        self.result = (inputs.gather.x, inputs.one.x)
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


class NoItems(FlowSpec):
    """Nested, with none within one of the outer items; the inner join still knows where it is."""

    @step
    def start(self):
        self.setting = "kept"
        self.rows = [0, 2]
        self.next(self.row, foreach="rows")

    @step
    def row(self):
        self.cells = list(range(self.input))
        self.next(self.cell, foreach="cells")

    @step
    def cell(self):
        self.next(self.row_join)

    @step
    def row_join(self, inputs):
        self.merge_artifacts(inputs, exclude=["cells"])
        self.got = (self.index, self.input, len(inputs), self.setting)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.got = [i.got for i in inputs]
        self.none = []
        self.next(self.never, foreach="none")

    @step
    def never(self):
        self.next(self.last)

    @step
    def last(self, inputs):
        self.merge_artifacts(inputs)
        self.result = (self.got, len(inputs), [*inputs])
        self.next(self.end)

    @step
    def end(self):
        pass


class OneItem(FlowSpec):
    @step
    def start(self):
        self.xs = {"only": 1}
        self.next(self.each, foreach="xs")

    @batch(cpu=1, memory=128)
    @step
    def each(self):
        self.x = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.result = [(i.index, i.x) for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


class HugeItems(FlowSpec):
    @step
    def start(self):
        self.blobs = (bytes([number]) * 9_000_000 for number in range(2))
        self.next(self.each, foreach="blobs")

    @step
    def each(self):
        self.size = (self.input[0], len(self.input))
        self.next(self.join)

    @step
    def join(self, inputs):
        self.result = [i.size for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


class ConditionInForeach(FlowSpec):
    """The ways of the splits differ, some meet before the join and some do not."""

    @step
    def start(self):
        self.xs = [1, 2, 3, 4, 5]
        self.next(self.sort, foreach="xs")

    @step
    def sort(self):
        self.kind = ("three", "one", "two")[self.input % 3]
        self.next({"one": self.one, "two": self.two, "three": self.three}, condition="kind")

    @step
    def one(self):
        self.by = ["one"]
        self.next(self.both)

    @batch(cpu=1, memory=128)
    @step
    def two(self):
        self.by = ["two"]
        self.next(self.both)

    @step
    def both(self):
        self.by.append("both")
        self.next(self.join)

    @step
    def three(self):
        self.by = ["three"]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.result = [(i.input, *i.by) for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


class JoinThatFansOut(FlowSpec):
    @step
    def start(self):
        self.xs = [1, 2, 3]
        self.next(self.each, foreach="xs")

    @step
    def each(self):
        self.x = self.input
        self.next(self.turn)

    @step
    def turn(self, inputs):
        self.ys = [i.x * 10 for i in inputs if i.x != 2]
        self.next(self.again, foreach="ys")

    @batch(cpu=1, memory=128)
    @step
    def again(self):
        self.y = self.input + 1
        self.next(self.join)

    @step
    def join(self, inputs):
        self.result = [i.y for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


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


class TwoForeachs(FlowSpec):
    """Which of two lists is gone through is decided as it runs; their bodies lead into each other."""

    @step
    def start(self):
        self.small, self.large = [1, 2], [10, 20, 30]
        if current.is_running:
            self.next(self.heavy, foreach="large")
        else:
            self.next(self.light, foreach="small")

    @step
    def light(self):
        self.next(self.work)

    @step
    def heavy(self):
        self.next(self.work)

    @step
    def work(self):
        self.x = self.input + 1
        self.next(self.join)

    @step
    def join(self, inputs):
        self.result = [i.x for i in inputs]
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


class ManyLight(FlowSpec):
    """More light tasks than have a message each."""

    @step
    def start(self):
        self.xs = range(120)
        self.next(self.each, foreach="xs")

    @step
    def each(self):
        self.x = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.result = [i.x for i in inputs] == list(range(120))
        self.next(self.end)

    @step
    def end(self):
        pass


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


class Color(StrEnum):
    RED = "red"


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
