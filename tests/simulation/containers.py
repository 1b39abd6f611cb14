"""What runs in containers and in the light function: the runner's own claim and outcome around planned user code."""

import hashlib
import itertools
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, TypeVar

from steprelay.runner.brief import Task, read_brief, task_of
from steprelay.runner.claim import Claim, claim
from steprelay.runner.fallback import fall_back
from steprelay.runner.leaving import LEFT_EXIT_CODE, code_of_leaving
from steprelay.runner.light import RESERVE_SECONDS, LightResult, answer_again
from steprelay.runner.light_message import LightFunction, Report
from steprelay.runner.outcome import Attempt, Failure, Outcome, write_outcome
from steprelay.runner.presumption import unfounded
from steprelay.runner.store import Missing
from tests.simulation.batch import Unit, overrides
from tests.simulation.record import Record
from tests.simulation.scheduler import AnswerLost, Scheduler, Throttled
from tests.simulation.user_code import Plan

T = TypeVar("T")

KILLED = 137
LIGHT_SECONDS = 900.0
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


class RunnerStore:
    """The data bucket as the runner uses it: the relay's own dictionary, with conditional writes."""

    def __init__(self, scheduler: Scheduler, record: Record, bodies: dict[str, bytes]) -> None:
        self._s, self._record, self._bodies = scheduler, record, bodies

    def get(self, key: str) -> bytes:
        return self._call("get", key, lambda: self._get(key))

    def get_tagged(self, key: str) -> tuple[bytes, str]:
        body = self.get(key)
        return body, _etag(body)

    def put_once(self, key: str, body: bytes) -> bool:
        def put() -> bool:
            if key in self._bodies:
                return False
            self._bodies[key] = body
            self._record.written.add(key)
            return True

        return self._call("put once", key, put, repeat=True)

    def put_if_match(self, key: str, body: bytes, etag: str) -> bool:
        def put() -> bool:
            if _etag(self._bodies[key]) != etag:
                return False
            self._bodies[key] = body
            return True

        return self._call("replace", key, put)

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self.get(key)[first : last + 1]

    def download(self, key: str, into: BinaryIO) -> None:
        into.write(self.get(key))

    def exists(self, key: str) -> bool:
        return key in self._bodies

    def put(self, key: str, body: bytes) -> None:
        self._bodies[key] = body

    def upload(self, key: str, body: BinaryIO, size: int) -> None:
        self.put(key, body.read())

    def list_keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self._bodies if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._bodies.pop(key, None)

    def after_fork(self) -> None:
        pass

    def _get(self, key: str) -> bytes:
        if key not in self._bodies:
            raise Missing(key)
        return self._bodies[key]

    def _call(self, what: str, key: str, do: Callable[[], T], *, repeat: bool = False) -> T:
        """Whoever runs in a container asks again, as botocore does, until it would be strange to go on."""
        for left in reversed(range(8)):
            try:
                return self._s.call(f"{what} {key.split('/', 2)[-1]}", do, repeat=repeat)
            except (Throttled, AnswerLost):
                if not left:
                    raise
        raise AssertionError


def _etag(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


class Containers:
    """The bodies of containers and of the light function. `looks`: whether chained ones look at what they presume."""

    def __init__(
        self, scheduler: Scheduler, record: Record, bodies: dict[str, bytes], plan: Plan, *, looks: bool = True
    ) -> None:
        self._s, self._record, self._plan, self._looks = scheduler, record, plan, looks
        self._store = RunnerStore(scheduler, record, bodies)
        self._serial = itertools.count(1)

    def batch(self, unit: Unit, attempt: int) -> int:
        """A job's container; its exit code."""
        try:
            return self._batch(unit, attempt)
        except (Throttled, AnswerLost, Missing):
            return 1

    def _batch(self, unit: Unit, attempt: int) -> int:
        """As `steprelay.runner.main`."""
        environment = {each["name"]: each["value"] for each in overrides(unit.job.request)["environment"]}
        if "STEPRELAY_BRIEF" not in environment:
            return self._without_runner(unit)
        brief = read_brief(self._store.get(environment["STEPRELAY_BRIEF"].split("/", 3)[3]))
        task, began = task_of(brief, unit.index), self._s.clock()
        mine = Claim(unit.id, attempt, f"runner:{next(self._serial)}", began)
        if self._looks and (why := unfounded(self._store, task)) is not None:
            self._s.say(f"  {unit.id} leaves, since {why}")
            return LEFT_EXIT_CODE
        taken = claim(self._store, task, mine)
        if taken is not None:
            self._s.say(f"  {unit.id} finds its claim taken by {taken.owner}")
            return code_of_leaving(self._store, task, mine, taken)
        self._record.claim_passed(task, mine)
        return self._make_attempt(task, Attempt(unit.id, attempt, began), unit)

    def light(self, message: dict[str, Any], report: Report, again: Callable[[dict[str, Any]], None]) -> None:
        """One delivery of a light message."""
        deadline = self._s.clock() + LIGHT_SECONDS
        LightFunction(self._store, deadline, report, again, run=self._light, clock=self._s.clock).handle(message)

    def _light(self, task: Task, _store: object, deadline: float, *_: object, **__: object) -> LightResult:
        """As `steprelay.runner.light`."""
        now = self._s.clock()
        mine = Claim(None, None, f"light:{next(self._serial)}", now, until=deadline)
        taken = claim(self._store, task, mine)
        if taken is not None:
            return answer_again(self._store, task, taken, now)
        self._record.claim_passed(task, mine)
        with self._record.at_work(task):
            if task.brief.fallback:
                return LightResult(task, fall_back(task, self._store, now))
            self._make_attempt(task, Attempt(None, None, now), None, deadline - RESERVE_SECONDS - now)
        return LightResult(task, None)

    def _without_runner(self, unit: Unit) -> int:
        parameters = unit.job.request["parameters"]
        self._s.sleep(1.0)
        return 1 if self._plan.keeps_from_starting(parameters | {"submission": "exit"}, unit.index) else 0

    def _make_attempt(self, task: Task, attempt: Attempt, unit: Unit | None, left: float | None = None) -> int:
        """User code, and what is left of it: an outcome, or an exit code alone. `left`: of a light function's time."""
        ending, seconds = self._plan.ending(task), self._plan.seconds(task)
        limit = min((limit for limit in (task.brief.timeout_seconds, left) if limit is not None), default=None)
        if self._s.dice.strike("frozen", self._s.place):
            self._s.sleep(self._s.random.choice((100.0, 2000.0)))
        if limit is not None and (seconds > limit or ending == "hangs"):
            self._s.sleep(limit)
            self._record.gave_up_on_time(task)
            return self._leave(task, attempt, _failed(task, Failure("timeout", "Timeout", "too long")))
        self._s.sleep(seconds)
        if unit is not None and ending in ("killed", "out of memory"):
            unit.container_reason = OUT_OF_MEMORY if ending == "out of memory" else ""
            return KILLED
        if unit is not None and ending == "silent success":
            return 0
        if ending != "success":
            code = self._leave(task, attempt, _failed(task, Failure("program", "Boom", "as planned")))
            # A script around the image's command may lose the exit code.
            return 0 if ending == "swallowed" else code
        return self._leave(task, attempt, self._success(task))

    def _success(self, task: Task) -> Outcome:
        way = self._plan.way(task)
        fans_out = way is not None and task.brief.ways[way].foreach is not None
        count = self._plan.items(task) if fans_out else None
        if way is not None and count == 0 and task.brief.ways[way].empty == "fail":
            return Outcome("failed", failure=Failure("program", "InvalidNext", "no items"))
        return Outcome("succeeded", transition=way, foreach_count=count)

    def _leave(self, task: Task, attempt: Attempt, outcome: Outcome) -> int:
        written = write_outcome(self._store, task, attempt, outcome, self._s.clock())
        return 0 if written.succeeded else 1


def _failed(task: Task, failure: Failure) -> Outcome:
    """As `steprelay.runner.perform.settle`."""
    brief = task.brief
    static = not brief.ways or (len(brief.ways) == 1 and brief.ways[0].foreach is None)
    if brief.catch is None or not brief.is_last(failure.class_, failure.exit_code) or not static:
        return Outcome("failed", failure=failure)
    return Outcome("succeeded", transition=0 if brief.ways else None, caught=True)
