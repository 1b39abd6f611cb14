"""What one step asks for, by its decorators and by the options, as the fields of the spec's step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from steprelay.compile.arguments import Checked
from steprelay.compile.batch import Resources, read_batch
from steprelay.compile.culprits import Where
from steprelay.compile.layers import LIGHT_STEP_MEMORY, Layers
from steprelay.compile.limits import read_limits
from steprelay.compile.options import Options
from steprelay.compile.platforms import Refusal
from steprelay.compile.problems import CompileProblem
from steprelay.compile.signatures import QUEUE_TIMES, CatchArguments, EnvironmentArguments, ResourcesArguments
from steprelay_core.spec import LIGHT_STEP_SECONDS, Retry


@dataclass(frozen=True, slots=True)
class Needs:
    """`fields` of the spec's step; what is refused is left out of them and in `problems`.

    `provenance`: for a step with batch, each parameter and where its value came from; `where`: its decorators;
    `adds_time`: its timeout is the sum of what it says itself and of what the command line says.
    """

    fields: dict[str, Any]
    problems: tuple[CompileProblem, ...]
    warnings: tuple[CompileProblem, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)
    where: dict[str, Where] = field(default_factory=dict)
    adds_time: bool = False

    def blame(self, refusal: Refusal) -> CompileProblem:
        """What a platform says of this step, at whoever gave what it refuses."""
        return self.where["batch"].blame(refusal.problem, refusal.parameters, self.provenance)


def read_needs(layers: Layers, options: Options, python: str) -> Needs:
    """Check all decorators of a step and combine them; their order has no meaning. `python`: the submitter's."""
    fields: dict[str, Any] = {}
    provenance: dict[str, str] = {}
    for name, (key, read) in _READERS.items():
        if name in layers and (value := read(layers[name])) is not None:
            fields[key] = value
            provenance[name] = layers[name].givers
    if "timeout" in layers and (limits := read_limits(layers["timeout"])):
        fields |= limits
        provenance["timeout"] = layers["timeout"].givers
    asked = layers.get("resources")
    resources = _resources(asked) if asked else None
    if "batch" in layers:
        values = read_batch(layers["batch"], resources, options, python)
        fields["batch"] = values.fields
        provenance = values.provenance | provenance
    else:
        provenance = {}
        _check_light(fields, layers, resources)
    problems = tuple(problem for checked in layers.values() for problem in checked.problems)
    where = {name: checked.where for name, checked in layers.items()}
    adds_time = "timeout" in layers and layers["timeout"].is_laid_over(beside=QUEUE_TIMES)
    return Needs(fields, problems, _ignored(resources), provenance, where, adds_time)


def _retry(checked: Checked) -> dict[str, Any] | None:
    checked.only(Retry.model_fields)
    given = checked.read(Retry)
    return given.model_dump(exclude_defaults=True) if given else None


def _catch(checked: Checked) -> dict[str, Any] | None:
    checked.only(CatchArguments.model_fields)
    given = checked.read(CatchArguments)
    return given.model_dump(exclude_defaults=True) if given else None


def _environment(checked: Checked) -> dict[str, str] | None:
    checked.only(EnvironmentArguments.model_fields)
    given = checked.read(EnvironmentArguments)
    return {name: str(value) for name, value in given.vars.items()} if given else None


# Decorators that become one field of the step each, with the name of that field.
_READERS: dict[str, tuple[str, Callable[[Checked], Any]]] = {
    "retry": ("retry", _retry),
    "environment": ("environment", _environment),
    "catch": ("catch", _catch),
}


def _resources(checked: Checked) -> Resources | None:
    checked.only(ResourcesArguments.model_fields)
    values = checked.read(ResourcesArguments)
    return Resources(checked, values) if values else None


def _check_light(fields: dict[str, Any], layers: Mapping[str, Checked], resources: Resources | None) -> None:
    """A step without @batch runs in a Lambda function, which has limits of its own."""
    hint = "add @batch to the step"
    if resources and resources.values.gpu:
        resources.asked.say(f"asks for gpu={resources.values.gpu}, which a light step cannot have", hint)
    if resources and resources.values.memory > LIGHT_STEP_MEMORY:
        message = f"asks for {resources.values.memory} MiB of memory, a light step has at most {LIGHT_STEP_MEMORY}"
        resources.asked.say(message, hint)
    if fields.get("timeout_seconds", 0) > LIGHT_STEP_SECONDS:
        seconds = fields.pop("timeout_seconds")
        message = f"allows {seconds} s, a light step may take at most {LIGHT_STEP_SECONDS} s"
        layers["timeout"].say(message, hint)
    if fields.pop("queue_timeout_seconds", None) is not None:
        layers["timeout"].say("limits the waiting in a queue, and a light step waits in none", hint)


def _ignored(resources: Resources | None) -> tuple[CompileProblem, ...]:
    if resources is None or resources.values.disk is None:
        return ()
    hint = "@batch(ephemeral_storage=<GiB>) sizes the disk of a Fargate job"
    return (resources.asked.place.problem("@resources: disk has no meaning on AWS Batch and is left out", hint),)
