"""package_uploaded on every payload of events/package_uploaded."""

import json
from typing import Any

import pytest

from functions.package_uploaded.app import respond
from steprelay_core import keys
from steprelay_core.intake import upload_run_id
from tests.fakes.archives import package, spec, spec_member
from tests.fakes.payloads import cases, payload
from tests.functions.uploads import CASES, GOOD, REJECTED, SCHEDULED, STARTED
from tests.functions.world import World, log_lines


def received(case: str) -> World:
    world, expected = World(), CASES[case]
    if expected.package is not None:
        world.upload(expected.package, payload("package_uploaded", case), expected.metadata)
    assert respond(payload("package_uploaded", case), world.relay) == {"batchItemFailures": []}
    return world


def test_every_payload_of_the_folder_is_expected_here() -> None:
    assert set(cases("package_uploaded")) == {*CASES, "mixed_batch"}


@pytest.mark.parametrize("case", CASES)
def test_an_upload_leads_to_what_it_should_and_to_nothing_else(case: str) -> None:
    expected = CASES[case]
    world = received(case)
    assert sorted(set(world.announced)) == expected.announced
    assert len(world.store.runs) == (1 if expected.announced == STARTED else 0)
    assert set(world.store.deployments) == ({"ReportFlow"} if expected.announced == ["Flow Deployed"] else set())
    assert [upload.tags.get("steprelay") for upload in world.uploads.uploaded.values()] == [expected.tag] * (
        expected.package is not None
    )
    assert len(world.reasons) == len(expected.buried)
    assert all(words in reason for words, reason in zip(expected.buried, world.reasons, strict=True))


REJECTIONS = [case for case, expected in CASES.items() if expected.announced == REJECTED]


@pytest.mark.parametrize("case", REJECTIONS)
def test_a_rejection_is_one_event_with_every_problem(case: str) -> None:
    (event,) = received(case).bus.published
    texts = [problem["text"] for problem in event.detail["problems"]]
    assert event.detail["id"] == event.id
    assert event.detail["bucket"] == "steprelay-packages"
    assert event.detail["problem_count"] == len(texts)
    for words in CASES[case].says:
        assert any(words in text for text in texts), texts


@pytest.mark.parametrize("case", REJECTIONS)
def test_a_rejection_is_one_log_line(case: str) -> None:
    with log_lines() as lines:
        received(case)
    (line,) = lines
    assert (line["message"], line["level"]) == ("package rejected", "WARNING")
    assert line["upload"].startswith("s3://steprelay-packages/")
    assert line["problems"]


@pytest.mark.parametrize("case", REJECTIONS)
def test_a_rejected_upload_is_kept_and_nothing_of_it_is_stored(case: str) -> None:
    world = received(case)
    (uploaded,) = world.uploads.uploaded.values()
    assert uploaded.body == CASES[case].package
    assert uploaded.tags == {"steprelay": "rejected"}
    assert [key.partition("/")[0] for key in world.objects.objects] == ["rejected"]
    assert world.schedules.schedules == {}


@pytest.mark.parametrize("case", REJECTIONS)
def test_a_rejection_can_be_read_by_whoever_does_not_listen_to_the_bus(case: str) -> None:
    world = received(case)
    (event,) = world.bus.published
    key = keys.rejection(event.id.removeprefix("rejected-"))
    assert json.loads(world.objects.objects[key]) == event.detail


@pytest.mark.parametrize("case", [case for case, expected in CASES.items() if expected.announced])
def test_a_redelivery_changes_nothing_and_says_the_same(case: str) -> None:
    world = received(case)
    before = (dict(world.store.runs), dict(world.store.deployments), dict(world.schedules.schedules))
    said = {event.id: event for event in world.bus.published}
    respond(payload("package_uploaded", case), world.relay)
    assert (world.store.runs, world.store.deployments, world.schedules.schedules) == before
    assert {event.id: event for event in world.bus.published} == said


def test_one_upload_is_one_run_whose_id_tells_which() -> None:
    world = received("run_delivered_twice")
    record = json.loads(payload("package_uploaded", "run")["Records"][0]["body"])["detail"]["object"]
    run = upload_run_id("RobustFlow", "steprelay-packages", record["key"], record["version-id"])
    assert list(world.store.runs) == [run]
    assert world.stored(run).run.origin.detail["version"] == record["version-id"]


def test_an_event_without_a_version_is_the_run_of_the_version_that_is_there() -> None:
    world = World()
    event = payload("package_uploaded", "run_without_version")
    world.upload(GOOD, event).version = "v7"
    respond(event, world.relay)
    assert list(world.store.runs) == [upload_run_id("RobustFlow", "steprelay-packages", "run/robust.tar.gz", "v7")]


def test_the_accepted_package_and_its_spec_are_kept_by_digest() -> None:
    world = received("run")
    (stored,) = world.store.runs.values()
    assert world.objects.objects[keys.package(stored.run.digest)] == GOOD
    assert json.loads(world.objects.objects[keys.spec(stored.run.digest)]) == spec()


def test_an_accepted_upload_says_which_run_it_became() -> None:
    world = received("run")
    (uploaded,) = world.uploads.uploaded.values()
    (run,) = world.store.runs
    assert uploaded.tags == {"steprelay": "accepted", "steprelay-flow": "RobustFlow", "steprelay-run": run}


def test_the_first_step_is_handed_over() -> None:
    assert [message["member"] for message in received("run").light.messages] == [0]


def test_parameters_come_from_the_objects_metadata_with_their_types() -> None:
    (stored,) = received("run_with_parameters").store.runs.values()
    assert stored.run.parameters == {"alpha": 0.5}


@pytest.mark.parametrize("text", ["{", "[1]", '"x"', "[" * 5000])
def test_metadata_that_is_no_json_object_is_rejected(text: str) -> None:
    world = World()
    event = payload("package_uploaded", "run")
    world.upload(GOOD, event, {"parameters": text})
    respond(event, world.relay)
    (announced,) = world.bus.published
    assert "object metadata `parameters` is" in announced.detail["problems"][0]["text"]


def test_a_500_mb_package_costs_as_much_to_read_as_a_small_one() -> None:
    small, large = received("run"), received("run_500_mb")
    assert small.uploads.reads == large.uploads.reads == [(0, 64 * 1024)]


def test_an_event_with_a_thousand_problems_still_fits_on_the_bus() -> None:
    steps = {"start": {"command": ["true"]} | {f"key{n:04}" + "x" * 300: n for n in range(1_000)}}
    world = World()
    event = payload("package_uploaded", "run")
    world.upload(package(spec_member(spec(steps=steps))), event)
    respond(event, world.relay)
    (announced,) = world.bus.published
    assert announced.detail["problem_count"] == 1_000
    assert len(json.dumps(announced.detail)) < 256_000


def test_one_bad_message_holds_up_none_of_the_others() -> None:
    world, event = World(), payload("package_uploaded", "mixed_batch")
    world.upload(GOOD, payload("package_uploaded", "run"))
    world.upload(package(("x", b"")), payload("package_uploaded", "bad_no_spec"))
    world.upload(package(spec_member(SCHEDULED)), payload("package_uploaded", "deploy"))
    assert respond(event, world.relay) == {"batchItemFailures": []}
    assert sorted(world.announced) == ["Flow Deployed", "Package Rejected", "Run Started"]
    assert [letter[0] for letter in world.dead_letters.letters] == ["no event at all"]


def on_batch(**batch: Any) -> dict[str, Any]:
    parameters = {"alpha": {"type": "float"}}
    return spec("ReportFlow", steps={"start": {"command": ["true"], "batch": batch}}, parameters=parameters)


@pytest.mark.parametrize("case", ["run", "deploy"])
def test_what_batch_would_not_take_is_told_together_with_all_else(case: str) -> None:
    world, event = World(), payload("package_uploaded", case)
    document = on_batch(cpu=0.3) | {"schedules": [{"expression": "rate(1 day)", "parameters": {"alpha": "fast"}}]}
    world.upload(package(spec_member(document)), event, {"parameters": '{"alpha": "fast"}'})
    respond(event, world.relay)
    (announced,) = world.bus.published
    paths = {problem["path"] for problem in announced.detail["problems"]}
    parameters = {"run": {"parameters.alpha"}, "deploy": {"schedules.0.parameters.alpha"}}[case]
    assert paths == {"steps.start.batch.cpu"} | parameters
    assert (world.store.runs, world.store.deployments, world.schedules.schedules) == ({}, {}, {})


def test_a_package_for_batch_is_accepted_and_its_job_submitted() -> None:
    world, event = World(), payload("package_uploaded", "run")
    world.upload(
        package(spec_member(on_batch(cpu=2, queue=["on-mars", "queue"]))), event, {"parameters": '{"alpha": 1}'}
    )
    respond(event, world.relay)
    assert [request["jobQueue"] for request in world.jobs.requests.values()] == ["queue"]


def test_a_relay_that_may_not_look_queues_up_rejects_nothing_and_tries_again() -> None:
    world, event = World(), payload("package_uploaded", "run")
    uploaded = world.upload(package(spec_member(on_batch())), event)
    world.jobs.denied = True
    failed = respond(event, world.relay)["batchItemFailures"]
    assert [item["itemIdentifier"] for item in failed] == [event["Records"][0]["messageId"]]
    assert (world.announced, uploaded.tags) == ([], {})
