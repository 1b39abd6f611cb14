"""Sweeps at short intervals, where a relay loses events on purpose."""

from typing import Any

from steprelay.local.sweeping import Sweeping
from tests.local.relay.support import eventually


class Functions:
    """CloudFormation and Lambda of a relay, of which the first call fails."""

    def __init__(self) -> None:
        self.invoked: list[str] = []

    def describe_stack_resource(self, *, StackName: str, LogicalResourceId: str) -> dict[str, Any]:
        return {"StackResourceDetail": {"PhysicalResourceId": f"{StackName}-{LogicalResourceId}-1"}}

    def invoke(self, *, FunctionName: str) -> None:
        self.invoked.append(FunctionName)
        if len(self.invoked) == 1:
            raise ConnectionError


def test_a_sweep_that_fails_is_followed_by_others_until_the_relay_stops() -> None:
    functions = Functions()
    sweeping = Sweeping(lambda _service: functions, seconds=0.01)
    sweeping.start()
    eventually(lambda: len(functions.invoked) >= 3)
    sweeping.stop()
    sweeping.join(10)
    assert not sweeping.is_alive()
    assert {*functions.invoked} == {"steprelay-SweepFunction-1"}
