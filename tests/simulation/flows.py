"""Random flows: lines, branches, foreachs, nested and conditional, light and on Batch, with random policies."""

from random import Random
from typing import Any


class FlowMaker:
    """`depth`: how deep splits may be nested in each other, from 0."""

    def __init__(self, random: Random, depth: int) -> None:
        self._random = random
        self._depth = depth
        self._steps: dict[str, dict[str, Any]] = {}
        self._foreachs = 0
        # Of their own, so that the rest of a flow is as it would be without windows.
        self._windows = Random(random.random())

    def make(self, name: str) -> dict[str, Any]:
        """A spec as a package holds it."""
        last = self._step()
        first = self._chain(last, self._depth)
        if self._depth and self._random.random() < 0.5:
            first = self._array(first)
        spec: dict[str, Any] = {"spec_version": 1, "flow": name, "start": first, "steps": self._steps}
        if self._windows.random() < 0.2:
            spec["max_workers"] = self._windows.choice((1, 2, 4))
        return spec

    def _step(self, **more: Any) -> str:
        random, name = self._random, f"s{len(self._steps) + 1}"
        step: dict[str, Any] = {"command": ["run"], **more}
        if random.random() < 0.7:
            step["batch"] = {}
        if random.random() < 0.7:
            wait = random.choice((0, 0, 0.05, 1, 20))
            step["retry"] = {"times": random.choice((1, 2, 4)), "minutes_between_retries": wait}
            if wait == 1:
                step["retry"]["backoff"] = random.choice((1, 2))
        if random.random() < 0.2:
            step["timeout_seconds"] = random.choice((30, 100))
        elif not self._foreachs and set(more) == {"next"} and isinstance(more["next"], str) and random.random() < 0.05:
            step |= {"package": False, "batch": {"image": "image"}}
        self._steps[name] = step
        return name

    def _chain(self, to: str, depth: int) -> str:
        """Steps that lead to `to`; the first of them."""
        for _ in range(self._random.choice((1, 1, 2)) if self._depth else 1):
            to = self._block(to, depth)
        return to

    def _block(self, to: str, depth: int) -> str:
        kind = self._random.choice(("step", "foreach", "foreach", "array", "branch", "choice")) if depth else "step"
        if kind == "step":
            return self._step(next=to)
        if kind == "array":
            return self._array(to)
        if kind == "foreach":
            join = self._step(next=to, join=True)
            self._foreachs += 1
            body = self._chain(join, depth - 1)
            self._foreachs -= 1
            way: dict[str, Any] = {"to": [body], "foreach": "items"}
            if self._windows.random() < 0.7:
                way["max_workers"] = self._windows.choice((1, 1, 2, 3, 17))
            return self._step(next=way)
        if kind == "branch":
            join = self._step(next=to, join=True)
            return self._step(next=[self._chain(join, depth - 1) for _ in range(self._random.choice((2, 3)))])
        return self._step(next=[{"to": [self._chain(to, 0)]} for _ in range(2)])

    def _array(self, to: str) -> str:
        """A foreach that is one array of jobs, whose failures are tried again at once."""
        join = self._step(next=to, join=True)
        self._foreachs += 1
        body = self._step(next=join)
        self._foreachs -= 1
        self._steps[body] |= {"batch": {}, "retry": {"times": 2, "minutes_between_retries": 0}}
        return self._step(next={"to": [body], "foreach": "items"})
