"""The data bucket as a dictionary."""

from collections.abc import Sequence

from steprelay_core import keys
from steprelay_core.codec import decode_outcome
from steprelay_core.spec import Flow, parse_spec
from steprelay_core.state.model import TaskKey
from steprelay_core.state.outcome import Outcome


class MemoryObjects:
    """`objects` by key; tests may put specs and outcomes straight into it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def flow(self, digest: str) -> Flow:
        key = keys.spec(digest)
        if key not in self.objects:
            raise LookupError(f"there is no package {digest} in the data bucket: {key} is missing")
        return parse_spec(self.objects[key])

    def put_once(self, key: str, body: bytes) -> bool:
        if key in self.objects:
            return False
        self.objects[key] = body
        return True

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def exists(self, key: str) -> bool:
        return key in self.objects

    def outcomes(self, run: str, tasks: Sequence[tuple[TaskKey, int]]) -> dict[tuple[TaskKey, int], Outcome]:
        found = {(task, attempt): self.objects.get(keys.outcome(run, task, attempt)) for task, attempt in tasks}
        return {
            (task, attempt): decode_outcome(body, attempt)
            for (task, attempt), body in found.items()
            if body is not None
        }
