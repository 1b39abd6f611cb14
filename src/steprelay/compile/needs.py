"""What the decorators of one step ask for, as the fields of the spec's step."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from steprelay.compile.arguments import Checked
from steprelay.compile.problems import CompileProblem
from steprelay.compile.signatures import CatchArguments, EnvironmentArguments, ResourcesArguments, TimeoutArguments
from steprelay.sdk.decoration import Decoration
from steprelay_core.spec import LIGHT_STEP_SECONDS, Batch
from steprelay_core.spec.models import Retry

# A Lambda function has at most this much, in MiB, and no GPU.
LIGHT_STEP_MEMORY = 10_240

# Where both give a value the larger one counts.
_COMBINED = ("cpu", "gpu", "memory", "shared_memory")


@dataclass(frozen=True, slots=True)
class Needs:
    """`fields` of the spec's step; what is refused is left out of them and in `problems`."""

    fields: dict[str, Any]
    problems: tuple[CompileProblem, ...]
    warnings: tuple[CompileProblem, ...] = ()


def read_needs(decorations: Iterable[Decoration]) -> Needs:
    """Check all decorators of a step and combine them. Their order has no meaning."""
    by_name: dict[str, Checked] = {}
    problems: list[CompileProblem] = []
    for decoration in decorations:
        checked = Checked(decoration)
        if decoration.name in by_name:
            first = by_name[decoration.name].place.line
            checked.say("is given twice", f"it stands in line {first} too: keep one")
            problems += checked.problems
        else:
            by_name[decoration.name] = checked
            _check_place(checked)
    return _combine(by_name, problems)


def _check_place(checked: Checked) -> None:
    if checked.name in ("schedule", "trigger"):
        checked.say("stands on a step", "it starts whole flows: put it on the class")
    elif checked.name == "step":
        checked.only(())


def _combine(by_name: Mapping[str, Checked], problems: list[CompileProblem]) -> Needs:
    fields: dict[str, Any] = {}
    readers = {"retry": _retry, "timeout": _timeout, "catch": _catch, "environment": _environment}
    for name, read in readers.items():
        if name in by_name:
            fields |= read(by_name[name])
    asked = by_name.get("resources")
    resources = _resources(asked) if asked else None
    if "batch" in by_name:
        fields["batch"] = _batch(by_name["batch"], resources)
    else:
        _check_light(fields, by_name, resources)
    problems = [*problems, *(problem for checked in by_name.values() for problem in checked.problems)]
    return Needs(fields, tuple(problems), _ignored(asked, resources))


def _retry(checked: Checked) -> dict[str, Any]:
    checked.only(Retry.model_fields)
    given = checked.read(Retry)
    return {"retry": given.model_dump(exclude_defaults=True)} if given else {}


def _timeout(checked: Checked) -> dict[str, Any]:
    checked.only(TimeoutArguments.model_fields)
    given = checked.read(TimeoutArguments)
    if given and given.total > 0:
        return {"timeout_seconds": math.ceil(given.total)}
    if not checked.problems:
        checked.say("gives no time", "for example @timeout(hours=2)")
    return {}


def _catch(checked: Checked) -> dict[str, Any]:
    checked.only(CatchArguments.model_fields)
    given = checked.read(CatchArguments)
    return {"catch": given.model_dump(exclude_defaults=True)} if given else {}


def _environment(checked: Checked) -> dict[str, Any]:
    checked.only(EnvironmentArguments.model_fields)
    given = checked.read(EnvironmentArguments)
    return {"environment": {name: str(value) for name, value in given.vars.items()}} if given else {}


def _resources(checked: Checked) -> ResourcesArguments | None:
    checked.only(ResourcesArguments.model_fields)
    return checked.read(ResourcesArguments)


def _batch(checked: Checked, resources: ResourcesArguments | None) -> dict[str, Any]:
    checked.only([*Batch.model_fields, "trainium"])
    _one_kind_of_chip(checked)
    if "log_options" in checked.values:
        checked.values["log_options"] = _log_options(checked, checked.values["log_options"])
    read = checked.read(Batch)
    if read is None:
        return {}
    given = read.model_dump(exclude_unset=True)
    for name in _COMBINED if resources else ():
        values = [value for value in (given.get(name), getattr(resources, name)) if value is not None]
        if values:
            given[name] = max(values)
    return {name: value for name, value in given.items() if value != Batch.model_fields[name].default}


def _one_kind_of_chip(checked: Checked) -> None:
    trainium = checked.values.pop("trainium", None)
    if trainium is None:
        return
    if checked.values.get("inferentia"):
        checked.say("takes inferentia or trainium, not both", "they are two names for the same devices")
    elif isinstance(trainium, bool) or not isinstance(trainium, int) or trainium < 0:
        checked.problems.append(
            checked.place.problem(f"@batch: 'trainium' must be a whole number, at least 0, given {trainium!r}")
        )
    else:
        checked.values["inferentia"] = trainium


def _log_options(checked: Checked, given: object) -> object:
    """A list of "key:value", as the reference has it, or a mapping; a value may hold colons of its own."""
    if not isinstance(given, (list, tuple)):
        return given
    options: dict[str, str] = {}
    for entry in given:
        name, colon, value = entry.partition(":") if isinstance(entry, str) else ("", "", "")
        if not name or not colon:
            checked.say(
                f"'log_options' holds {entry!r}", 'write "key:value", for example "awslogs-group:aws/batch/job"'
            )
        else:
            options[name] = value
    return options


def _check_light(fields: dict[str, Any], by_name: Mapping[str, Checked], resources: ResourcesArguments | None) -> None:
    """A step without @batch runs in a Lambda function, which has limits of its own."""
    if resources and resources.gpu:
        by_name["resources"].say(
            f"asks for gpu={resources.gpu}, which a light step cannot have", "add @batch to the step"
        )
    if resources and resources.memory > LIGHT_STEP_MEMORY:
        message = f"asks for {resources.memory} MiB of memory, a light step has at most {LIGHT_STEP_MEMORY}"
        by_name["resources"].say(message, "add @batch to the step")
    if fields.get("timeout_seconds", 0) > LIGHT_STEP_SECONDS:
        seconds = fields.pop("timeout_seconds")
        message = f"allows {seconds} s, a light step may take at most {LIGHT_STEP_SECONDS} s"
        by_name["timeout"].say(message, "add @batch to the step")


def _ignored(asked: Checked | None, resources: ResourcesArguments | None) -> tuple[CompileProblem, ...]:
    if asked is None or resources is None or resources.disk is None:
        return ()
    hint = "@batch(ephemeral_storage=<GiB>) sizes the disk of a Fargate job"
    return (asked.place.problem("@resources: disk has no meaning on AWS Batch and is left out", hint),)
