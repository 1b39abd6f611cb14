"""Faults on purpose, so that people can watch their flow survive them. Deterministic by seed."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

# Of a job's parameters: what is new with every run, so that a flow meets the same faults each time it runs.
_NEW_EACH_RUN = frozenset({"relay", "run"})

# The part of the time within which a fault strikes that is over when it may strike first. It is about as likely in the
# first tenth of that time as in the rest: whether a job takes a moment or longer, it may be struck.
_EARLIEST = 0.005


class Fault(StrEnum):
    """What happens to one attempt."""

    SPOT = "spot"
    HOST = "host"
    OOM = "oom"


@dataclass(frozen=True, slots=True)
class Chaos:
    """Probabilities between 0 and 1.

    Per attempt: `spot` (the instance is reclaimed), `host` (the container runtime times out before the
    container starts), `oom` (the kernel kills it). Per event: `duplicate`, `lost`, `delay`. Per API call:
    `throttle`. A spot or oom fault strikes within `strike_within_seconds` of the start, mostly early, so that short
    jobs meet it as well; a delayed event comes within `delay_up_to_seconds`. `fatal` (0 or 1): whether oom also strikes
    where nothing would follow.

    Raises ValueError that names every probability outside 0 to 1.
    """

    spot: float = 0.0
    host: float = 0.0
    oom: float = 0.0
    duplicate: float = 0.0
    lost: float = 0.0
    delay: float = 0.0
    throttle: float = 0.0
    seed: int = 0
    strike_within_seconds: float = 1.0
    delay_up_to_seconds: float = 2.0
    fatal: int = 0

    def __post_init__(self) -> None:
        names = ("spot", "host", "oom", "duplicate", "lost", "delay", "throttle")
        given = {name: getattr(self, name) for name in names}
        wrong = [f"{name}={value}" for name, value in given.items() if not 0 <= value <= 1]
        if wrong:
            raise ValueError(f"chaos probabilities lie between 0 and 1; given: {', '.join(wrong)}")


def parse_chaos(text: str) -> Chaos:
    """Chaos as people write it: `spot=0.2,duplicate=0.3,seed=7`; none for an empty text.

    Raises:
        ValueError: naming every part that cannot be used.
    """
    known = {field.name: field.type for field in fields(Chaos)}
    values: dict[str, float] = {}
    problems: list[str] = []
    for part in filter(None, text.split(",")):
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            values[name] = {float: float, int: int}[known[name]](value)  # type: ignore[index]
        except KeyError:
            problems.append(f"there is no {name!r}; known: {', '.join(known)}")
        except ValueError:
            problems.append(f"{name} must be a number, given {value!r}")
    if problems:
        raise ValueError("; ".join(problems))
    return Chaos(**values)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault and how many seconds after the attempt's start it comes."""

    fault: Fault
    after_seconds: float


def who(job_name: str, parameters: Mapping[str, str]) -> str:
    """By what a job is known to chance: never by its id, which is random, nor by what is new with each run."""
    lasting = {name: value for name, value in parameters.items() if name not in _NEW_EACH_RUN}
    return "/".join(f"{name}={value}" for name, value in sorted(lasting.items())) or job_name


def strike(chaos: Chaos, job: str, index: int | None, attempt: int) -> Strike | None:
    """The fault that this attempt of a job (see `who`) meets, if any."""
    if not (chaos.spot or chaos.host or chaos.oom):
        return None
    dice = _dice(chaos, "attempt", job, index, attempt)
    for fault, probability in ((Fault.HOST, chaos.host), (Fault.SPOT, chaos.spot), (Fault.OOM, chaos.oom)):
        if dice.random() < probability:
            return Strike(fault, chaos.strike_within_seconds * _EARLIEST ** dice.random())
    return None


def deliveries(chaos: Chaos, job: str, index: int | None, attempt: int, status: str) -> tuple[float, ...]:
    """The delays in seconds at which one event is delivered: none when lost, two when duplicated."""
    if not (chaos.lost or chaos.duplicate or chaos.delay):
        return (0.0,)
    dice = _dice(chaos, "event", job, index, attempt, status)
    if dice.random() < chaos.lost:
        return ()
    copies = 2 if dice.random() < chaos.duplicate else 1
    return tuple(
        dice.uniform(0, chaos.delay_up_to_seconds) if dice.random() < chaos.delay else 0.0 for _ in range(copies)
    )


def throttled(chaos: Chaos, operation: str, nth_call: int) -> bool:
    """Whether the nth call of an operation is refused with TooManyRequestsException."""
    return bool(chaos.throttle) and _dice(chaos, "call", operation, nth_call).random() < chaos.throttle


def _dice(chaos: Chaos, *key: object) -> random.Random:
    # A generator per decision: what one job meets must not depend on which thread asked first.
    return random.Random("/".join(str(part) for part in (chaos.seed, *key)))  # noqa: S311 - not cryptography
