"""Whatever leads wherever: a flow is refused, or it runs to its end with no task twice."""

from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steprelay_core.spec import SpecError, validate_spec
from steprelay_core.state.model import RunStatus
from tests.unit.decide.laps import Played, Steps, each, ways

_blocks = st.recursive(
    st.just("step"),
    lambda inner: st.tuples(st.sampled_from(["branch", "foreach", "line"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=6,
)


def _build(steps: Steps, block: Any, following: str) -> str:
    """Add a block that goes on to `following`; its first step."""
    kind, bodies = ("step", []) if block == "step" else block
    if kind == "line":
        for body in reversed(bodies):
            following = _build(steps, body, following)
        return following
    name = f"s{len(steps)}"
    steps[name] = ways(following)
    if kind != "step":
        join = f"{name}join"
        steps[join] = {"join": True, **ways(following)}
        # A branch has two sides at least.
        sides = bodies[:1] if kind == "foreach" else [*bodies, "step"]
        first = [_build(steps, body, join) for body in sides]
        steps[name] = each(first[0]) if kind == "foreach" else {"next": first}
    return name


@st.composite
def tangles(draw: st.DrawFn) -> Steps:
    """Steps and splits in good order, with ways from some steps to any others."""
    steps: Steps = {"end": {}}
    steps["start"] = ways(_build(steps, draw(_blocks), "end"))
    choosing = [name for name, step in steps.items() if isinstance(step.get("next"), list)]
    choosing = [name for name in choosing if isinstance(steps[name]["next"][0], dict)]
    for _ in range(draw(st.integers(1, 3))):
        name, to = draw(st.sampled_from(choosing)), draw(st.sampled_from(sorted(steps)))
        if {"to": [to]} not in steps[name]["next"]:
            steps[name]["next"].insert(draw(st.integers(0, 1)), {"to": [to]})
    return steps


class _AnyWay(dict[str, Any]):
    """Chooses by chance, the same each time; whoever has gone round often enough takes the shortest way to the end."""

    def __init__(self, steps: Steps, seed: int) -> None:
        self._steps, self._seed = steps, seed
        self._far = {"end": 0}
        for far in range(1, len(steps)):
            near = [name for name in steps if name not in self._far and set(self._onwards(name)) & self._far.keys()]
            self._far |= dict.fromkeys(near, far)

    def _onwards(self, step: str) -> list[str]:
        ways_on = self._steps[step].get("next", [])
        if isinstance(ways_on, dict):
            return list(ways_on["to"])
        return [to for way in ways_on for to in (way["to"] if isinstance(way, dict) else [way])]

    def get(self, task: str, default: Any = None) -> Any:
        place, _, laps = task.partition("@")
        step = place.partition(".")[0]
        random, ways_on = Random(f"{self._seed}:{task}"), self._steps[step].get("next", [])
        if isinstance(ways_on, dict):
            return random.choice((0, 1, 2))
        if not ways_on or isinstance(ways_on[0], str):
            return default
        tired = any(int(lap) > 2 for lap in laps.split("-") if lap)
        return min(self._onwards(step), key=self._far.__getitem__) if tired else random.choice(self._onwards(step))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(tangles(), st.integers(0, 20))
def test_a_flow_that_is_accepted_runs_each_task_once_and_ends(steps: Steps, seed: int) -> None:
    written = {name: {"command": ["x"], **step} for name, step in steps.items()}
    try:
        flow = validate_spec({"spec_version": 1, "flow": "F", "steps": written})
    except SpecError:
        return
    played = Played(steps, _AnyWay(steps, seed))
    assert played.world.run.status is RunStatus.SUCCEEDED
    assert len(set(played.order)) == len(played.order)
    for task, parents in played.inputs.items():
        step = task.partition("@")[0].partition(".")[0]
        if task != flow.spec.start and not flow.step(step).join:
            assert len(parents) == 1
