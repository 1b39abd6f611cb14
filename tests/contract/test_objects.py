"""What every `Objects` promises, on the fake and on S3."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from steprelay_core import keys
from steprelay_core.aws.clients import Clients
from steprelay_core.aws.objects import S3Objects
from steprelay_core.ports import Objects
from steprelay_core.spec import SpecError
from steprelay_core.state.claim import Claimed
from steprelay_core.state.model import GroupKey, TaskKey
from steprelay_core.state.ranges import Ranges
from tests.fakes import MemoryObjects

SPEC = {"spec_version": 1, "flow": "Demo", "steps": {"start": {"command": ["true"]}}}


@dataclass
class Case:
    objects: Objects
    read: Callable[[str], bytes]


@pytest.fixture(params=["memory", "s3"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        memory = MemoryObjects()
        return Case(memory, lambda key: memory.objects[key])
    clients, bucket = request.getfixturevalue("clients"), request.getfixturevalue("bucket")
    return Case(
        S3Objects(clients, bucket), lambda key: bytes(clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    )


def outcome(status: str = "succeeded", attempt: int = 1) -> bytes:
    return json.dumps({"outcome_version": 1, "status": status, "attempt": attempt}).encode()


def test_a_flow_is_read_by_the_digest_of_its_package(case: Case) -> None:
    case.objects.put(keys.spec("0f0f"), json.dumps(SPEC).encode())
    assert case.objects.flow("0f0f").name == "Demo"


@pytest.mark.parametrize("size", [5, 120])
def test_which_tasks_have_an_outcome_of_an_attempt_is_told_without_reading_any(case: Case, size: int) -> None:
    key = GroupKey("work", (0, 3))
    for member in range(0, size, 2):
        case.objects.put(keys.outcome("run", key.task(member), 2), b"whatever")
        case.objects.put(keys.claim("run", key.task(member + 1), 2), b"{}")
    # Another attempt, another group, and the same step one level deeper.
    case.objects.put(keys.outcome("run", key.task(1), 1), outcome())
    case.objects.put(keys.outcome("run", TaskKey("work", (0, 30), 1), 2), outcome())
    case.objects.put(keys.outcome("run", TaskKey("work", (0, 3, 1), 1), 2), outcome())
    case.objects.put(keys.failed_mark("run", key.task(4), 2), b"")
    case.objects.put(keys.caught_mark("run", key.task(2), 2), b"")
    ended = case.objects.ended("run", key, 2, Ranges.upto(size))
    assert (list(ended.written), list(ended.marked), list(ended.caught)) == (list(range(0, size, 2)), [4], [2])
    assert list(case.objects.ended("run", key, 2, Ranges.of(0, 1)).written) == [0]


def test_outcomes_of_an_array_whose_tasks_begin_alike_are_found(case: Case) -> None:
    key = GroupKey("work", (0,))
    for member in (1000, 1500, 1999, 2000):
        case.objects.put(keys.outcome("run", key.task(member), 1), outcome())
    members = Ranges(((1000, 1999),))
    assert list(case.objects.ended("run", key, 1, members).written) == [1000, 1500, 1999]


def test_a_package_that_is_not_there_is_named(case: Case) -> None:
    with pytest.raises(LookupError, match=r"no package 0f0f.*packages/0f0f\.json"):
        case.objects.flow("0f0f")


def test_a_spec_that_does_not_hold_is_refused(case: Case) -> None:
    case.objects.put(keys.spec("0f0f"), b"{}")
    with pytest.raises(SpecError):
        case.objects.flow("0f0f")


def test_an_object_exists_once_it_is_written(case: Case) -> None:
    assert not case.objects.exists("runner/abc.zip")
    case.objects.put("runner/abc.zip", b"zip")
    assert case.objects.exists("runner/abc.zip")


def test_an_object_written_once_keeps_its_first_content(case: Case) -> None:
    assert case.objects.put_once("claim.json", b"first")
    assert not case.objects.put_once("claim.json", b"second")
    assert case.read("claim.json") == b"first"


def test_an_object_written_freely_has_its_last_content(case: Case) -> None:
    case.objects.put("brief.json", b"first")
    case.objects.put("brief.json", b"second")
    assert case.read("brief.json") == b"second"


def test_only_outcomes_that_exist_are_given(case: Case) -> None:
    first, second = TaskKey("train", (0,), 0), TaskKey("train", (0,), 1)
    case.objects.put(keys.outcome("r", first, 2), outcome("failed", 2))
    found = case.objects.outcomes("r", [(first, 1), (first, 2), (second, 2)])
    assert list(found) == [(first, 2)]
    assert (found[first, 2].status, found[first, 2].attempt) == ("failed", 2)


def test_a_single_outcome_is_given_or_missing_like_many(case: Case) -> None:
    task = TaskKey("start", (), 0)
    assert case.objects.outcomes("r", [(task, 1)]) == {}
    case.objects.put(keys.outcome("r", task, 1), outcome())
    assert list(case.objects.outcomes("r", [(task, 1)])) == [(task, 1)]
    assert case.objects.outcomes("r", []) == {}


def test_the_outcomes_of_many_tasks_are_each_their_own(case: Case) -> None:
    tasks = [(TaskKey("train", (0,), member), 1 + member % 3) for member in range(50)]
    for task, attempt in tasks:
        case.objects.put(keys.outcome("r", task, attempt), outcome(attempt=attempt))
    found = case.objects.outcomes("r", tasks)
    assert {key: each.attempt for key, each in found.items()} == {(task, attempt): attempt for task, attempt in tasks}


@pytest.mark.parametrize("body", [b"", b"nonsense"])
def test_an_outcome_that_makes_no_sense_is_that_attempts_failure(case: Case, body: bytes) -> None:
    task = TaskKey("start", (), 0)
    case.objects.put(keys.outcome("r", task, 1), body)
    assert case.objects.outcomes("r", [(task, 1)])[task, 1].status == "failed"


def test_a_flow_is_read_from_s3_once(clients: Clients, bucket: str) -> None:
    objects = S3Objects(clients, bucket)
    objects.put(keys.spec("0f0f"), json.dumps(SPEC).encode())
    first = objects.flow("0f0f")
    clients.s3.delete_object(Bucket=bucket, Key=keys.spec("0f0f"))
    assert objects.flow("0f0f") is first


def test_two_writers_at_the_same_moment_are_asked_to_try_again_and_do(clients: Clients, bucket: str) -> None:
    with Stubber(clients.s3) as stub:
        stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        stub.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
        assert not S3Objects(clients, bucket).put_once("claim.json", b"mine")
        stub.assert_no_pending_responses()


def test_an_outcome_that_may_not_be_read_is_an_error_and_not_missing(clients: Clients, bucket: str) -> None:
    with Stubber(clients.s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(ClientError, match="AccessDenied"):
            S3Objects(clients, bucket).outcomes("r", [(TaskKey("start", (), 0), 1)])


TASKS = [(TaskKey("train", (0,), member), 1) for member in range(4)]


def claim_of(case: Case, member: int) -> dict[str, object]:
    found: dict[str, object] = json.loads(case.read(keys.claim("r", *TASKS[member])))
    return found


def put_claim(case: Case, member: int, **claim: object) -> None:
    case.objects.put(keys.claim("r", *TASKS[member]), json.dumps({"owner": f"runner:{member}", **claim}).encode())


def test_claims_tell_who_holds_them_and_which_are_free(case: Case) -> None:
    put_claim(case, 0, job_id="job-1:0", batch_attempt=2)
    put_claim(case, 1, job_id=None, until=5.5)
    case.objects.put(keys.claim("r", *TASKS[2]), b"nonsense")
    first, second, third, fourth = case.objects.claims("r", TASKS).values()
    assert first is not None
    assert second is not None
    assert (first.job_id, first.job, second.until, fourth) == ("job-1:0", "job-1", 5.5, None)
    assert third == replace(Claimed(), tag=third.tag if third else "")
    assert case.objects.claims("r", []) == {}


def test_a_fence_takes_claims_from_whoever_holds_them_and_keeps_the_name_of_the_job(case: Case) -> None:
    put_claim(case, 0, job_id="job-1:0", batch_attempt=2)
    assert case.objects.fence("r", TASKS, {}) == []
    assert claim_of(case, 0) == {"owner": "dispatcher", "held_by": "job-1:0"}
    assert [claim_of(case, member) for member in (1, 2, 3)] == [{"owner": "dispatcher"}] * 3


def test_a_fence_may_come_twice(case: Case) -> None:
    put_claim(case, 0, job_id="job-1")
    seen = case.objects.claims("r", TASKS)
    assert case.objects.fence("r", TASKS, seen) == []
    assert case.objects.fence("r", TASKS, seen) == []
    assert case.objects.fence("r", TASKS, {}) == []
    held = case.objects.claims("r", TASKS[:1])[TASKS[0]]
    assert held is not None
    assert (held.fenced, held.job_id) == (True, "job-1")


def test_a_fence_leaves_claims_that_changed_hands_since_they_were_seen(case: Case) -> None:
    put_claim(case, 0, job_id="job-1", batch_attempt=1)
    seen = case.objects.claims("r", TASKS)
    put_claim(case, 0, job_id="job-1", batch_attempt=2)
    put_claim(case, 1, job_id="job-2", batch_attempt=1)
    assert case.objects.fence("r", TASKS, seen) == TASKS[:2]
    assert [claim_of(case, member)["owner"] for member in range(4)] == ["runner:0", "runner:1"] + ["dispatcher"] * 2


def test_a_fence_whose_answer_was_lost_finds_itself(clients: Clients, bucket: str) -> None:
    with Stubber(clients.s3) as stub:
        stub.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
        body = StreamingBody(io.BytesIO(b'{"owner": "dispatcher"}'), 23)
        stub.add_response("get_object", {"Body": body, "ETag": "x"})
        assert S3Objects(clients, bucket).fence("r", TASKS[:1], {TASKS[0]: None}) == []
