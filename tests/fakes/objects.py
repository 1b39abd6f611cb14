"""The data bucket as a dictionary."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from steprelay_core import keys
from steprelay_core.codec import decode_outcome
from steprelay_core.ports import Attempt, Ended
from steprelay_core.spec import Flow, parse_spec
from steprelay_core.state.claim import Claimed, decode_claim, encode_fence
from steprelay_core.state.model import GroupKey, TaskKey
from steprelay_core.state.outcome import Outcome
from steprelay_core.state.ranges import Ranges


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

    def ended(self, run: str, group: GroupKey, attempt: int, members: Ranges) -> Ended:
        def there(key: Callable[[str, TaskKey, int], str]) -> Ranges:
            return Ranges.collect(each for each in members if key(run, group.task(each), attempt) in self.objects)

        return Ended(there(keys.outcome), there(keys.failed_mark), there(keys.caught_mark))

    def claims(self, run: str, tasks: Sequence[Attempt]) -> dict[Attempt, Claimed | None]:
        return {attempt: self._claim(keys.claim(run, *attempt)) for attempt in tasks}

    def fence(self, run: str, tasks: Sequence[Attempt], seen: Mapping[Attempt, Claimed | None]) -> list[Attempt]:
        lost = []
        for attempt in tasks:
            key = keys.claim(run, *attempt)
            there = self._claim(key)
            if there is not None and there.fenced:
                continue
            if attempt in seen and seen[attempt] != there:
                lost.append(attempt)
            else:
                self.objects[key] = encode_fence(there)
        return lost

    def _claim(self, key: str) -> Claimed | None:
        body = self.objects.get(key)
        return None if body is None else decode_claim(body, sha256(body).hexdigest())

    def outcomes(self, run: str, tasks: Sequence[Attempt]) -> dict[Attempt, Outcome]:
        found = {(task, attempt): self.objects.get(keys.outcome(run, task, attempt)) for task, attempt in tasks}
        return {
            (task, attempt): decode_outcome(body, attempt)
            for (task, attempt), body in found.items()
            if body is not None
        }
