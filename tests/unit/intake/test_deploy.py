"""Deploying: the last upload wins in whatever order events come, and its schedules with it."""

import itertools
import json
from typing import Any

import pytest

from steprelay_core import keys
from steprelay_core.inbound import RunRequested, Upload, read_request
from steprelay_core.intake.deploy import SCHEDULED_TIME, Deployer, schedule_prefix, schedules_of
from steprelay_core.ports import Conflict, Deployment, WantedSchedule
from steprelay_core.spec import Flow, SpecError, validate_spec
from tests.fakes import MemoryBus, MemoryObjects, MemoryStore
from tests.fakes.archives import spec
from tests.fakes.schedules import MemorySchedules

DAILY = {"expression": "cron(0 6 * * ? *)", "timezone": "Europe/Berlin"}
HOURLY = {"expression": "rate(1 hour)"}
UPLOAD = Upload("bucket", "deploy/f.tar.gz", "deploy", "v1")


class Deployments:
    """A relay that flows are deployed to."""

    def __init__(self) -> None:
        self.store, self.schedules = MemoryStore(), MemorySchedules()
        self.objects, self.bus = MemoryObjects(), MemoryBus()
        self.deployer = Deployer("steprelay", self.store, self.schedules, self.objects, self.bus)

    def deploy(self, at: float = 1.0, *, flow: str = "ReportFlow", **more: Any) -> str | None:
        """Deploy a version that was uploaded at this time; its digest is made of the time."""
        checked = flow_of(flow, **more)
        digest = f"{int(at):064}"
        self.objects.put(keys.spec(digest), checked.spec.model_dump_json().encode())
        return self.deployer.deploy(checked, digest, UPLOAD, at)

    @property
    def expressions(self) -> list[str]:
        return sorted(schedule.expression for schedule in self.schedules.schedules.values())


def flow_of(name: str = "ReportFlow", **more: Any) -> Flow:
    return validate_spec(spec(name, **more))


def test_a_deployed_flow_has_its_triggers_and_schedules() -> None:
    relay = Deployments()
    assert relay.deploy(schedules=[DAILY, HOURLY], triggers=[{"event": "A"}, {"event": "B"}, {"event": "A"}]) is None
    deployment = relay.store.deployment("ReportFlow")
    assert deployment is not None
    assert deployment.triggers == ("A", "B")
    assert set(deployment.schedules) == set(relay.schedules.schedules)
    assert relay.expressions == ["cron(0 6 * * ? *)", "rate(1 hour)"]


def test_a_deployment_is_announced_under_the_uploads_id() -> None:
    relay = Deployments()
    relay.deploy(triggers=[{"event": "A"}])
    relay.deploy(triggers=[{"event": "A"}])
    first, second = relay.bus.published
    assert first == second
    assert (first.detail_type, first.detail["flow"], first.detail["triggers"]) == ("Flow Deployed", "ReportFlow", ["A"])


def test_a_new_version_takes_the_place_of_the_old_one() -> None:
    relay = Deployments()
    relay.deploy(1, schedules=[DAILY, HOURLY], triggers=[{"event": "A"}])
    relay.deploy(2, schedules=[DAILY], triggers=[{"event": "B"}])
    assert relay.expressions == ["cron(0 6 * * ? *)"]
    assert relay.store.subscribers("A") == []
    assert [deployment.flow for deployment in relay.store.subscribers("B")] == ["ReportFlow"]


def test_a_version_without_schedules_ends_those_of_the_one_before() -> None:
    relay = Deployments()
    relay.deploy(1, schedules=[DAILY])
    relay.deploy(2)
    assert relay.schedules.schedules == {}


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
def test_the_last_upload_wins_in_whatever_order_the_events_come(order: tuple[int, ...]) -> None:
    versions = {1: [DAILY], 2: [HOURLY], 3: [{"expression": "rate(3 days)"}]}
    relay = Deployments()
    for version in order:
        relay.deploy(version, schedules=versions[version])
    deployment = relay.store.deployment("ReportFlow")
    assert deployment is not None
    assert deployment.deployed_at == 3
    assert relay.expressions == ["rate(3 days)"]


def test_an_earlier_upload_says_that_a_later_one_stays() -> None:
    relay = Deployments()
    relay.deploy(2)
    assert relay.deploy(1) == "a later upload of this flow is deployed"
    assert len(relay.bus.published) == 1


def test_another_flows_schedules_are_left_alone() -> None:
    relay = Deployments()
    relay.deploy(1, flow="Report", schedules=[DAILY])
    relay.deploy(2, flow="ReportFlow", schedules=[HOURLY])
    relay.deploy(3, flow="Report")
    assert relay.expressions == ["rate(1 hour)"]


def test_a_refused_schedule_leaves_the_flow_deployed_as_it_was() -> None:
    relay = Deployments()
    relay.deploy(1, schedules=[DAILY])
    relay.schedules.refused.add("cron(61 * * * ? *)")
    with pytest.raises(SpecError) as raised:
        relay.deploy(2, schedules=[HOURLY, {"expression": "cron(61 * * * ? *)"}])
    assert [problem.path for problem in raised.value.problems] == ["schedules.1.expression"]
    assert relay.expressions == ["cron(0 6 * * ? *)"]
    deployment = relay.store.deployment("ReportFlow")
    assert deployment is not None
    assert deployment.deployed_at == 1


def test_a_handler_that_died_after_saving_is_made_up_for_by_the_redelivery() -> None:
    relay = Deployments()
    relay.deploy(1, schedules=[DAILY])
    relay.deploy(2, schedules=[HOURLY])
    stray = WantedSchedule(schedule_prefix("steprelay", "ReportFlow") + "00000000", "rate(9 days)", "UTC", {})
    relay.schedules.schedules = {stray.name: stray}
    relay.deploy(2, schedules=[HOURLY])
    assert relay.expressions == ["rate(1 hour)"]


def test_a_deployment_in_between_gets_its_schedules_whoever_sets_them() -> None:
    class Racing(MemoryStore):
        """Another handler deploys version 3 right after version 2 was saved."""

        def deploy(self, deployment: Deployment) -> Deployment | None:
            before = super().deploy(deployment)
            if deployment.deployed_at == 2:
                super().deploy(Deployment("ReportFlow", f"{3:064}", 3.0))
            return before

    relay = Deployments()
    relay.store = Racing()
    relay.deployer = Deployer("steprelay", relay.store, relay.schedules, relay.objects, relay.bus)
    third = flow_of(schedules=[{"expression": "rate(3 days)"}])
    relay.objects.put(keys.spec(f"{3:064}"), third.spec.model_dump_json().encode())
    relay.deploy(2, schedules=[HOURLY])
    assert relay.expressions == ["rate(3 days)"]


def test_deployments_that_never_come_to_rest_are_left_to_a_redelivery() -> None:
    class Restless(MemoryStore):
        def deployment(self, flow: str) -> Deployment | None:
            self.time = getattr(self, "time", 10.0) + 1
            return Deployment(flow, f"{2:064}", self.time)

    relay = Deployments()
    relay.deployer = Deployer("steprelay", Restless(), relay.schedules, relay.objects, relay.bus)
    with pytest.raises(Conflict):
        relay.deploy(2)


def test_a_schedules_parameters_are_checked_before_it_is_needed() -> None:
    flow = flow_of(
        parameters={"day": {"required": True}, "limit": {"type": "int"}},
        schedules=[HOURLY, DAILY | {"parameters": {"day": "x", "limit": "many"}}],
    )
    with pytest.raises(SpecError) as raised:
        Deployments().deployer.check(flow)
    paths = [problem.path for problem in raised.value.problems]
    assert paths == ["schedules.0.parameters.day", "schedules.1.parameters.limit"]


def test_the_message_of_a_schedule_is_a_request_that_knows_its_hour() -> None:
    (schedule,) = schedules_of("steprelay", flow_of(schedules=[HOURLY | {"parameters": {}}]))
    sent = json.dumps(schedule.message).replace(SCHEDULED_TIME, "2026-09-21T06:00:00Z")
    request = read_request(sent, "m-1")
    assert isinstance(request, RunRequested)
    assert (request.flow, request.request) == ("ReportFlow", f"{schedule.name}@2026-09-21T06:00:00Z")


@pytest.mark.parametrize("flow", ["A", "F" * 64, "Überflow", "数据流", "a_b-c"])
def test_a_schedules_name_is_one_that_scheduler_takes(flow: str) -> None:
    (schedule,) = schedules_of("steprelay", flow_of(flow, schedules=[DAILY]))
    assert len(schedule.name) <= 64
    assert set(schedule.name) <= set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.")


def test_a_schedules_name_tells_relay_flow_and_content() -> None:
    names = {
        schedules_of(relay, flow_of(flow, schedules=[schedule]))[0].name
        for relay in ("one", "two")
        for flow in ("F", "G", "数", "据")
        for schedule in (DAILY, HOURLY, DAILY | {"timezone": "UTC"})
    }
    assert len(names) == 2 * 4 * 3


def test_two_schedules_that_say_the_same_are_one() -> None:
    assert len(schedules_of("steprelay", flow_of(schedules=[DAILY, DAILY]))) == 1
