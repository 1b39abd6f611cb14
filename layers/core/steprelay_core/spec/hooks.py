"""Exit hooks: what runs once a run has ended, and cannot change how it did."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StrictStr

from steprelay_core.spec.problems import Problem
from steprelay_core.spec.types import Model, StepName

if TYPE_CHECKING:
    from steprelay_core.spec.models import Spec

# Each is a message, and a line of the run's item.
HOOKS_LIMIT = 10


class Hook(Model):
    """Runs as a light step after the run has succeeded, or failed; `name` is a function of the entrypoint's file, or
    what to call the `command`."""

    name: StepName
    on: Annotated[list[Literal["success", "error"]], Field(min_length=1, max_length=2)]
    command: Annotated[list[StrictStr], Field(min_length=1)] | None = None


Hooks = Annotated[list[Hook], Field(max_length=HOOKS_LIMIT)]


def hook_problems(spec: "Spec") -> Iterator[Problem]:
    """What no single field can know."""
    seen: set[str] = set()
    for index, hook in enumerate(spec.hooks):
        path = f"hooks.{index}"
        if hook.name in seen:
            yield Problem(f"{path}.name", f"there are two hooks {hook.name!r}", "name both ends in `on` of one")
        if hook.name in spec.steps:
            # Logs and objects of a run are found by these names.
            yield Problem(f"{path}.name", f"{hook.name!r} is a step as well", "give the hook another name")
        if hook.command is None and spec.entrypoint is None:
            hint = "give it a `command`, or the flow an `entrypoint`"
            yield Problem(f"{path}.command", f"hook {hook.name!r} has nothing to run", hint)
        if len(set(hook.on)) < len(hook.on):
            yield Problem(f"{path}.on", f"{hook.on[0]!r} is given twice", "name it once")
        seen.add(hook.name)
