"""What a step needs, in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steprelay.cli.errors import count

if TYPE_CHECKING:
    from steprelay_core.spec import Batch, Retry, Step

LONGEST_LINE = 100


def needs_lines(step: "Step") -> list[str]:
    """Where it runs and with what, how often and how long, and what follows its failure."""
    needs = _batch_lines(step.batch) if step.batch else ["light: runs in the relay's own function"]
    if step.environment:
        needs.append(f"environment: {shortened(said(step.environment), LONGEST_LINE)}")
    if step.retry is not None:
        needs.append(retry_words(step.retry))
    if step.timeout_seconds is not None:
        needs.append(f"at most {step.timeout_seconds} s an attempt")
    if step.queue_timeout_seconds is not None:
        needs.append(f"waits at most {step.queue_timeout_seconds} s for a machine")
    if step.catch is not None:
        needs.append("goes on after its last failure" + (f", with it in {step.catch.var}" if step.catch.var else ""))
    if step.command is not None:
        needs.append(f"runs {' '.join(step.command)}")
    return needs


def retry_words(retry: "Retry") -> str:
    """`up to 2 retries, 2 min apart, each wait up to 20 % shorter or longer, after program, timeout only`."""
    if retry.times == 0:
        return "never tried again"
    words = [f"up to {count(retry.times, 'retry').replace('retrys', 'retries')}"]
    words.append(f"{retry.minutes_between_retries:g} min apart")
    if retry.backoff > 1:
        words.append(f"each wait {retry.backoff:g} times the last")
    if retry.jitter:
        words.append(f"each wait up to {100 * retry.jitter:g} % shorter or longer")
    if retry.on is not None:
        words.append(f"after {', '.join(retry.on)} only")
    if retry.exit_codes_no_retry:
        words.append(f"not after exit code {', '.join(map(str, retry.exit_codes_no_retry))}")
    if retry.memory_factor is not None:
        words.append(f"with {retry.memory_factor:g} times the memory where it ran out")
    return ", ".join(words)


def _batch_lines(batch: "Batch") -> list[str]:
    """Plain values on one line; of lists and mappings one a line."""
    given = batch.model_dump(mode="json", exclude_defaults=True)
    asked = {"cpu": batch.cpu, "memory": batch.memory} | given
    many = {name: value for name, value in asked.items() if isinstance(value, (list, dict))}
    plain = ", ".join(f"{name} {parameter_words(name, value)}" for name, value in asked.items() if name not in many)
    return [f"AWS Batch: {plain}", *(f"{name}: {parameter_words(name, value)}" for name, value in many.items())]


def parameter_words(name: str, value: Any) -> str:
    """A value of `batch` as the spec keeps it, in the way people would say it."""
    match name, value:
        case "queue", list():
            return ", then ".join(value)
        case (("host_volumes" | "efs_volumes"), list()):
            return ", ".join(_volume(volume) for volume in value)
        case "ulimits", dict():
            return ", ".join(f"{limit}={_limit(bounds)}" for limit, bounds in value.items())
    return said(value)


def said(value: Any) -> str:
    """Mappings as `name=value, …`, lists with commas, and no quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={said(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(said(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _volume(volume: Mapping[str, Any]) -> str:
    source = volume.get("source") or volume["filesystem"]
    root = volume.get("root", "/")
    parts = [f"{source}{root if root != '/' else ''} at {volume['target']}"]
    if volume.get("access_point"):
        parts.append(f"by access point {volume['access_point']}")
    if volume.get("iam"):
        parts.append("with the job's role")
    if volume.get("read_only"):
        parts.append("read-only")
    return " ".join(parts)


def _limit(bounds: Mapping[str, int]) -> str:
    soft, hard = bounds["soft"], bounds["hard"]
    return str(soft) if soft == hard else f"{soft}:{hard}"
