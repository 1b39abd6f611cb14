"""`hooks` of a spec."""

from typing import Any

import pytest

from steprelay_core.spec import SpecError, validate_spec
from steprelay_core.spec.hooks import HOOKS_LIMIT

SPEC = {"spec_version": 1, "flow": "Flow", "steps": {"start": {"command": ["true"]}}}
HOOK = {"name": "tell", "on": ["success"], "command": ["tell"]}


def problems(*hooks: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as refused:
        validate_spec({**SPEC, "hooks": list(hooks)})
    return [(problem.path, problem.message) for problem in refused.value.problems]


def test_a_command_can_be_a_hook_of_a_flow_in_any_language() -> None:
    (hook,) = validate_spec({**SPEC, "hooks": [HOOK]}).spec.hooks
    assert (hook.name, hook.on, hook.command) == ("tell", ["success"], ["tell"])


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"name": "start"}, "hooks.0.name", "'start' is a step as well"),
        ({"command": None}, "hooks.0.command", "hook 'tell' has nothing to run"),
        ({"on": ["success", "success"]}, "hooks.0.on", "'success' is given twice"),
    ],
)
def test_a_hook_that_cannot_be_is_refused(changes: dict[str, Any], path: str, message: str) -> None:
    assert problems({**HOOK, **changes}) == [(path, message)]


def test_an_end_that_there_is_not_is_refused_with_those_there_are() -> None:
    ((path, message),) = problems({**HOOK, "on": ["failure"]})
    assert path == "hooks.0.on.0"
    assert message == "'on'[0] must be one of 'success', 'error', given 'failure'"


def test_two_hooks_of_one_name_are_refused() -> None:
    assert problems(HOOK, {**HOOK, "on": ["error"]}) == [("hooks.1.name", "there are two hooks 'tell'")]


def test_there_may_be_so_many_hooks_and_no_more() -> None:
    hooks = [{**HOOK, "name": f"tell{number}"} for number in range(HOOKS_LIMIT + 1)]
    assert len(validate_spec({**SPEC, "hooks": hooks[:-1]}).spec.hooks) == HOOKS_LIMIT
    ((path, _),) = problems(*hooks)
    assert path == "hooks"
