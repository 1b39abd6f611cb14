# mypy: ignore-errors
"""Flows that run a step once for each item. Each leaves in `result` what only right order and inputs can make of it."""

from steprelay import FlowSpec, batch, current, step


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
