"""Random flows: lines, branches, foreachs, loops and choices, nested, light and on Batch, with random policies."""

from random import Random
from typing import Any

from tests.simulation.batch import FULL, SLOW

KINDS = ("step", "foreach", "foreach", "array", "branch", "choice", "loop", "loop")


class FlowMaker:
    """`depth`: how deep splits may be nested in each other, from 0."""

    def __init__(self, random: Random, depth: int) -> None:
        self._random = random
        self._depth = depth
        self._steps: dict[str, dict[str, Any]] = {}
        self._foreachs = 0
        # Of their own, so that the rest of a flow is as it would be without windows and budgets.
        self._windows = Random(random.random())
        self._policies = Random(str(random.getstate()[1][0]))
        self._catches = Random(self._windows.random())
        self._queues = Random(f"queues of {random.getstate()}")

    def make(self, name: str) -> dict[str, Any]:
        """A spec as a package holds it."""
        last = self._step()
        first = self._chain(last, self._depth)
        if self._depth and self._random.random() < 0.5:
            first = self._array(first)
        spec: dict[str, Any] = {"spec_version": 1, "flow": name, "start": first, "steps": self._steps}
        if self._random.random() < 0.1:
            spec["timeout_seconds"] = self._random.choice((60, 600, 3000))
        if self._windows.random() < 0.2:
            spec["max_workers"] = self._windows.choice((1, 2, 4))
        # Drawn last, so that the rest of a flow is as it would be without hooks.
        if self._windows.random() < 0.3:
            spec["hooks"] = self._hooks()
        if self._queues.random() < 0.3:
            self._limit_waiting()
        return spec

    def _hooks(self) -> list[dict[str, Any]]:
        ends = self._windows.choice((["success"], ["error"], ["success", "error"]))
        return [{"name": f"hook{number}", "on": on, "command": ["run"]} for number, on in enumerate((ends, ["error"]))]

    def _limit_waiting(self) -> None:
        """What may not wait for ever may have to; what is limited is chained to nothing."""
        random = self._queues
        for step in self._steps.values():
            if "batch" in step and random.random() < 0.5:
                queues = (SLOW, FULL, [FULL, "queue"], [SLOW, "queue"], [FULL, SLOW])
                (queue,) = random.choices(queues, (4, 1, 3, 3, 2))
                step["batch"] = step["batch"] | {"queue": queue}
                step["queue_timeout_seconds"] = random.choice((20, 100, 300))

    def make_wide(self, name: str) -> dict[str, Any]:
        """A foreach in a foreach, the outer one of many items."""
        self._foreachs = 1
        joined = self._step(next=self._step(next=self._step(), join=True), join=True)
        body = self._step(next=joined)
        first = self._step(next={"to": [self._step(next={"to": [body], "foreach": "items"})], "foreach": "items"})
        # Long enough to be cancelled.
        self._steps[body].pop("timeout_seconds", None)
        return {"spec_version": 1, "flow": name, "start": first, "steps": self._steps}

    def _step(self, **more: Any) -> str:
        random, name = self._random, f"s{len(self._steps) + 1}"
        step: dict[str, Any] = {"command": ["run"], **more}
        if random.random() < 0.7:
            step["batch"] = {"num_parallel": 2} if random.random() < 0.1 else {}
        if random.random() < 0.7:
            wait = random.choice((0, 0, 0.05, 1, 20))
            step["retry"] = {"times": random.choice((1, 2, 4)), "minutes_between_retries": wait}
            if wait == 1:
                step["retry"]["backoff"] = random.choice((1, 2))
            step["retry"] |= self._policy()
        if "batch" in step and self._policies.random() < 0.3:
            step["batch"] |= self._policies.choice(({"max_memory": 10_000}, {"queue": ["queue", "other"]}))
        if self._catches.random() < 0.25:
            step["catch"] = {"var": "problem"}
        if random.random() < 0.2:
            step["timeout_seconds"] = random.choice((30, 100))
        elif not self._foreachs and set(more) == {"next"} and isinstance(more["next"], str) and random.random() < 0.05:
            step |= {"package": False, "batch": {"image": "image"}}
        self._steps[name] = step
        return name

    def _policy(self) -> dict[str, Any]:
        """What `@retry` may say beyond how often and when."""
        chance, more = self._policies, dict[str, Any]()
        if chance.random() < 0.1:
            more["times"] = 0
        if chance.random() < 0.2:
            more["jitter"] = chance.choice((0.1, 1))
        if chance.random() < 0.2:
            more["memory_factor"] = chance.choice((1, 1.5, 3))
        if chance.random() < 0.2:
            more["on"] = chance.choice((["program"], ["spot", "timeout", "oom"], ["host", "unknown"]))
        if chance.random() < 0.1:
            more["exit_codes_no_retry"] = [1]
        return more

    def _chain(self, to: str, depth: int) -> str:
        """Steps that lead to `to`; the first of them."""
        for _ in range(self._random.choice((1, 1, 2)) if self._depth else 1):
            to = self._block(to, depth)
        return to

    def _foreach(self, join: str, depth: int) -> dict[str, Any]:
        self._foreachs += 1
        is_line = self._random.random() < 0.25
        body = self._line(join) if is_line else self._chain(join, depth - 1)
        self._foreachs -= 1
        empty = "fail" if self._random.random() < 0.1 else "join"
        way: dict[str, Any] = {"to": [body], "foreach": "items", "empty": empty}
        # What has a window is not chained.
        if self._windows.random() < (0.2 if is_line else 0.7):
            way["max_workers"] = self._windows.choice((1, 1, 2, 3, 17))
        return way

    def _line(self, to: str, **more: Any) -> str:
        """Steps on Batch one after the other: within a foreach their arrays are chained."""
        for _ in range(self._random.choice((1, 2, 2, 3))):
            to = self._step(next=to)
            self._steps[to] |= {"batch": {}, **more}
        return to

    def _split(self, to: str, depth: int) -> str:
        # Its join may start another foreach.
        join = self._step(next=to, join=True)
        if self._random.random() < 0.15:
            join = self._step(next=self._foreach(join, depth), join=True)
        ways = [self._foreach(join, depth) for _ in range(2 if self._random.random() < 0.15 else 1)]
        return self._step(next=ways)

    def _block(self, to: str, depth: int) -> str:
        kind = self._random.choice(KINDS) if depth else "step"
        if not depth and self._depth and self._random.random() < (0.5 if self._foreachs else 0.2):
            kind = "loop"
        if kind == "step":
            return self._step(next=to)
        if kind == "array":
            return self._array(to)
        if kind == "foreach":
            return self._split(to, depth)
        if kind == "loop":
            return self._loop(to, depth)
        if kind == "branch":
            join = self._step(next=to, join=True)
            return self._step(next=[self._chain(join, depth - 1) for _ in range(self._random.choice((2, 3)))])
        return self._step(next=[{"to": [self._chain(to, 0)]} for _ in range(2)])

    def _array(self, to: str) -> str:
        """A foreach of arrays of jobs, one behind the other, whose failures are tried again at once."""
        join = self._step(next=to, join=True)
        self._foreachs += 1
        body = self._line(join, retry={"times": 2, "minutes_between_retries": 0})
        self._foreachs -= 1
        return self._step(next={"to": [body], "foreach": "items"})

    def _loop(self, to: str, depth: int) -> str:
        """Steps of which the last one goes back to the first, or on."""
        last = self._step(next=[{"to": [to]}])
        first = self._chain(last, depth - 1) if depth and self._random.random() < 0.7 else last
        self._steps[last]["next"].insert(self._random.choice((0, 1)), {"to": [first]})
        return first
