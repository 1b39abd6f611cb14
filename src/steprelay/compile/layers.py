"""The decorators of one step, with what the command line lays over them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from steprelay.compile.arguments import Checked
from steprelay.compile.overrides import Override
from steprelay.compile.problems import CompileProblem, Place
from steprelay.compile.signatures import QUEUE_TIMES, ResourcesArguments, TimeoutArguments
from steprelay.sdk.decoration import Decoration
from steprelay_core.spec import LIGHT_STEP_SECONDS

# A Lambda function has at most this much, in MiB, and no GPU.
LIGHT_STEP_MEMORY = 10_240

Layers = dict[str, Checked]


def written(decorations: Iterable[Decoration]) -> tuple[Layers, list[CompileProblem]]:
    """The decorators in the source by name, and what is wrong with where and how often they stand."""
    layers: Layers = {}
    problems: list[CompileProblem] = []
    for decoration in decorations:
        checked = Checked.written(decoration)
        if decoration.name in layers:
            first = layers[decoration.name].place.line
            checked.say("is given twice", f"it stands in line {first} too: keep one")
            problems += checked.problems
        else:
            layers[decoration.name] = checked
            _check_place(checked)
    return layers, problems


def lay_over(layers: Layers, overrides: Sequence[Override], place: Place) -> None:
    """Lay the overrides of one step, earlier ones first; `place` is for what stands nowhere in the source."""
    on_batch = "batch" in layers or any(override.decorator == "batch" for override in overrides if _adds(override))
    for override in overrides if on_batch else map(for_light_steps, overrides):
        if override is None or (not on_batch and spares_light_steps(override)):
            continue
        name = override.decorator
        if name not in layers:
            if not _adds(override):
                continue
            layers[name] = Checked.asked(override, place)
        layers[name].lay(override)
        if name == "timeout" and not layers[name].values and not layers[name].problems:
            # All of it taken away: not a timeout without time, but none.
            del layers[name]


def spares_light_steps(override: Override) -> bool:
    """Whether it is meant for every step and asks for more than a light one can have: those go without it then."""
    if override.step is not None:
        return False
    if override.decorator == "timeout":
        return TimeoutArguments.model_validate(override.given).total > LIGHT_STEP_SECONDS
    if override.decorator == "resources":
        asked = ResourcesArguments.model_validate(override.given)
        return bool(asked.gpu) or asked.memory > LIGHT_STEP_MEMORY
    return False


def for_light_steps(override: Override) -> Override | None:
    """What is left of one that is meant for every step: a light one waits in no queue. None for nothing."""
    if override.step is not None or override.decorator != "timeout":
        return override
    left = {name: value for name, value in override.arguments.items() if name not in QUEUE_TIMES}
    return replace(override, arguments=left) if left or not override.arguments else None


def _adds(override: Override) -> bool:
    return not override.only_takes_away


def _check_place(checked: Checked) -> None:
    if checked.name in ("schedule", "trigger"):
        checked.say("stands on a step", "it starts whole flows: put it on the class")
    elif checked.name == "exit_hook":
        checked.say("stands on a step", "it is called when a whole run has ended: put it on the class")
    elif checked.name == "step":
        checked.only(())
