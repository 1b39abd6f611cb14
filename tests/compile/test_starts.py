"""`@schedule` and `@trigger` on the flow class."""

import pytest

from steprelay.compile import CompileProblem, compile_file
from steprelay_core.spec import Spec
from tests.compile.conftest import Bench

FLOW = """
from steprelay import *

{decorators}
class TestedFlow(FlowSpec):
    alpha = Parameter("alpha", default=1)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def _spec(bench: Bench, decorators: str) -> Spec:
    bench.write(FLOW.format(decorators=decorators))
    return compile_file(bench.file).flow.spec


def _problem(bench: Bench, decorators: str) -> CompileProblem:
    bench.write(FLOW.format(decorators=decorators))
    (problem,) = bench.problems_of_file()
    assert (problem.file, problem.line) == bench.at()
    return problem


@pytest.mark.parametrize(
    ("arguments", "expression"),
    [
        ("", "cron(0 0 * * ? *)"),
        ("hourly=True", "cron(0 * * * ? *)"),
        ("daily=True", "cron(0 0 * * ? *)"),
        ("weekly=True", "cron(0 0 ? * SUN *)"),
        ("cron='0 10 ? * MON-FRI *'", "cron(0 10 ? * MON-FRI *)"),
        ("cron='30 6 * * 1-5'", "cron(30 6 ? * MON,TUE,WED,THU,FRI *)"),
    ],
)
def test_a_schedule_becomes_an_eventbridge_expression(bench: Bench, arguments: str, expression: str) -> None:
    (schedule,) = _spec(bench, f"@schedule({arguments})").schedules
    assert (schedule.expression, schedule.timezone) == (expression, "UTC")


def test_a_schedule_keeps_its_time_zone_and_parameters(bench: Bench) -> None:
    (schedule,) = _spec(bench, "@schedule(hourly=True, timezone='Europe/Berlin', parameters={'alpha': 2})").schedules
    assert (schedule.timezone, schedule.parameters) == ("Europe/Berlin", {"alpha": 2})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("@schedule(cron='* * *')", "@schedule cron: '* * *' has 3 fields: unix cron has five, EventBridge's six"),
        ("@schedule(hourly=True, daily=True)", "@schedule gives hourly and daily"),
        ("@schedule(cron='0 1 * * *', weekly=True)", "@schedule gives cron and weekly"),
        ("@schedule(timezone='Europe/Berln')", "@schedule knows no time zone 'Europe/Berln'"),
        ("@schedule(every=5)", "@schedule has no argument 'every'"),
        ("@schedule(hourly=1)", "@schedule: 'hourly' must be true or false, given 1"),
        ("@schedule(parameters={'alhpa': 1})", "@schedule names the parameter 'alhpa', which the flow does not have"),
        ("@trigger", "@trigger needs event or events"),
        ("@trigger(event='a', events=['b'])", "@trigger needs event or events"),
        ("@trigger(event=3)", "@trigger needs a name or a dictionary for each event, given 3"),
        ("@trigger(event='')", "@trigger: 'name' must be text of 1 to 128 characters, given ''"),
        ("@trigger(events='a')", "@trigger 'events' must be a list of events, given 'a'"),
        ("@trigger(event={'parameters': {}})", "@trigger: 'name' is missing"),
        ("@trigger(event={'name': 'a', 'params': {}})", "@trigger: unknown key 'params'"),
        ("@trigger(evnt='a', event='b')", "@trigger has no argument 'evnt'"),
        (
            "@trigger(event={'name': 'a', 'parameters': {'beta': 'x'}})",
            "@trigger names the parameter 'beta', which the flow does not have",
        ),
    ],
)
def test_misuse_is_said_with_its_line(bench: Bench, written: str, message: str) -> None:
    assert _problem(bench, f"{written}  # HERE").message == message


def test_a_second_schedule_names_the_line_of_the_first(bench: Bench) -> None:
    found = _problem(bench, "@schedule(hourly=True)\n@schedule(daily=True)  # HERE")
    assert (found.message, found.hint) == ("@schedule is given twice", "it stands in line 4 too: keep one")


@pytest.mark.parametrize(
    ("arguments", "triggers"),
    [
        ("event='order.placed'", [("order.placed", None)]),
        ("event={'name': 'a', 'parameters': {'alpha': 'size'}}", [("a", {"alpha": "size"})]),
        ("event='a', parameters={'alpha': 'size'}", [("a", {"alpha": "size"})]),
        ("events=['a', {'name': 'b', 'parameters': {}}]", [("a", None), ("b", {})]),
    ],
)
def test_a_trigger_names_events_and_the_parameters_they_carry(
    bench: Bench, arguments: str, triggers: list[tuple[str, object]]
) -> None:
    found = _spec(bench, f"@trigger({arguments})").triggers
    assert [(trigger.event, trigger.parameters) for trigger in found] == triggers


def test_a_timeout_on_the_class_limits_whole_runs(bench: Bench) -> None:
    spec = _spec(bench, "@timeout(hours=6, minutes=1)")
    assert spec.timeout_seconds == 6 * 3600 + 60
    assert spec.steps["start"].timeout_seconds is None
    assert _spec(bench, "@schedule(daily=True)").timeout_seconds is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("@timeout", "@timeout gives no time"),
        ("@timeout(hours='6')", "@timeout: 'hours' must be a number, at least 0, given '6'"),
        ("@timeout(day=1)", "@timeout has no argument 'day'"),
        (
            "@timeout(hours=1, queue_minutes=5)",
            "@timeout limits a whole run here, and queue_minutes the waiting of one step's job",
        ),
        ("@timeout(60)", "@timeout takes named arguments only, given 60"),
        ("@retry(times=2)", "@retry stands on the flow's class"),
    ],
)
def test_what_limits_no_run_is_said_with_its_line(bench: Bench, written: str, message: str) -> None:
    assert _problem(bench, f"{written}  # HERE").message == message
