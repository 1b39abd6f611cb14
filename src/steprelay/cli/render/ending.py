"""How a run ended: its artifacts, or its failure with what to do next."""

from steprelay.cli.errors import count
from steprelay.cli.render.words import duration, size
from steprelay.client.changes import Artifact, Cause, RunEnded
from steprelay_core.failure import CLASSES


def ending_lines(change: RunEnded) -> list[str]:
    """The last lines of `run` and of `runs show`."""
    took = duration(change.seconds)
    if change.status == "SUCCEEDED":
        return [f"{change.run} succeeded in {took}", *artifact_lines(change.artifacts)]
    if change.status == "CANCELLED":
        return [f"{change.run} was cancelled after {took}", _way_on("next: ", change.run)]
    lines = [f"{change.run} failed after {took}"]
    lines += cause_lines(change.run, change.failure) if change.failure else []
    return [*lines, _way_on("      ", change.run)]


def _way_on(before: str, run: str) -> str:
    return f"{before}to go on from what failed, with the same code: steprelay runs resume {run}"


def artifact_lines(artifacts: tuple[Artifact, ...]) -> list[str]:
    if not artifacts:
        return []
    names = max(len(artifact.name) for artifact in artifacts)
    types = max(len(artifact.type) for artifact in artifacts)
    return [
        f"{count(len(artifacts), 'artifact')}:",
        *(f"  {one.name:{names}}  {one.type:{types}}  {one.value or size(one.size)}" for one in artifacts),
    ]


def cause_lines(run: str, cause: Cause) -> list[str]:
    code = f", exit code {cause.exit_code}" if cause.exit_code is not None else ""
    lines = [
        f"  where   {cause.task or 'the run as a whole'}" + (f", attempt {cause.attempt}" if cause.attempt else ""),
        f"  class   {cause.failure_class}{code}",
        f"  reason  {cause.reason}",
    ]
    if cause.budget:
        lines.append(f"  retry   {cause.budget}")
    if cause.log_tail:
        lines.append("  its last lines:")
        lines += [f"    | {line}" for line in cause.log_tail]
    if (advice := advice_on(cause)) is not None:
        lines.append(f"next: {advice}")
    if cause.log_link is not None:
        lines.append(f"      in the console: {cause.log_link}")
    if cause.task:
        lines.append(f"      all it printed: steprelay logs {run} {cause.task}")
    return lines


def advice_on(cause: Cause) -> str | None:
    """What to change after such a failure."""
    known = CLASSES.get(cause.failure_class)
    return _limit_advice(cause) or _growth_advice(cause) or (known.change if known else None)


def _limit_advice(cause: Cause) -> str | None:
    """What helps where no task but the whole run took too long."""
    if cause.task or cause.failure_class != "timeout":
        return None
    return "give the run more time with @timeout on the flow's class; resumed, it gets its limit anew"


def _growth_advice(cause: Cause) -> str | None:
    """What helps where memory ran out, or seems to have, and may grow from attempt to attempt."""
    if cause.failure_class not in ("oom", "oom_suspected") or cause.memory is None or cause.max_memory is None:
        return None
    if cause.memory >= cause.max_memory:
        return f"it had all that max_memory lets it have, {cause.memory} MiB: raise max_memory"
    return f"it had {cause.memory} MiB, and may have up to {cause.max_memory}: start it with more, @batch(memory=…)"
