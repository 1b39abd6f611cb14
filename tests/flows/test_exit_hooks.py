"""Exit hooks, and the events that tell of failures, on the embedded relay."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from steprelay.local.record import RelayInfo
from tests.flows.conftest import Ended, Project
from tests.local.relay.support import Aws, eventually

FLOW = """
import json, pathlib
from steprelay import EndedRun, FlowSpec, Parameter, batch, exit_hook, retry, step


def write_down(run: EndedRun) -> None:
    print("writing down", run.status)
    told = {
        "id": run.id, "status": run.status, "mood": run.parameters.mood,
        "answer": run.data.answer if run.succeeded else None,
        "failure": run.failure and run.failure._asdict(),
    }
    (pathlib.Path(run.parameters.notes) / f"{run.status}.json").write_text(json.dumps(told))


def complain(run):
    print("about to fail")
    raise RuntimeError("nobody answers the phone")


def say_nothing():
    pass


@exit_hook(on_success=[write_down, say_nothing, complain], on_error=[write_down])
class HookedFlow(FlowSpec):
    notes = Parameter("notes", required=True)
    mood = Parameter("mood", default="good")

    @step
    def start(self):
        self.items = [0, 1]
        self.next(self.work, foreach="items")

    @batch(memory=256)
    @step
    def work(self):
        for number in range(30):
            print("line", number)
        if self.mood == "bad" and self.input == 1:
            raise ValueError("the database is down")
        self.next(self.join)

    @step
    def join(self, inputs):
        if self.mood == "sulky":
            print("no joining today")
            raise ValueError("not together")
        self.next(self.end)

    @step
    def end(self):
        self.answer = 42
"""


def _ended(project: Project, mood: str) -> Ended:
    project.write("hooked.py", FLOW)
    return project.run("hooked.py", "--notes", str(project.folder), "--mood", mood)


def _noted(project: Project, status: str) -> dict[str, Any]:
    noted: dict[str, Any] = json.loads((project.folder / f"{status}.json").read_text())
    return noted


@contextmanager
def _listening(relay: RelayInfo, aws: Aws) -> Iterator[str]:
    """The URL of a queue that gets all that the relay announces."""
    bus = relay.outputs["BusName"]
    with aws.queue() as (url, arn):
        name = url.rpartition("/")[2]
        aws.events.put_rule(Name=name, EventBusName=bus, EventPattern='{"source": ["steprelay"]}')
        aws.events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        yield url
        aws.events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
        aws.events.delete_rule(Name=name, EventBusName=bus)


def _announced(aws: Aws, url: str, run: str, wanted: str) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}

    def look() -> dict[str, Any] | None:
        for body in aws.receive(url):
            event = json.loads(body)
            if event["detail"].get("run") == run:
                found[event["detail-type"]] = event["detail"]
        return found.get(wanted)

    return eventually(look)


def test_hooks_of_a_success_are_given_the_run_and_its_artifacts(project: Project) -> None:
    ended = _ended(project, "good")
    assert (ended.code, ended.result["status"]) == (0, "SUCCEEDED"), ended.errors
    told = _noted(project, "SUCCEEDED")
    assert told == {
        "id": ended.result["run"],
        "status": "SUCCEEDED",
        "mood": "good",
        "answer": 42,
        "failure": None,
    }
    # `run` waited for all of them; one that fails is told of, and changes nothing.
    last = {change["hook"]: change for change in ended.of_kind("hook")}
    assert {name: change["state"] for name, change in last.items()} == {
        "write_down": "succeeded",
        "say_nothing": "succeeded",
        "complain": "failed",
    }
    assert last["complain"]["reason"] == "RuntimeError: nobody answers the phone"
    shown = json.loads(project.steprelay("runs", "show", ended.result["run"], "--on", "local", "--json").stdout)
    assert shown["status"] == "SUCCEEDED"
    assert {hook["hook"]: hook["state"] for hook in shown["hooks"]}["complain"] == "failed"
    printed = project.steprelay("logs", ended.result["run"], "complain", "--on", "local").stdout
    assert "complain | about to fail" in printed
    assert "nobody answers the phone" in printed


def test_a_hook_and_the_events_of_a_failed_run_have_its_first_cause_with_its_last_lines(
    project: Project, relay: RelayInfo, aws: Aws
) -> None:
    with _listening(relay, aws) as url:
        ended = _ended(project, "bad")
        assert (ended.code, ended.result["status"]) == (1, "FAILED"), ended.errors
        event = _announced(aws, url, ended.result["run"], "Run Failed")
    told = _noted(project, "FAILED")
    assert told["answer"] is None
    for failure, class_ in ((told["failure"], "failure_class"), (event, "class")):
        assert (failure["step"], failure["task"], failure["attempt"]) == ("work", "work.1", 1)
        assert (failure[class_], failure["exit_code"]) == ("program", 1)
        assert failure["reason"] == "ValueError: the database is down"
        assert failure["log_stream"]
        # An embedded relay has no console.
        assert failure["log_link"] is None
        assert len(failure["log_lines"]) == 20
        assert "line 29" in failure["log_lines"]
        assert "ValueError: the database is down" in failure["log_lines"][-1]


def test_of_a_light_step_that_failed_the_event_has_the_lines_as_well(
    project: Project, relay: RelayInfo, aws: Aws
) -> None:
    with _listening(relay, aws) as url:
        ended = _ended(project, "sulky")
        event = _announced(aws, url, ended.result["run"], "Step Failed")
    assert (event["step"], event["task"], event["class"]) == ("join", "join", "program")
    assert event["log_lines"][0] == "no joining today"
    assert "ValueError: not together" in event["log_lines"][-1]
