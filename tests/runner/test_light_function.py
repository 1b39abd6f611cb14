"""The light function's handler, on a store and a queue of its own."""

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.runner.lab import Lab, flow
from tests.runner.s3_server import S3Server, s3_server

APP = Path(__file__).parents[2] / "functions/light_step/app.py"


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def app(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.url, "STEPRELAY_DATA_BUCKET": "data",
        "STEPRELAY_JOB_EVENTS_QUEUE_URL": f"{server.url}/000000000000/job-events",
        "STEPRELAY_LIGHT_QUEUE_URL": f"{server.url}/000000000000/light",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("light_step_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def brief(server: S3Server, tmp_path: Path) -> Callable[..., str]:
    """Puts a package and a brief on the server; the brief's key."""

    def put(body: str, step: str = "start", *ways: str, **changes: Any) -> str:
        lab = Lab(tmp_path, flow(body))
        key = lab.put_brief(step, *ways, **changes)
        server.objects.update({f"/data/{each}": lab.store.get(each) for each in lab.store.keys("")})
        return key

    return put


def _event(key: str, *members: int) -> dict[str, Any]:
    wanted = {"members": list(members)} if members else {"member": 0}
    record = {
        "messageId": "m-1", "receiptHandle": "r-1", "body": json.dumps({"brief": key} | wanted),
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:light",
        "awsRegion": "us-east-1",
        "attributes": {}, "messageAttributes": {}, "md5OfBody": "",
    }  # fmt: skip
    return {"Records": [record]}


def _context(seconds: float = 60) -> Any:
    end = time.time() + seconds
    return SimpleNamespace(
        function_name="light_step", memory_limit_in_mb=10_000, invoked_function_arn="arn", aws_request_id="r-1",
        get_remaining_time_in_millis=lambda: int((end - time.time()) * 1000),
    )  # fmt: skip


START = """
    @step
    def start(self):
        print("hello")
        self.x = 1
        self.next(self.end)
    @step
    def end(self): pass
"""


def test_a_message_runs_its_step_and_the_end_is_reported(app: ModuleType, server: S3Server, brief: Any) -> None:
    assert app.handler(_event(brief(START, "start", "end")), _context()) == {"batchItemFailures": []}
    outcome = json.loads(server.objects["/data/runs/TheFlow-1/start/0/1/outcome.json"])
    assert outcome["status"] == "succeeded"
    assert server.objects["/data/runs/TheFlow-1/start/0/1/log.txt"] == b"hello\n"
    assert server.messages == [
        {
            "source": "steprelay.light",
            "detail-type": "Light Step Ended",
            "detail": {"run": "TheFlow-1", "step": "start", "path": [], "member": 0, "attempt": 1, "lost": None},
        }
    ]


def test_a_message_of_several_tasks_runs_them_all(app: ModuleType, server: S3Server, brief: Any) -> None:
    key = brief(START, "start", "end", path=[0], members=[[0, 2]])
    assert app.handler(_event(key, 0, 2), _context()) == {"batchItemFailures": []}
    assert [message["detail"]["member"] for message in server.messages] == [0, 2]


def test_a_failed_step_is_reported_like_any_other_end(app: ModuleType, server: S3Server, brief: Any) -> None:
    app.handler(_event(brief("@step\ndef start(self): raise ValueError")), _context())
    assert json.loads(server.objects["/data/runs/TheFlow-1/start/0/1/outcome.json"])["status"] == "failed"
    assert len(server.messages) == 1


def test_a_step_gets_no_more_time_than_the_function_has(app: ModuleType, server: S3Server, brief: Any) -> None:
    key = brief("@step\ndef start(self):\n    import time\n    time.sleep(600)")
    app.handler(_event(key), _context(seconds=3.5))
    outcome = json.loads(server.objects["/data/runs/TheFlow-1/start/0/1/outcome.json"])
    assert outcome["failure"]["class_"] == "timeout"


def test_a_redelivered_message_is_reported_again_and_not_run_again(
    app: ModuleType, server: S3Server, brief: Any
) -> None:
    event = _event(brief(START, "start", "end"))
    app.handler(event, _context())
    before = dict(server.objects)
    app.handler(event, _context())
    assert server.messages[1] == server.messages[0]
    assert server.objects == before


def test_an_attempt_that_the_dispatcher_has_claimed_is_not_reported(
    app: ModuleType, server: S3Server, brief: Any
) -> None:
    key = brief(START, "start", "end")
    server.objects["/data/runs/TheFlow-1/start/0/1/claim.json"] = b'{"owner": "dispatcher"}'
    app.handler(_event(key), _context())
    assert server.messages == []


def test_a_message_without_a_brief_is_left_to_the_queue(app: ModuleType, server: S3Server) -> None:
    answer = app.handler(_event("runs/gone.json"), _context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert server.messages == []
