"""What `@timeout` limits: an attempt and its waiting on a step, a whole run on a flow's class."""

import math

from steprelay.compile.arguments import Checked
from steprelay.compile.signatures import QUEUE_TIMES, TimeoutArguments


def read_limits(checked: Checked) -> dict[str, int]:
    """A step's limits as fields of the spec's step, in whole seconds."""
    checked.only(TimeoutArguments.model_fields)
    given = checked.read(TimeoutArguments)
    if given is None:
        return {}
    found = {"timeout_seconds": math.ceil(given.total), "queue_timeout_seconds": math.ceil(given.queue_total)}
    limits = {name: seconds for name, seconds in found.items() if seconds}
    if not limits and not checked.problems:
        checked.say("gives no time", "for example @timeout(hours=2)")
    return limits


def read_run_limit(checked: Checked) -> int | None:
    """Whole seconds of a run; None where it gives none."""
    for name in QUEUE_TIMES:
        if name in checked.values:
            message = f"limits a whole run here, and {name} the waiting of one step's job"
            checked.say(message, f"put @timeout({name}=…) on the steps that are meant")
    if checked.problems:
        return None
    return read_limits(checked).get("timeout_seconds")
