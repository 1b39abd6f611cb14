"""Jobs that wait for a machine, and for how long they may, as lines."""

from steprelay.cli.render.words import clock_time, duration
from steprelay.client.queued import Queued


def queued_line(queued: Queued) -> str:
    """`train waits since 09:12:00 in queue spot, at most 30 min (until 09:42:00)`."""
    tasks = f" ({queued.tasks:,} tasks)" if queued.tasks > 1 else ""
    attempt = f", attempt {queued.attempt}," if queued.attempt > 1 else ""
    queue = f" in queue {queued.queue.rpartition('/')[2]}" if queued.queue is not None else ""
    limit = f"at most {duration(queued.limit)} (until {clock_time(queued.until)})"
    return f"{queued.task}{tasks}{attempt} waits since {clock_time(queued.since)}{queue}, {limit}"
