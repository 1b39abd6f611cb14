"""Whether anything would follow if an attempt were killed for its memory: of the relay's own jobs, as they say it."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from steprelay_core import keys
from steprelay_core.spec import Step, parse_spec
from steprelay_core.state.laps import read_laps
from steprelay_core.state.model import GroupKey


class Reader(Protocol):
    """The objects of the data bucket."""

    def get(self, key: str) -> bytes: ...


def has_another_attempt(objects: Reader, parameters: Mapping[str, str], memory_mib: int) -> bool:
    """Whether the task of a job with these parameters and so much memory (MiB) has another attempt after an
    OutOfMemoryError: with more memory, or one of its `@retry`. True for jobs of others.
    """
    if not {"run", "step", "path", "submission"} <= parameters.keys():
        return True
    path = parameters["path"]
    indices = () if path == "_" else tuple(map(int, path.split(".")))
    group = GroupKey(parameters["step"], indices, read_laps(parameters.get("laps", "")))
    brief: dict[str, Any] = json.loads(objects.get(keys.brief(parameters["run"], group, parameters["submission"])))
    flow = parse_spec(objects.get(brief["package"].removesuffix(".tar.gz") + ".json"))
    return _goes_on(flow.step(group.step), brief, memory_mib)


def _goes_on(step: Step, brief: Mapping[str, Any], memory_mib: int) -> bool:
    if step.batch is not None and memory_mib < step.batch.memory_limit:
        return True
    return bool(brief["attempt"] < brief["max_attempts"])
