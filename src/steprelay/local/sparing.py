"""Whether anything would follow if an attempt of one of the relay's own jobs were killed for its memory."""

from collections.abc import Mapping
from typing import Protocol

from steprelay.client.aws import AwsRelay
from steprelay.client.clients import TargetClients
from steprelay.client.target import Target
from steprelay.local.record import RelayInfo
from steprelay_core.decide.budget import judge_failure
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.laps import read_laps
from steprelay_core.state.model import Failure, GroupKey

_KILLED = Failure("oom", "OutOfMemoryError: Container killed due to memory usage", 137)


class Runs(Protocol):
    """A relay's runs and their flows."""

    def load(self, run: str) -> Stored | None: ...

    def flow(self, digest: str) -> Flow: ...


def runs_of(relay: RelayInfo) -> Runs:
    """Those of a relay that is ready."""
    told = relay.environment
    keys = (told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"])
    target = Target("local", "local", dict(relay.outputs))
    return AwsRelay(target, TargetClients(told["AWS_ENDPOINT_URL"], told["AWS_REGION"], keys))


def has_another_attempt(runs: Runs, parameters: Mapping[str, str]) -> bool:
    """Whether the task of a job with these parameters has another attempt after an OutOfMemoryError, as the relay will
    decide it: with more memory, or one of its `@retry`. True for the jobs of others.
    """
    stored = runs.load(parameters.get("run", ""))
    if stored is None:
        return True
    path = parameters["path"]
    indices = () if path == "_" else tuple(map(int, path.split(".")))
    key = GroupKey(parameters["step"], indices, read_laps(parameters.get("laps", "")))
    group = stored.groups.get(key)
    found = [one for one in group.submissions if one.id == parameters["submission"]] if group is not None else []
    if not found or stored.run.failure is not None:
        return False
    step = runs.flow(stored.run.digest).step(key.step)
    return judge_failure(step, found[0], _KILLED).again is not None
