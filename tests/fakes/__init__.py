"""The ports of the engine in memory, with the semantics that the AWS adapters have (tests/contract compares them)."""

from tests.fakes.clock import FixedClock
from tests.fakes.jobs import FakeJobs
from tests.fakes.messages import MemoryBus, MemoryLight, MemoryTimers
from tests.fakes.objects import MemoryObjects
from tests.fakes.store import MemoryStore

__all__ = ["FakeJobs", "FixedClock", "MemoryBus", "MemoryLight", "MemoryObjects", "MemoryStore", "MemoryTimers"]
