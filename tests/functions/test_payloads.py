"""events/ as a whole: every folder is a function's, every payload is realistic, and none names a real account."""

import json
import re

import pytest

from tests.fakes.payloads import EVENTS, bodies, cases, payload

FOLDERS = sorted(path.name for path in EVENTS.iterdir() if path.is_dir())
QUEUES = {
    "package_uploaded": "packages",
    "run_requested": "requests",
    "job_changed": "job-events",
    "timer_due": "timers",
    "light_step": "light",
}
ALL = [(function, case) for function in FOLDERS for case in cases(function)]


def test_every_folder_is_a_functions_and_every_function_has_one() -> None:
    functions = sorted(path.parent.name for path in (EVENTS.parent / "functions").glob("*/app.py"))
    assert set(functions) <= set(FOLDERS)
    assert {*QUEUES, "sweep"} == set(FOLDERS)


def test_there_is_nothing_else_in_the_folder() -> None:
    strays = [path for path in EVENTS.rglob("*") if path.is_file() and path.suffix != ".json"]
    assert strays == []


@pytest.mark.parametrize(("function", "case"), ALL)
def test_a_payload_names_only_the_account_of_the_examples(function: str, case: str) -> None:
    text = json.dumps(payload(function, case))
    assert set(re.findall(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):", text)) <= {"111122223333"}


@pytest.mark.parametrize(("function", "case"), [pair for pair in ALL if pair[0] in QUEUES])
def test_a_payload_comes_from_its_functions_queue(function: str, case: str) -> None:
    records = payload(function, case)["Records"]
    assert records
    assert {record["eventSource"] for record in records} == {"aws:sqs"}
    assert {record["eventSourceARN"].rpartition(":steprelay-")[2] for record in records} == {QUEUES[function]}
    assert len({record["messageId"] for record in records}) == len(records)


def test_the_light_functions_messages_name_a_brief_and_a_member() -> None:
    messages = [json.loads(body) for case in ("step", "step_in_foreach") for body in bodies("light_step", case)]
    assert [sorted(message) for message in messages] == [["brief", "member"]] * 2
    assert all(message["brief"].startswith("runs/") for message in messages)
