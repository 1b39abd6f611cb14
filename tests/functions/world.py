"""A relay on memory ports, with the uploads, deployments and runs that the payloads of events/ speak of."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from steprelay.relay.assembly import Relay, assemble
from steprelay.relay.telemetry import logger
from steprelay_core import keys
from steprelay_core.ports import Ports, Stored
from steprelay_core.state.model import Group, GroupKey, Origin, Run
from steprelay_core.submit import Dispatch
from steprelay_core.translate import Defaults
from tests.fakes import FakeJobs, FixedClock, MemoryBus, MemoryLight, MemoryObjects, MemoryStore, MemoryTimers
from tests.fakes.schedules import MemorySchedules
from tests.fakes.uploads import MemoryUploads, Uploaded

RUN = "RobustFlow-5f2a9c01d3e7"
NOW = 1_790_000_200.0


@dataclass
class MemoryDeadLetters:
    """`letters`: (body, reason, message id)."""

    letters: list[tuple[str, str, str]] = field(default_factory=list)

    def put(self, body: str, reason: str, message_id: str) -> None:
        self.letters.append((body, reason, message_id))


class World:
    """The ports in memory and the relay on them."""

    def __init__(self, *, with_dead_letters: bool = True) -> None:
        self.store = MemoryStore()
        self.jobs = FakeJobs()
        self.light = MemoryLight()
        self.timers = MemoryTimers()
        self.bus = MemoryBus()
        self.objects = MemoryObjects()
        self.clock = FixedClock(NOW)
        self.uploads = MemoryUploads(self.objects)
        self.schedules = MemorySchedules()
        self.dead_letters = MemoryDeadLetters()
        self._ids = (f"id-{number}" for number in range(10_000))
        self._with_dead_letters = with_dead_letters
        self.relay: Relay = self.assembled()

    def assembled(self, wrapped: Callable[[Any, str], Any] = lambda port, _name: port) -> Relay:
        """A relay on these ports, as a function that just started has it; `wrapped` may put each port into another."""
        names = ("store", "jobs", "light", "timers", "bus", "objects", "uploads", "schedules", "dead_letters")
        port = {name: wrapped(getattr(self, name), name) for name in names}
        dispatch = Dispatch("steprelay", "steprelay-data", Defaults(queue="queue"), "pass", lambda: "runner/abc.zip")
        letters = port["dead_letters"] if self._with_dead_letters else None
        ports = Ports(
            port["store"], port["jobs"], port["light"], port["timers"], port["bus"], port["objects"], self.clock
        )
        return assemble(ports, port["uploads"], port["schedules"], dispatch, letters, lambda: next(self._ids))

    @property
    def announced(self) -> list[str]:
        return [event.detail_type for event in self.bus.published]

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason, _ in self.dead_letters.letters]

    def upload(self, body: bytes, event: dict[str, Any], metadata: dict[str, str] | None = None) -> Uploaded:
        """Put a package where the S3 event in an SQS payload says it is."""
        object_ = json.loads(event["Records"][0]["body"])["detail"]["object"]
        uploaded = Uploaded(body, object_.get("version-id"), metadata=metadata or {})
        self.uploads.uploaded[object_["key"]] = uploaded
        return uploaded

    def keep(self, spec: dict[str, Any], digest: str) -> None:
        """Have a package in the data bucket already."""
        self.objects.put(keys.spec(digest), json.dumps(spec).encode())

    def run(self, spec: dict[str, Any], *groups: Group, run: str = RUN, **more: Any) -> None:
        """Have a run under way, or as `more` says."""
        self.keep(spec, "d" * 64)
        self.store.save(Run(run, spec["flow"], "d" * 64, NOW - 200, Origin("upload"), **more), list(groups))

    def stored(self, run: str = RUN) -> Stored:
        stored = self.store.load(run)
        assert stored is not None
        return stored

    def group(self, key: GroupKey, run: str = RUN) -> Group:
        return self.stored(run).groups[key]


@contextmanager
def log_lines() -> Iterator[list[dict[str, Any]]]:
    """The functions' log lines as CloudWatch would have them; filled when the context ends."""
    lines: list[dict[str, Any]] = []
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger(logger.name).removeHandler(handler)
        lines += [json.loads(line) for line in written.getvalue().splitlines()]
