"""A flow that survives: one of its shards fails, is tried again, and nobody has to notice.

python examples/robust.py run
"""

from steprelay import FlowSpec, Parameter, batch, current, retry, step, timeout


class SourceUnavailable(Exception):
    """What a flaky neighbour answers on a bad day."""


def fetch(shard, first_call):
    # Stands for a service that is down when shard 5 first calls it. A new attempt is a new process, often on
    # another machine, so the attempt's number is all that the two have in common.
    if shard == 5 and first_call:
        raise SourceUnavailable(f"no answer for shard {shard}: try again")
    return range(shard * 10, shard * 10 + 10)


class RobustFlow(FlowSpec):
    """Sum numbers that come in shards, from a source that is down now and then."""

    count = Parameter("count", default=8, help="how many shards to make")

    @step
    def start(self):
        self.shards = list(range(self.count))
        # One task of `process` for each shard. On AWS they are one array job: one SubmitJob for all of them.
        self.next(self.process, foreach="shards")

    @retry(times=3, minutes_between_retries=0)  # only the shard that failed is tried again
    @timeout(minutes=10)  # for each attempt: a job that hangs costs ten minutes, not a weekend
    @batch(cpu=1, memory=256)
    @step
    def process(self):
        self.total = sum(fetch(self.input, first_call=current.retry_count == 0))
        self.next(self.join)

    @step
    def join(self, inputs):
        # All shards are here, in the order of the foreach, however often one of them was tried.
        self.result = sum(shard.total for shard in inputs)
        self.next(self.end)

    @step
    def end(self):
        print(f"The shards add up to {self.result}.")


if __name__ == "__main__":
    RobustFlow()
