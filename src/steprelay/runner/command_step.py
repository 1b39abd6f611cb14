"""A step that is a command: any program, told by environment variables and files, never through a shell."""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steprelay.runner.brief import JOINS, Brief, Ended
from steprelay.runner.checkpoint import TaskCheckpoint
from steprelay.runner.parents import carried_artifacts, stack_of
from steprelay.runner.progress import Progress
from steprelay.runner.watchdog import TimeLimit, held_back
from steprelay.runner.work import Context, Remains
from steprelay.sdk.binding import Ref
from steprelay.sdk.exceptions import InvalidNext, Reclaimed
from steprelay.sdk.transition import Pack, Taken, check_empty, hold, items_of, shorten

# Only these classes are worth loading to find out whether JSON can hold the value.
_JSON_CLASSES = frozenset({"str", "int", "float", "bool", "NoneType", "list", "tuple", "dict"})
_NAME = re.compile(r"[^\W\d]\w*")
_NEXT = "next"
# Between SIGTERM and SIGKILL to a command: shorter than what the watching process grants, of a reclaim this part.
_TIMEOUT_GRACE_SECONDS, _RECLAIM_GRACE_PART = 3.0, 0.8
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


class CommandFailed(Exception):
    """The command did not exit with 0. `exit_code` as a shell counts it: 128 + signal for a killed one."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text, exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return str(self.args[0])


class OutputError(Exception):
    """What the command left in STEPRELAY_OUTPUT cannot be used."""


class CommandStep:
    """Runs the brief's command in `folder`; `scratch` is where its input and output folders are made."""

    def __init__(
        self, context: Context, folder: Path, scratch: Path, progress: Progress, checkpoint: TaskCheckpoint
    ) -> None:
        self._context, self._folder, self._progress, self._checkpoint = context, folder, progress, checkpoint
        self._input, self._output = scratch / "input", scratch / "output"
        self._remains: Remains | None = None

    def run(self, limit: TimeLimit) -> None:
        """Run the command within its time and take in what it wrote.

        Raises:
            CommandFailed: if it cannot be started or exits with another code than 0.
            OutputError: if what it wrote is not JSON, or not named as artifacts can be.
            InvalidNext: if it did not say clearly what follows.
        """
        brief = self._context.task.brief
        self._input.mkdir(parents=True)
        self._output.mkdir(parents=True)
        write_inputs(self._context, self._input)
        environment = self._environment()
        with limit.of_code():
            run_command(brief.command or (), self._folder, environment, self._progress)
        carried = _carried(self._context)
        values, chosen = read_output(brief.step, self._output)
        lookup = {name: self._context.reader.load(ref) for name, ref in _deciding(brief, carried, values).items()}
        self._remains = Remains(
            carried, values, taken=choose_way(brief, {**lookup, **values}, chosen, self._context.pack)
        )

    def remains(self) -> Remains:
        """What the command has left."""
        return self._remains or self._context.untouched()

    def _environment(self) -> dict[str, str]:
        task, brief = self._context.task, self._context.task.brief
        stack = stack_of(task, self._context.parents)
        parameters = {f"STEPRELAY_PARAM_{name.upper()}": _text(value) for name, value in brief.parameters.items()}
        return {
            **os.environ,
            **parameters,
            "STEPRELAY_RUN_ID": brief.run,
            "STEPRELAY_FLOW_NAME": brief.flow,
            "STEPRELAY_STEP_NAME": brief.step,
            "STEPRELAY_TASK_ID": task.name,
            "STEPRELAY_RETRY_COUNT": str(brief.retry_count),
            "STEPRELAY_INPUT": str(self._input),
            "STEPRELAY_OUTPUT": str(self._output),
            "STEPRELAY_CHECKPOINT": str(self._checkpoint.directory),
            **({"STEPRELAY_INDEX": str(stack[-1].index)} if stack else {}),
            **({} if brief.hook is None else _ended(brief.hook)),
        }


def _ended(run: Ended) -> dict[str, str]:
    """What the command of an exit hook is told of its run."""
    failure = "" if run.failure is None else json.dumps(run.failure)
    return {"STEPRELAY_RUN_STATUS": run.status, "STEPRELAY_RUN_FAILURE": failure}


def write_inputs(context: Context, folder: Path) -> None:
    """`<artifact>.json` for all that JSON can hold, `input.json` for a foreach's item; in a join, by input."""
    stack = stack_of(context.task, context.parents)
    if stack:
        _write_json(folder, "input", context.parents.frame(stack[-1]).item())
    if context.task.brief.input_kind not in JOINS:
        for name, ref in carried_artifacts(context.task, context.parents).items():
            if ref.type in _JSON_CLASSES:
                _write_json(folder, name, context.reader.load(ref))
        return
    for position, parent in enumerate(context.parents.all):
        inner = folder / str(position)
        inner.mkdir()
        for name, ref in parent.artifacts().items():
            if ref.type in _JSON_CLASSES:
                _write_json(inner, name, parent.value(name))


def _write_json(folder: Path, name: str, value: Any) -> None:
    with contextlib.suppress(TypeError, ValueError, RecursionError):
        text = json.dumps(value)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def run_command(command: tuple[str, ...], folder: Path, environment: Mapping[str, str], progress: Progress) -> None:
    """Run it in a process group of its own, its output going where ours goes.

    Raises:
        CommandFailed: if it cannot be started or exits with another code than 0.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with held_back():
            process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, process_group=0)
            progress.group(process.pid)
        code = process.wait()
    except BaseException as error:
        if process is not None:
            _end(process, _grace(error))
        elif isinstance(error, OSError):
            code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
            raise CommandFailed(f"command {command[0]!r} cannot be started: {error.strerror}", code) from None
        raise
    if code:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        raise CommandFailed(f"command {shorten(list(command))} {how}", 128 - code if code < 0 else code)


def _grace(error: BaseException) -> float:
    return error.seconds * _RECLAIM_GRACE_PART if isinstance(error, Reclaimed) else _TIMEOUT_GRACE_SECONDS


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    """SIGTERM to the whole group, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)


def read_output(step: str, folder: Path) -> tuple[dict[str, Any], str | None]:
    """The artifacts a command wrote, and the step it chose in a file `next`, if any.

    Raises:
        OutputError: with every file that cannot be used.
    """
    values: dict[str, Any] = {}
    chosen: str | None = None
    problems: list[str] = []
    for file in sorted(folder.iterdir()):
        if file.name == _NEXT:
            chosen = file.read_text(encoding="utf-8").strip()
        elif file.suffix != ".json" or not _NAME.fullmatch(file.stem):
            problems.append(f"{file.name} is not named like an artifact: letters, digits and _, then .json")
        else:
            try:
                values[file.stem] = json.loads(file.read_bytes())
            except ValueError as error:
                problems.append(f"{file.name} is not JSON: {error}")
    if problems:
        raise OutputError(f"step {step!r}, STEPRELAY_OUTPUT: {'; '.join(problems)}")
    return values, chosen


def choose_way(brief: Brief, values: Mapping[str, Any], chosen: str | None, pack: Pack = hold) -> Taken | None:
    """The way on: the one `chosen` names, the one whose `when` is the condition's value, or the only one.

    Raises:
        InvalidNext: if none or several fit.
    """
    if not brief.ways:
        return None
    fitting = list(range(len(brief.ways)))
    asked = "nothing in STEPRELAY_OUTPUT/next"
    if chosen is not None:
        fitting, asked = [at for at in fitting if chosen in brief.ways[at].to], f"{chosen!r} in STEPRELAY_OUTPUT/next"
    elif brief.condition is not None:
        value = values.get(brief.condition)
        fitting = [at for at in fitting if brief.ways[at].when in {str(value), _text(value)}]
        asked = f"{brief.condition} = {shorten(value)}"
    if len(fitting) != 1:
        known = "; ".join(f"{way}" + (f" when {way.when}" if way.when else "") for way in brief.ways)
        raise InvalidNext(f"step {brief.step!r} left {asked}, which does not tell one way on; ways: {known}")
    way = brief.ways[fitting[0]]
    if way.foreach is None:
        return Taken(fitting[0])
    items = items_of(brief.step, way.foreach, values.get(way.foreach), pack)
    check_empty(brief.step, way, values.get(way.foreach), items)
    return Taken(fitting[0], items)


def _carried(context: Context) -> dict[str, Ref]:
    """As in a Python step, but a command has no merge_artifacts: its join takes over what no two inputs differ in."""
    if context.task.brief.input_kind not in JOINS:
        return carried_artifacts(context.task, context.parents)
    found: dict[str, Ref | None] = {}
    opener = context.parents.opener
    for parent in context.parents.all if opener is None else [opener]:
        for name, ref in parent.artifacts().items():
            known = found.setdefault(name, ref)
            found[name] = ref if known is not None and known.sha256 == ref.sha256 else None
    return {name: ref for name, ref in found.items() if ref is not None}


def _deciding(brief: Brief, carried: Mapping[str, Ref], values: Mapping[str, Any]) -> dict[str, Ref]:
    """The carried artifacts that the choice of the way on needs."""
    needed = {brief.condition, *(way.foreach for way in brief.ways)} - set(values)
    return {name: ref for name, ref in carried.items() if name in needed}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
