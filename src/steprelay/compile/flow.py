"""From a FlowSpec class to the spec that travels with its package."""

import inspect
import re
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

from steprelay.compile.culprits import naming, parameters_in
from steprelay.compile.hints import PYTHON_WORDS, flow_hints
from steprelay.compile.layers import lay_over, written
from steprelay.compile.literals import check_literals
from steprelay.compile.needs import Needs, read_needs
from steprelay.compile.options import NO_OPTIONS, Options
from steprelay.compile.overrides import lost
from steprelay.compile.parameters import read_parameters
from steprelay.compile.platforms import refusals_everywhere
from steprelay.compile.problems import CompileError, CompileProblem, Place
from steprelay.compile.source import FlowSource, Method, read_source
from steprelay.compile.starts import Starts, read_starts
from steprelay.compile.steps import check_ends, check_steps
from steprelay.compile.variables import check_variables
from steprelay.compile.ways import Way, followed, read_ways, single_step
from steprelay.sdk.decoration import FLOW_ATTRIBUTE
from steprelay.sdk.flow import FlowSpec
from steprelay_core.spec import SPEC_VERSION, Flow, Problem, SpecError, validate_spec


@dataclass(frozen=True, slots=True)
class Compiled:
    """A flow that can be packed.

    `warnings` say what is odd, `hints` what good practice advises; neither stops anybody. `provenance`: for each step
    with batch, the parameters that somebody gave (cpu and memory always), each with where its value came from.
    """

    flow: Flow
    warnings: tuple[CompileProblem, ...] = ()
    hints: tuple[CompileProblem, ...] = ()
    provenance: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the source and the decorators say, with everything that is wrong in them."""

    source: FlowSource
    ways: dict[str, tuple[Way, ...]]
    whole: bool
    needs: dict[str, Needs]
    parameters: dict[str, dict[str, Any]]
    starts: Starts
    problems: list[CompileProblem]
    warnings: list[CompileProblem]


# The submitter's, whose official image a step gets unless it names one.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def compile_flow(
    flow_class: type[FlowSpec], *, file: Path | str, root: Path | str | None = None, options: Options = NO_OPTIONS
) -> Compiled:
    """Read the graph from the class's source and what each step needs from its decorators.

    `file` holds the class; `root` is the folder that is packed, `file`'s own unless given.

    Raises:
        CompileError: with every problem found, each with its file and line.
    """
    file = Path(file).resolve()
    folder = Path(root).resolve() if root is not None else file.parent
    if not file.is_relative_to(folder):
        message = f"the flow is not in the folder that is packed, {folder}"
        raise CompileError([Place(str(file), 1).problem(message, "pack the folder of the flow, or one above it")])
    reading = _read(flow_class, file, options)
    document = {**_document(reading, file, folder), "max_workers": options.max_workers}
    flow, problems = _validate(document, reading) if reading.whole else (None, [])
    problems += _refused_everywhere(reading)
    if flow is None or problems or reading.problems:
        raise CompileError([*reading.problems, *problems])
    added = [name for name, needs in reading.needs.items() if needs.adds_time]
    return Compiled(
        flow,
        tuple(sorted(set(reading.warnings), key=str)),
        flow_hints(flow, options.overrides, added, partial(_place_of_decorator, reading), PYTHON_WORDS),
        {name: needs.provenance for name, needs in reading.needs.items() if needs.provenance},
    )


def _read(flow_class: type[FlowSpec], file: Path, options: Options) -> _Reading:
    source = read_source(flow_class, file)
    calls = {name: read_ways(method) for name, method in source.steps.items()}
    single = single_step(source, calls)
    ways, whole = followed(calls, single)
    needs = {name: _needs(method, options) for name, method in source.steps.items()}
    parameters, problems = read_parameters(source)
    around = vars(sys.modules[flow_class.__module__])
    starts = read_starts(getattr(flow_class, FLOW_ATTRIBUTE, []), parameters, around)
    problems += check_steps(source, calls, single)
    problems += [*check_variables(source, ways, whole=whole), *check_literals(source)]
    problems += [*starts.problems, *(problem for need in needs.values() for problem in need.problems)]
    for problem in lost(options.overrides, source.steps):
        problems.append(source.place.problem(f"{problem.path}: {problem.message}", problem.hint))
    warnings = [*check_ends(source, calls), *(warning for need in needs.values() for warning in need.warnings)]
    return _Reading(source, ways, whole, needs, parameters, starts, problems, warnings)


def _needs(method: Method, options: Options) -> Needs:
    layers, problems = written(method.meta.decorations if method.meta else ())
    lay_over(layers, [each for each in options.overrides if each.step in (None, method.name)], method.place)
    needs = read_needs(layers, options, PYTHON)
    return replace(needs, problems=(*problems, *needs.problems))


def _document(reading: _Reading, file: Path, folder: Path) -> dict[str, Any]:
    flow_class, steps = reading.source.flow_class, reading.source.steps
    entrypoint = {
        "file": file.relative_to(folder).as_posix(),
        "class_name": flow_class.__name__,
        "python": PYTHON,
    }
    return {
        "spec_version": SPEC_VERSION,
        "flow": flow_class.__name__,
        "doc": _doc(flow_class),
        "entrypoint": entrypoint,
        "parameters": reading.parameters,
        "steps": {name: _step(method, reading, folder) for name, method in steps.items()},
        "start": "start" if "start" in steps else next(iter(steps)),
        "timeout_seconds": reading.starts.timeout_seconds,
        "schedules": reading.starts.schedules,
        "triggers": reading.starts.triggers,
        "hooks": reading.starts.hooks,
    }


def _step(method: Method, reading: _Reading, folder: Path) -> dict[str, Any]:
    ways = reading.ways[method.name]
    file = Path(method.place.file)
    return {
        "next": [_transition(way) for way in ways],
        "condition": ways[0].condition if ways else None,
        "join": method.is_join,
        "doc": _doc(method.function),
        # A step inherited from a library is not in the package: its line would point nowhere.
        "source": {"file": file.relative_to(folder).as_posix(), "line": method.place.line}
        if file.is_relative_to(folder)
        else None,
        **reading.needs[method.name].fields,
    }


def _transition(way: Way) -> dict[str, Any]:
    fields = {"foreach": way.foreach, "empty": way.empty, "when": way.when, "max_workers": way.max_workers}
    return {"to": list(way.to)} | fields


def _validate(document: dict[str, Any], reading: _Reading) -> tuple[Flow | None, list[CompileProblem]]:
    """What the compiler cannot know better than the spec itself: the shape of the graph, and names."""
    try:
        return validate_spec(document), []
    except SpecError as error:
        return None, [_placed(problem, reading) for problem in error.problems]


def _refused_everywhere(reading: _Reading) -> list[CompileProblem]:
    """What no platform takes of the steps, be the graph that they make right or wrong."""
    name = reading.source.flow_class.__name__
    steps = {step: needs.fields for step, needs in reading.needs.items()}
    entrypoint = {"file": "", "class_name": name, "python": PYTHON}
    document = {"spec_version": SPEC_VERSION, "flow": name, "entrypoint": entrypoint, "steps": steps}
    return [reading.needs[each.step].blame(each) for each in refusals_everywhere(document)]


def _placed(problem: Problem, reading: _Reading) -> CompileProblem:
    needs = reading.needs.get(problem.step or "")
    decorator = problem.path.removeprefix(f"steps.{problem.step}.").partition(".")[0]
    if needs and decorator == "batch" and decorator in needs.where:
        return needs.where[decorator].blame(naming(problem), parameters_in(problem), needs.provenance)
    if needs and decorator in needs.where:
        where = needs.where[decorator]
        return where.place.problem(f"{where.label}: {problem.message}", problem.hint)
    return _place(problem, reading).problem(problem.message, problem.hint)


def _place_of_decorator(reading: _Reading, step: str, name: str) -> Place:
    """Where a decorator stands; the step itself where it has none of that name."""
    where = reading.needs[step].where
    return where[name].place if name in where else reading.source.steps[step].place


def _place(problem: Problem, reading: _Reading) -> Place:
    ways = reading.ways.get(problem.step or "", ())
    way = re.search(r"\.next(?:\.(\d+))?$", problem.path)
    if way is not None and ways:
        return ways[int(way[1] or 0)].place
    method = reading.source.steps.get(problem.step or "")
    return method.place if method else reading.source.place


def _doc(written: type | FunctionType) -> str | None:
    """Its own docstring only: a class inherits none."""
    return inspect.cleandoc(written.__doc__) if written.__doc__ else None
