"""Configuration and command line on a hand-written spec, which is to its steps what decorators are to a class."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from steprelay.compile.arguments import Checked
from steprelay.compile.flow import Compiled
from steprelay.compile.hints import SPEC_WORDS, flow_hints
from steprelay.compile.layers import lay_over
from steprelay.compile.needs import Needs, read_needs
from steprelay.compile.options import Options
from steprelay.compile.overrides import Override, lost
from steprelay.compile.platforms import refusals_everywhere
from steprelay.compile.problems import Place
from steprelay_core.spec import Flow, Problem, SpecError, parse_spec, validate_spec

# The fields of a step that say what decorators say, each with how a decorator says it.
_FIELDS: dict[str, dict[str, Callable[[Any], dict[str, Any]]]] = {
    "batch": {"batch": lambda value: value},
    "retry": {"retry": lambda value: value},
    "timeout": {
        "timeout_seconds": lambda value: {"seconds": value},
        "queue_timeout_seconds": lambda value: {"queue_seconds": value},
    },
    "catch": {"catch": lambda value: value},
    "environment": {"environment": lambda value: {"vars": value}},
}


def compile_spec(raw: bytes | str, options: Options, file: str) -> Compiled:
    """Read a hand-written spec and apply the options; steps that these make jobs are checked as jobs.

    Raises:
        SpecError: with every problem of the spec, else of the outcome.
    """
    document = _with_jobs(raw, options.overrides)
    try:
        flow = parse_spec(document)
    except SpecError as error:
        raise SpecError([*error.problems, *_besides(document, options)]) from None
    return apply_options(flow, options, file)


def apply_options(flow: Flow, options: Options, file: str) -> Compiled:
    """The flow with what configuration and command line give its steps; `file` is the spec as people name it.

    Raises:
        SpecError: with every `--with` that the flow cannot follow, and every problem of the outcome.
    """
    document = flow.spec.model_dump(mode="json", exclude_unset=True, by_alias=True)
    if options.max_workers is not None:
        document["max_workers"] = options.max_workers
    entrypoint = flow.spec.entrypoint
    python = entrypoint.python if entrypoint else f"{sys.version_info.major}.{sys.version_info.minor}"
    # Not a line: a person's editor knows better where a step stands in it.
    place = Place(file, 0)
    needs: dict[str, Needs] = {}
    for name, step in document["steps"].items():
        overrides = [each for each in options.overrides if each.step in (None, name)]
        needs[name] = _apply(step, overrides, options, python, place)
    problems = [*lost(options.overrides, document["steps"]), *_problems(document, needs, place)]
    if problems:
        raise SpecError(dict.fromkeys(problems))
    whole = validate_spec(document)
    added = [name for name, need in needs.items() if need.adds_time]
    hints = flow_hints(whole, options.overrides, added, lambda *_: place, SPEC_WORDS)
    return Compiled(whole, (), hints, {name: need.provenance for name, need in needs.items() if need.provenance})


def _besides(raw: bytes | str, options: Options) -> Iterator[Problem]:
    """What can be told of a spec that is none: overrides for steps it does not have, steps for which no platform is."""
    document = _decoded(raw)
    if document is not None:
        yield from lost(options.overrides, document["steps"])
        yield from (refusal.problem for refusal in refusals_everywhere(document))


def _decoded(raw: bytes | str) -> dict[str, Any] | None:
    """The JSON, if it has steps that can be looked at."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    steps = document.get("steps") if isinstance(document, dict) else None
    whole = isinstance(steps, dict) and all(isinstance(step, dict) for step in steps.values())
    return document if whole else None


def _with_jobs(raw: bytes | str, overrides: Iterable[Override]) -> bytes | str:
    """The spec with an empty batch for steps that the command line gives one: no limits of light steps for them."""
    given = [override for override in overrides if override.decorator == "batch" and not override.only_takes_away]
    document = _decoded(raw) if given else None
    if document is None:
        return raw
    for name, step in document["steps"].items():
        if step.get("batch") is None and any(one.step in (None, name) for one in given):
            step["batch"] = {}
    return json.dumps(document)


def _apply(step: dict[str, Any], overrides: list[Override], options: Options, python: str, place: Place) -> Needs:
    """Change the step in place: its batch, and what overrides are about. All else stays as it was written."""
    touched = {override.decorator for override in overrides} | {"batch"}
    origin = Path(place.file).name
    present = {name for name, fields in _FIELDS.items() if any(_has(step, field) for field in fields)}
    layers = {name: _layer(name, step, place, origin) for name in _FIELDS if name in touched & present}
    lay_over(layers, overrides, place)
    needs = read_needs(layers, options, python)
    for field in [field for name, fields in _FIELDS.items() if name in touched for field in fields]:
        step.pop(field, None)
        if field in needs.fields:
            step[field] = needs.fields[field]
    if "batch" not in step:
        return needs
    return replace(needs, provenance=needs.provenance | dict.fromkeys(sorted(present - touched), origin))


def _has(step: dict[str, Any], field: str) -> bool:
    return bool(step.get(field)) if field == "environment" else step.get(field) is not None


def _layer(name: str, step: dict[str, Any], place: Place, origin: str) -> Checked:
    arguments: dict[str, Any] = {}
    for field, written in _FIELDS[name].items():
        arguments |= written(step[field]) if _has(step, field) else {}
    return Checked(name, place, origin, name, arguments)


def _problems(document: dict[str, Any], needs: dict[str, Needs], place: Place) -> Iterator[Problem]:
    """What is wrong with the steps as they have become, here or on AWS Batch."""
    found = [(name, problem) for name, need in needs.items() for problem in need.problems]
    for refusal in refusals_everywhere(document):
        if refusal.is_of_batch:
            found.append((refusal.step, needs[refusal.step].blame(refusal)))
        else:
            yield refusal.problem
    for step, problem in found:
        if problem.file == place.file:
            yield Problem(f"steps.{step}", problem.message, problem.hint, step)
        else:
            yield Problem(problem.file, problem.message, problem.hint)
