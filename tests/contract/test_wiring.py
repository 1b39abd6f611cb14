"""From the environment of a function to its ports."""

import json
import subprocess
import sys
from typing import Any

import pytest

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.environment import IncompleteEnvironment, read_settings
from steprelay_core.aws.pace import DynamoPace
from steprelay_core.aws.wiring import ports_from
from steprelay_core.decide.overdue import JOB_SILENCE
from steprelay_core.ports import Unpaced
from steprelay_core.state.model import Origin, Run
from steprelay_core.translate import Defaults

ENVIRONMENT = {
    "STEPRELAY_RELAY": "relay",
    "STEPRELAY_TABLE": "relay-table",
    "STEPRELAY_PACKAGE_BUCKET": "relay-packages",
    "STEPRELAY_DATA_BUCKET": "relay-data",
    "STEPRELAY_BUS": "relay-bus",
    "STEPRELAY_JOB_EVENTS_QUEUE_URL": "https://sqs/jobs",
    "STEPRELAY_TIMERS_QUEUE_URL": "https://sqs/timers",
    "STEPRELAY_TIMERS_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:timers",
    "STEPRELAY_LIGHT_QUEUE_URL": "https://sqs/light",
    "STEPRELAY_REQUESTS_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:requests",
    "STEPRELAY_SCHEDULE_GROUP": "relay",
    "STEPRELAY_SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/scheduler",
}


def test_settings_are_read_from_the_variables_of_the_template() -> None:
    settings = read_settings({**ENVIRONMENT, "STEPRELAY_BATCH_JOB_QUEUE": "arn:queue", "OTHER": "x"})
    assert (settings.relay, settings.data_bucket, settings.light_queue_url) == (
        "relay",
        "relay-data",
        "https://sqs/light",
    )
    assert settings.defaults == Defaults(queue="arn:queue")


DEFAULTS = {
    "BATCH_JOB_QUEUE": "queue",
    "BATCH_CONTAINER_IMAGE": "image",
    "ECS_S3_ACCESS_IAM_ROLE": "iam_role",
    "ECS_FARGATE_EXECUTION_ROLE": "execution_role",
    "BATCH_CONTAINER_REGISTRY": "registry",
}


def test_an_empty_default_is_none() -> None:
    empty = {f"STEPRELAY_{name}": "" for name in (*DEFAULTS, "BATCH_DEFAULT_TAGS")}
    assert read_settings({**ENVIRONMENT, **empty}).defaults == Defaults()
    given = {f"STEPRELAY_{name}": field for name, field in DEFAULTS.items()}
    fields: dict[str, Any] = {field: field for field in DEFAULTS.values()}
    assert read_settings({**ENVIRONMENT, **given}).defaults == Defaults(**fields)


def test_default_tags_are_an_object_of_text() -> None:
    tags = '{"Team": "data", "Kosten": "größer, als gedacht"}'
    settings = read_settings({**ENVIRONMENT, "STEPRELAY_BATCH_DEFAULT_TAGS": tags})
    assert settings.defaults.tags == {"Team": "data", "Kosten": "größer, als gedacht"}


@pytest.mark.parametrize("text", ["Team=data", "[]", '"Team"', '{"Team": 1}', "null"])
def test_default_tags_of_another_form_are_named_with_what_is_expected(text: str) -> None:
    with pytest.raises(
        IncompleteEnvironment, match="STEPRELAY_BATCH_DEFAULT_TAGS must be a JSON object of text"
    ) as raised:
        read_settings({**ENVIRONMENT, "STEPRELAY_BATCH_DEFAULT_TAGS": text})
    assert repr(text) in str(raised.value)


def test_nothing_expires_where_the_environment_does_not_say_so() -> None:
    settings = read_settings(ENVIRONMENT)
    assert (settings.runs_expire_days, settings.definitions_expire_days) == (0, 0)
    days = {"STEPRELAY_RUNS_EXPIRE_DAYS": "7", "STEPRELAY_DEFINITIONS_EXPIRE_DAYS": "30"}
    settings = read_settings({**ENVIRONMENT, **days})
    assert (settings.runs_expire_days, settings.definitions_expire_days) == (7, 30)


@pytest.mark.parametrize(("given", "limit"), [("40", 40), ("0", 0), ("", 0)])
def test_submissions_are_limited_where_the_environment_says_so(clients: Clients, given: str, limit: int) -> None:
    settings = read_settings({**ENVIRONMENT, "STEPRELAY_SUBMITS_PER_SECOND": given})
    assert settings.submits_per_second == limit
    assert isinstance(ports_from(settings, clients).pace, DynamoPace if limit else Unpaced)


@pytest.mark.parametrize(("given", "seconds"), [("60", 60.0), ("", JOB_SILENCE)])
def test_the_sweep_asks_for_jobs_as_soon_as_the_environment_says(given: str, seconds: float) -> None:
    settings = read_settings({**ENVIRONMENT, "STEPRELAY_JOB_SILENCE_SECONDS": given})
    assert settings.job_silence_seconds == seconds


def test_all_missing_variables_are_named_at_once() -> None:
    kept = {name: value for name, value in ENVIRONMENT.items() if name not in ("STEPRELAY_TABLE", "STEPRELAY_BUS")}
    with pytest.raises(IncompleteEnvironment, match=r"variables STEPRELAY_RELAY, STEPRELAY_TABLE, STEPRELAY_BUS;"):
        read_settings({**kept, "STEPRELAY_RELAY": ""})


def test_the_ports_work_on_what_the_settings_name(clients: Clients, table: str, bucket: str) -> None:
    ports = ports_from(read_settings(ENVIRONMENT), clients)
    ports.store.save(Run("Demo-1", "Demo", "0f0f", 1.0, Origin("upload")), [])
    assert clients.dynamodb.scan(TableName=table)["Count"] == 1
    ports.objects.put("a", b"b")
    assert clients.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_a_client_is_made_once_and_repeats_throttled_calls(clients: Clients) -> None:
    assert clients.batch is clients.batch
    batch: Any = clients.batch.meta.config
    others: Any = clients.dynamodb.meta.config
    assert batch.retries == {"mode": "standard", "total_max_attempts": 5}
    assert others.retries == {"mode": "adaptive", "total_max_attempts": 8}


def test_buckets_behind_an_endpoint_of_ones_own_are_paths(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    where = {"Bucket": "relay-data", "Key": "a"}
    assert "//relay-data.s3." in clients.s3.generate_presigned_url("get_object", where)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://relay.internal:4566")
    assert (
        Clients().s3.generate_presigned_url("get_object", where).startswith("http://relay.internal:4566/relay-data/a")
    )


def test_clients_that_are_not_used_are_not_made() -> None:
    """A cold start pays for boto3 and a client's model only when it calls that service."""
    code = (
        "import sys, json, os\n"
        "from steprelay_core.aws.wiring import ports_from\n"
        "from steprelay_core.aws.environment import read_settings\n"
        "ports_from(read_settings(json.loads(sys.argv[1])))\n"
        "print('boto3' in sys.modules)"
    )
    made = subprocess.run(
        [sys.executable, "-c", code, json.dumps(ENVIRONMENT)], capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == "False"
