"""The engine's ports in memory: each call a place where others act, where it may fail, or where the caller dies."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import ceil
from typing import Any

from steprelay_core import keys
from steprelay_core.commands import Announce
from steprelay_core.inbound import Upload
from steprelay_core.pace import BookedSeconds
from steprelay_core.ports import Attempt, Ended, UploadHead
from steprelay_core.spec import Flow, parse_spec
from steprelay_core.state.claim import Claimed
from steprelay_core.state.model import GroupKey
from steprelay_core.state.outcome import Outcome
from steprelay_core.state.ranges import Ranges
from tests.fakes import MemoryObjects
from tests.fakes.uploads import MemoryUploads
from tests.simulation.facts import Buried, Published
from tests.simulation.queues import Queue
from tests.simulation.record import Record
from tests.simulation.scheduler import Scheduler

# As in `aws/timers.py`: SQS delays to the second, EventBridge Scheduler within a minute.
SQS_DELAY_LIMIT = 900
SCHEDULER_PRECISION = 60.0
_SQS_BATCH = 10
# How far ahead (seconds) a crowd has booked.
OTHERS_BOOK_AHEAD = 60.0


class SimulatedClock:
    """Every function reads a clock of its own."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._s = scheduler

    def now(self) -> float:
        return self._s.clock()

    def sleep(self, seconds: float) -> None:
        self._s.sleep(seconds)


class SimulatedPace(BookedSeconds):
    """Counts in memory, behind the scheduler; `limit` jobs a second, 0 for any number; `taken`: how many are booked for
    each."""

    def __init__(self, scheduler: Scheduler, limit: int) -> None:
        super().__init__(lambda second: scheduler.call(f"book {second}", lambda: self._count(second)), scheduler.random)
        self._s, self.limit = scheduler, limit
        self.taken: dict[int, int] = defaultdict(int)

    def book(self, now: float) -> float:
        return super().book(now) if self.limit else now

    def _count(self, second: int) -> bool:
        others = second < self._s.now + OTHERS_BOOK_AHEAD and self._s.dice.strike("busy", "account")
        if self.taken[second] >= self.limit or others:
            return False
        self.taken[second] += 1
        return True


class SimulatedLight:
    """The light queue, ten messages a call: a caller may die in between."""

    def __init__(self, scheduler: Scheduler, record: Record, queue: Queue) -> None:
        self._s, self._record, self._queue = scheduler, record, queue

    def invoke(self, messages: Sequence[dict[str, Any]]) -> None:
        for first in range(0, len(messages), _SQS_BATCH):
            part = messages[first : first + _SQS_BATCH]
            self._s.call(f"send {len(part)} to light", partial(self._send, part), repeat=True)

    def _send(self, messages: Sequence[dict[str, Any]]) -> None:
        for message in messages:
            self._queue.put(message)
            self._record.sent_to_light(message)

    def again(self, message: dict[str, Any]) -> None:
        """The light function's own: what it had no time for."""
        self._s.call("send the rest to light", partial(self._send, [message]), repeat=True)


class SimulatedTimers:
    """SQS delays; beyond them one-time schedules, of which there is one of a name."""

    def __init__(self, scheduler: Scheduler, record: Record, queue: Queue) -> None:
        self._s, self._record, self._queue = scheduler, record, queue
        self._scheduled: set[str] = set()

    def start(self, name: str, message: dict[str, Any], due: float) -> None:
        delay = ceil(max(0.0, due - self._s.clock()))
        self._s.call(f"timer {name}", lambda: self._start(name, message, delay, due), repeat=True)

    def _start(self, name: str, message: dict[str, Any], delay: int, due: float) -> None:
        self._record.timers.add(name)
        if delay <= SQS_DELAY_LIMIT:
            self._queue.put(message, delay)
        elif name not in self._scheduled:
            self._scheduled.add(name)
            late = self._s.random.choice((0.0, 1.0, SCHEDULER_PRECISION))
            self._s.at(ceil(due) - SCHEDULER_PRECISION + late, lambda: self._fire(name, message))

    def _fire(self, name: str, message: dict[str, Any]) -> None:
        self._scheduled.discard(name)
        self._queue.put(message)


class SimulatedBus:
    """Remembers what was announced."""

    def __init__(self, scheduler: Scheduler, record: Record) -> None:
        self._s, self._record = scheduler, record

    def publish(self, events: Sequence[Announce]) -> None:
        self._s.call(f"publish {', '.join(event.id for event in events)}", lambda: self._publish(events), repeat=True)

    def _publish(self, events: Iterable[Announce]) -> None:
        for event in events:
            self._record.happened(Published(event))
            self._record.published[event.id] += 1


class SimulatedObjects:
    """The data bucket. Flows are parsed once, as the functions do."""

    def __init__(self, scheduler: Scheduler, real: MemoryObjects) -> None:
        self._s, self._real = scheduler, real
        self._flows: dict[str, Flow] = {}

    def flow(self, digest: str) -> Flow:
        if digest not in self._flows:
            self._flows[digest] = parse_spec(self._s.call("get spec", lambda: self._real.objects[keys.spec(digest)]))
        return self._flows[digest]

    def put_once(self, key: str, body: bytes) -> bool:
        return self._s.call(f"put once {_short(key)}", lambda: self._real.put_once(key, body), repeat=True)

    def put(self, key: str, body: bytes) -> None:
        self._s.call(f"put {_short(key)}", lambda: self._real.put(key, body), repeat=True)

    def exists(self, key: str) -> bool:
        return self._s.call(f"head {_short(key)}", lambda: self._real.exists(key))

    def claims(self, run: str, tasks: Sequence[Attempt]) -> dict[Attempt, Claimed | None]:
        return self._s.call(f"get {len(tasks)} claims", lambda: self._real.claims(run, tasks))

    def ended(self, run: str, group: GroupKey, attempt: int, members: Ranges) -> Ended:
        return self._s.call(f"list {group.step}", lambda: self._real.ended(run, group, attempt, members))

    def fence(self, run: str, tasks: Sequence[Attempt], seen: Mapping[Attempt, Claimed | None]) -> list[Attempt]:
        """One request for each: others may act in between."""
        lost = []
        for attempt in tasks:
            fence = partial(self._real.fence, run, [attempt], {attempt: seen[attempt]} if attempt in seen else {})
            lost += self._s.call(f"fence {_short(keys.claim(run, *attempt))}", fence, repeat=True)
        return lost

    def outcomes(self, run: str, tasks: Sequence[Attempt]) -> dict[Attempt, Outcome]:
        return self._s.call(f"get {len(tasks)} outcomes", lambda: self._real.outcomes(run, tasks))


class SimulatedUploads:
    """The package bucket."""

    def __init__(self, scheduler: Scheduler, real: MemoryUploads) -> None:
        self._s, self._real = scheduler, real

    def head(self, upload: Upload) -> UploadHead | None:
        return self._s.call("head upload", lambda: self._real.head(upload))

    def read(self, upload: Upload, start: int, size: int) -> bytes:
        return self._s.call("read upload", lambda: self._real.read(upload, start, size))

    def store(self, upload: Upload, head: UploadHead) -> str:
        return self._s.call("copy upload", lambda: self._real.store(upload, head), repeat=True)

    def tag(self, upload: Upload, tags: dict[str, str]) -> None:
        self._s.call("tag upload", lambda: self._real.tag(upload, tags), repeat=True)


class SimulatedDeadLetters:
    """Where the functions put what no redelivery can mend."""

    def __init__(self, scheduler: Scheduler, record: Record) -> None:
        self._s, self._record = scheduler, record

    def put(self, body: str, reason: str, message_id: str) -> None:
        def bury() -> None:
            self._record.happened(Buried(body, reason))
            self._record.buried.add(body)

        self._s.call(f"bury {message_id}: {reason}", bury, repeat=True)


def _short(key: str) -> str:
    return key.split("/", 2)[-1]
