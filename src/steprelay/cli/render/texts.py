"""What a change says by itself, whichever view shows it."""

from steprelay.cli.render import lines
from steprelay.cli.render.ending import ending_lines
from steprelay.client.changes import (
    AttemptFailed,
    Change,
    HookChanged,
    JobStuck,
    OutputLine,
    RunEnded,
    RunSeen,
    TaskChanged,
    Waiting,
)


def change_lines(change: Change) -> list[str]:
    """The lines of a single change; none for progress, of which each view tells in its own way."""
    match change:
        case Waiting():
            return [lines.waiting_line(change)]
        case RunSeen():
            return [lines.seen_line(change)]
        case TaskChanged():
            return [lines.task_line(change)]
        case OutputLine():
            return [lines.output_line(change)]
        case AttemptFailed():
            return [lines.failed_line(change)]
        case JobStuck():
            return lines.stuck_lines(change)
        case HookChanged():
            return [lines.hook_line(change)]
        case RunEnded():
            return ending_lines(change)
    return []
