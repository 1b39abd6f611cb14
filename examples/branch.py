"""Two steps at the same time, and a join that brings them together.

python examples/branch.py run
"""

from steprelay import FlowSpec, batch, step


class BranchFlow(FlowSpec):
    """Look at the same words in two ways at once."""

    @step
    def start(self):
        self.words = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"]
        # Several steps in one self.next are branches: they run side by side.
        self.next(self.variety, self.longest)

    @batch(cpu=1, memory=256)
    @step
    def variety(self):
        self.different = len(set(self.words))
        self.next(self.join)

    @step
    def longest(self):
        self.word = max(self.words, key=len)
        self.next(self.join)

    @step
    def join(self, inputs):
        # Branches are found by the name of their last step.
        self.different = inputs.variety.different
        self.word = inputs.longest.word
        # What all branches agree on is taken over as it is; here, `words`.
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        print(f"{len(self.words)} words, {self.different} of them different, the longest is {self.word!r}.")


if __name__ == "__main__":
    BranchFlow()
