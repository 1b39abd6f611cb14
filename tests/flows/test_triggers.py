"""Runs that nobody started by hand: an upload with any tool, an event, a schedule."""

import json
import re

from steprelay.local.record import RelayInfo
from tests.flows.conftest import Project
from tests.local.relay.support import Aws, eventually

FLOW = """
from steprelay import FlowSpec, Parameter, schedule, step, trigger


{decorator}
class {name}(FlowSpec):
    order = Parameter("order", default="all")

    @step
    def start(self):
        self.seen = self.order
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    {name}()
"""


def test_a_package_copied_to_the_bucket_runs(project: Project, relay: RelayInfo, aws: Aws) -> None:
    project.write("flow.py", FLOW.format(decorator="", name="Copied"))
    assert project.steprelay("package", "flow.py", "-o", "copied.tar.gz").returncode == 0
    aws.s3.upload_file(
        str(project.folder / "copied.tar.gz"),
        relay.outputs["PackageBucket"],
        "run/copied.tar.gz",
        ExtraArgs={"Metadata": {"parameters": json.dumps({"order": "A-17"})}},
    )
    run = eventually(lambda: next((run for run in project.runs_of("Copied") if run["status"] == "SUCCEEDED"), None))
    assert run["parameters"] == {"order": "A-17"}
    tags = aws.s3.get_object_tagging(Bucket=relay.outputs["PackageBucket"], Key="run/copied.tar.gz")["TagSet"]
    assert {"Key": "steprelay", "Value": "accepted"} in tags


def test_an_event_starts_the_deployed_flows_that_wait_for_it(project: Project, relay: RelayInfo, aws: Aws) -> None:
    decorator = '@trigger(event={"name": "order.placed.test", "parameters": {"order": "order_id"}})'
    project.write("flow.py", FLOW.format(decorator=decorator, name="Triggered"))
    assert project.steprelay("deploy", "flow.py", "--on", "local").returncode == 0
    aws.events.put_events(
        Entries=[
            {
                "EventBusName": relay.outputs["BusName"],
                "Source": "shop",
                "DetailType": "order.placed.test",
                "Detail": json.dumps({"order_id": "B-4"}),
            }
        ]
    )
    run = eventually(lambda: next((run for run in project.runs_of("Triggered") if run["status"] == "SUCCEEDED"), None))
    assert run["parameters"] == {"order": "B-4"}


def test_a_run_requested_message_starts_a_deployed_flow(project: Project, relay: RelayInfo, aws: Aws) -> None:
    project.write("flow.py", FLOW.format(decorator="", name="Requested"))
    assert project.steprelay("deploy", "flow.py", "--on", "local").returncode == 0
    aws.events.put_events(
        Entries=[
            {
                "EventBusName": relay.outputs["BusName"],
                "Source": "me",
                "DetailType": "Run Requested",
                "Detail": json.dumps({"flow": "Requested", "parameters": {"order": "C-1"}}),
            }
        ]
    )
    run = eventually(lambda: next((run for run in project.runs_of("Requested") if run["status"] == "SUCCEEDED"), None))
    assert run["parameters"] == {"order": "C-1"}


def test_a_schedule_starts_the_deployed_flow(project: Project) -> None:
    """Scheduler's beat is a minute; this waits for the next one."""
    project.write("flow.py", FLOW.format(decorator='@schedule(cron="* * * * *")', name="Scheduled"))
    assert project.steprelay("deploy", "flow.py", "--on", "local").returncode == 0
    run = eventually(lambda: next(iter(project.runs_of("Scheduled")), None), seconds=100)
    assert run["origin"]["kind"] == "schedule"
    project.write("flow.py", FLOW.format(decorator="", name="Scheduled"))
    assert project.steprelay("deploy", "flow.py", "--on", "local").returncode == 0


def test_a_rejected_package_is_told_with_every_problem(project: Project) -> None:
    spec = {"spec_version": 1, "flow": "Odd", "steps": {"start": {"command": ["true"], "batch": {"memry": 1}}}}
    project.write("steprelay.json", json.dumps(spec))
    done = project.steprelay("run", ".", "--on", "local")
    assert done.returncode == 2
    assert re.search(r"memry.*did you mean 'memory'", done.stderr, re.DOTALL)
