"""What stands on a flow's class: `@schedule` and `@trigger`, which start it, `@timeout` for its whole runs, and
`@exit_hook` for their ends."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import available_timezones

from steprelay.compile.arguments import Checked
from steprelay.compile.cron import CronError, aws_cron
from steprelay.compile.hooks import read_hooks
from steprelay.compile.limits import read_run_limit
from steprelay.compile.problems import CompileProblem
from steprelay.compile.signatures import EventArguments, ScheduleArguments
from steprelay.sdk.decoration import Decoration
from steprelay_core.spec import nearest

# As Metaflow has them: at the full hour, at midnight, at midnight before Sunday.
_REGULAR = {"hourly": "0 * * * ? *", "daily": "0 0 * * ? *", "weekly": "0 0 ? * SUN *"}


@dataclass(slots=True)
class Starts:
    """The spec's keys of these names; what is refused is left out and in `problems`."""

    schedules: list[dict[str, Any]] = field(default_factory=list)
    triggers: list[dict[str, Any]] = field(default_factory=list)
    timeout_seconds: int | None = None
    hooks: list[dict[str, Any]] = field(default_factory=list)
    problems: list[CompileProblem] = field(default_factory=list)


def read_starts(decorations: Iterable[Decoration], parameters: Iterable[str], file: Mapping[str, Any]) -> Starts:
    """Check the decorators of a flow class; `parameters` are the names of the flow's, `file` has what its file has."""
    starts, seen = Starts(), dict[str, int]()
    known = list(parameters)
    for decoration in decorations:
        checked = Checked.written(decoration)
        if decoration.name in seen:
            checked.say("is given twice", f"it stands in line {seen[decoration.name]} too: keep one")
        elif decoration.name == "schedule":
            starts.schedules += _schedule(checked, known)
        elif decoration.name == "trigger":
            starts.triggers += _triggers(checked, known)
        elif decoration.name == "timeout":
            starts.timeout_seconds = read_run_limit(checked)
        elif decoration.name == "exit_hook":
            starts.hooks = read_hooks(checked, file)
        else:
            checked.say("stands on the flow's class", "it says what one step needs: put it on each step that needs it")
        seen[decoration.name] = checked.place.line
        starts.problems += checked.problems
    return starts


def _schedule(checked: Checked, known: list[str]) -> list[dict[str, Any]]:
    checked.only(ScheduleArguments.model_fields)
    given = checked.read(ScheduleArguments)
    if given is None:
        return []
    chosen = [name for name in ("cron", *_REGULAR) if getattr(given, name)]
    if len(chosen) > 1:
        checked.say(f"gives {' and '.join(chosen)}", "choose one")
    zones = available_timezones()
    # A machine without time zone data cannot tell: EventBridge will.
    if zones and given.timezone not in zones:
        checked.say(
            f"knows no time zone {given.timezone!r}", nearest(given.timezone, zones) or 'for example "Europe/Berlin"'
        )
    _check_parameters(checked, given.parameters, known)
    try:
        expression = aws_cron(given.cron if given.cron is not None else _REGULAR[(chosen or ["daily"])[0]])
    except CronError as error:
        checked.say(f"cron: {error}", 'for example cron="0 6 * * 1-5" or cron="0 6 ? * MON-FRI *"')
    if checked.problems:
        return []
    return [{"expression": expression, "timezone": given.timezone, "parameters": given.parameters}]


def _triggers(checked: Checked, known: list[str]) -> list[dict[str, Any]]:
    checked.only(("event", "events", "parameters"))
    mapping = checked.values.pop("parameters", None)
    if len(checked.values) != 1:
        checked.say("needs event or events", 'for example @trigger(event="order.placed"), or events=[...] for several')
        return []
    given = checked.values.get("events", [checked.values.get("event")])
    if not isinstance(given, (list, tuple)) or not given:
        checked.say(f"'events' must be a list of events, given {given!r}")
        return []
    if mapping is not None and not isinstance(checked.values.get("event"), str):
        checked.say("'parameters' goes with the name of one event", 'events=[{"name": ..., "parameters": {...}}]')
        return []
    events = given if mapping is None else [{"name": given[0], "parameters": mapping}]
    return [trigger for event in events for trigger in _trigger(checked, event, known)]


def _trigger(checked: Checked, event: object, known: list[str]) -> list[dict[str, Any]]:
    before = len(checked.problems)
    if not isinstance(event, (str, dict)):
        checked.say(f"needs a name or a dictionary for each event, given {event!r}")
        return []
    values = {"name": event} if isinstance(event, str) else event
    read = checked.read(EventArguments, values)
    if read is None:
        return []
    _check_parameters(checked, read.parameters or {}, known)
    mapping = {"parameters": read.parameters} if read.parameters is not None else {}
    return [{"event": read.name, **mapping}] if len(checked.problems) == before else []


def _check_parameters(checked: Checked, given: Iterable[str], known: list[str]) -> None:
    for name in given:
        if name not in known:
            checked.say(
                f"names the parameter {name!r}, which the flow does not have",
                nearest(name, known) or (f"it has {', '.join(known)}" if known else "it has none"),
            )
