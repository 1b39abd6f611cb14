# mypy: ignore-errors
"""Splits in each other. Each leaves in `result` what only the right order and inputs can make of it."""

from steprelay import FlowSpec, batch, current, step


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
