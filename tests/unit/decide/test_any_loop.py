"""Whatever leads wherever: a flow is refused, or it runs to its end with no task twice."""

from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steprelay_core.spec import SpecError, validate_spec
from steprelay_core.state.model import RunStatus
from tests.unit.decide.laps import Played, Steps, each, ways

NAMES = ["start", "a", "b", "c", "d", "end"]


@st.composite
def tangles(draw: st.DrawFn) -> Steps:
    """Steps that lead to any others, back and forth, in and out of splits; most are no flows."""
    steps: dict[str, dict[str, Any]] = {}
    for name in NAMES[:-1]:
        some = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)
        kind = draw(st.sampled_from(["ways", "ways", "ways", "branch", "each"]))
        to = draw(some)
        step = ways(*to) if kind == "ways" else {"next": to} if kind == "branch" else each(to[0])
        steps[name] = {**step, "join": draw(st.sampled_from([False, False, False, True])) and name != "start"}
    return {**steps, "end": {}}


class _AnyWay(dict[str, Any]):
    """Chooses by chance, the same each time."""

    def __init__(self, steps: Steps, seed: int) -> None:
        self._steps, self._seed = steps, seed

    def get(self, task: str, default: Any = None) -> Any:
        random = Random(f"{self._seed}:{task}")
        onwards = self._steps[task.partition("@")[0].partition(".")[0]].get("next", [])
        if isinstance(onwards, dict):
            return random.choice((0, 1, 2))
        return random.choice(onwards)["to"][0] if onwards and isinstance(onwards[0], dict) else default


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
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
