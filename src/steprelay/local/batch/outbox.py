"""One thread that hands events and log lines to the outside, in order, so that the engine never waits."""

import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

EventSink = Callable[[dict[str, Any]], None]
LogSink = Callable[[str, str, list[tuple[int, str]]], None]
Line = tuple[int, str]

DELIVERY_LINES = 1_000  # lines of one stream that are gathered into one delivery

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Lines:
    group: str
    stream: str
    lines: list[Line]

    def takes(self, group: str, stream: str) -> bool:
        return self.stream == stream and self.group == group and len(self.lines) < DELIVERY_LINES


class Outbox:
    """A job's lines leave before the event that ends it. `line_limit`: when `congested` turns true."""

    def __init__(self, events: EventSink, logs: LogSink, line_limit: int = 50_000) -> None:
        self._events = events
        self._logs = logs
        self._line_limit = line_limit
        self._changed = threading.Condition()
        self._queue: deque[dict[str, Any] | _Lines] = deque()
        self._delayed: list[tuple[float, int, dict[str, Any]]] = []
        self._numbered = 0
        self._lines_waiting = 0
        self._closing = False
        self._thread = threading.Thread(target=self._deliver, name="local-batch-outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout_seconds: float) -> None:
        """Deliver what is due, drop what is delayed, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)

    @property
    def congested(self) -> bool:
        """Whether readers should leave output in the pipes for now."""
        return self._lines_waiting > self._line_limit

    def event(self, event: dict[str, Any], delay_seconds: float = 0.0) -> None:
        with self._changed:
            if delay_seconds > 0:
                self._numbered += 1
                due = time.monotonic() + delay_seconds
                heapq.heappush(self._delayed, (due, self._numbered, event))
            else:
                self._queue.append(event)
            self._changed.notify()

    def lines(self, group: str, stream: str, lines: list[Line]) -> None:
        if not lines:
            return
        with self._changed:
            last = self._queue[-1] if self._queue else None
            if isinstance(last, _Lines) and last.takes(group, stream):
                last.lines.extend(lines)
            else:
                self._queue.append(_Lines(group, stream, lines))
            self._lines_waiting += len(lines)
            self._changed.notify()

    def _deliver(self) -> None:
        while (item := self._next()) is not None:
            try:
                if isinstance(item, _Lines):
                    self._logs(item.group, item.stream, item.lines)
                else:
                    self._events(item)
            except Exception:
                # A sink that fails must not end the deliveries of every other job.
                logger.exception("a sink of the local Batch refused a delivery")

    def _next(self) -> dict[str, Any] | _Lines | None:
        with self._changed:
            while True:
                now = time.monotonic()
                while self._delayed and self._delayed[0][0] <= now:
                    self._queue.append(heapq.heappop(self._delayed)[2])
                if self._queue:
                    item = self._queue.popleft()
                    if isinstance(item, _Lines):
                        self._lines_waiting -= len(item.lines)
                    return item
                if self._closing:
                    return None
                self._changed.wait(self._delayed[0][0] - now if self._delayed else None)
