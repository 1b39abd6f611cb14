"""`steprelay explain`: any job of AWS Batch, however it is wrapped, without relay and AWS."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steprelay_core.failure import CLASSES
from tests.cli.surroundings import Shell
from tests.fakes.payloads import EVENTS, bodies, cases, payload

KEYS = {"class", "evidence", "retry", "next"}
OOM = "OutOfMemoryError: Container killed due to memory usage"


def event(case: str = "failed_oom") -> dict[str, Any]:
    read: dict[str, Any] = json.loads(bodies("job_changed", case)[0])
    return read


def wrapped() -> dict[str, Any]:
    """One job in every wrapping."""
    whole, body = event(), bodies("job_changed", "failed_oom")[0]
    return {
        "EventBridge": whole,
        "bare": whole["detail"],
        "DescribeJobs": {"jobs": [whole["detail"]]},
        "ListJobs": {"jobSummaryList": [whole["detail"]], "nextToken": "more"},
        "SQS message": {"messageId": "1", "body": body},
        "ReceiveMessage": {"Messages": [{"MessageId": "1", "Body": body}]},
        "Lambda": payload("job_changed", "failed_oom"),
        "Lambda by SNS": {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": body}}]},
        "SNS in SQS": {"Records": [{"body": json.dumps({"Type": "Notification", "Message": body})}]},
        "a list": [whole],
        "text in JSON": body,
    }


def explained(shell: Shell, document: Any) -> Any:
    (shell.folder / "event.json").write_text(json.dumps(document))
    result = shell("explain", "event.json", "--json")
    assert result.code == 0, result.err
    (told,) = result.json
    return told


@pytest.mark.parametrize("how", wrapped())
def test_a_job_is_found_in_every_wrapping(shell: Shell, how: str) -> None:
    told = explained(shell, wrapped()[how])
    assert told.keys() >= KEYS
    assert (told["class"], told["retry"], told["exit_code"]) == ("oom", True, 137)
    assert f"container.reason: {OOM}" in told["evidence"]
    assert (told["name"], told["queue"]) == ("RobustFlow-process-5f2a9c01d3e7-1-0", "steprelay")


def test_an_event_comes_by_standard_input_as_well(shell: Shell) -> None:
    result = shell("explain", "-", "--json", given="\ufeff" + json.dumps(event()))
    assert [told["class"] for told in result.json] == ["oom"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_event_is_read_in_the_encodings_that_shells_write(shell: Shell, encoding: str) -> None:
    (shell.folder / "event.json").write_bytes(json.dumps(event()).encode(encoding))
    assert shell("explain", "event.json", "--json").json[0]["class"] == "oom"


def test_a_reason_can_neither_steer_the_terminal_nor_break_the_output(shell: Shell) -> None:
    (shell.folder / "event.json").write_text(
        json.dumps({"jobId": "1", "status": "FAILED", "statusReason": "\x1b[2Jnew\ud800\nand more"})
    )
    result = shell("explain", "event.json")
    assert "\x1b" not in result.out
    assert result.out.encode()
    assert "new" in result.out
    assert shell("explain", "event.json", "--json").out.encode()


def test_several_jobs_are_a_list_in_their_order(shell: Shell) -> None:
    document = {"jobs": [event(case)["detail"] for case in ("failed_spot_ec2", "succeeded", "failed_program")]}
    assert [told["class"] for told in explained(shell, document)] == ["spot", "none", "program"]


def test_a_detail_that_was_cut_down_to_what_counts_is_explained(shell: Shell) -> None:
    told = explained(shell, {"status": "FAILED", "container": {"exitCode": 1}})
    assert (told["class"], told["job"], told["name"], told["queue"]) == ("program", "", "", "")


def test_nobody_is_asked_about_it(shell: Shell) -> None:
    explained(shell, event())
    assert shell.relays.asked == []


def test_a_job_of_somebody_else_is_explained_too(shell: Shell) -> None:
    job = {"jobId": "1", "jobName": "theirs", "status": "FAILED", "statusReason": "Your Spot Task was interrupted."}
    told = explained(shell, job)
    assert (told["class"], told["fault"], told["retry"]) == ("spot", "machine", True)


def test_people_get_the_class_the_evidence_and_what_to_do(shell: Shell) -> None:
    out = shell("explain", str(EVENTS / "job_changed" / "failed_image_permanent.json")).out
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in out.splitlines()[1:]}
    assert lines["class"].startswith("image_permanent: ")
    assert "manifest unknown" in lines["evidence"]
    assert lines["retry"] == "no: it would fail the same way"
    assert lines["change"] == CLASSES["image_permanent"].change
    assert lines["more"] == "docs/failures.md#image_permanent"


def test_attempts_that_batch_itself_has_followed_up_are_told_with_their_class(shell: Shell) -> None:
    job = event()["detail"]
    reclaimed = {"statusReason": "Host EC2 (instance i-0abc) terminated.", "container": {"exitCode": 143}}
    told = explained(shell, {**job, "attempts": [reclaimed, *job["attempts"]]})
    assert [attempt["class"] for attempt in told["attempts"]] == ["spot"]
    assert told["class"] == "oom"


def test_a_job_that_batch_repeats_has_not_failed(shell: Shell) -> None:
    told = explained(shell, event("retried_by_batch"))
    assert (told["class"], told["retry"], len(told["attempts"])) == ("none", False, 1)
    assert "again" in told["next"]


@pytest.mark.parametrize(
    ("case", "class_", "words"),
    [
        ("queue_blocked", "capacity", "until there is a machine"),
        ("queue_blocked_undetermined", "capacity", "until there is a machine"),
        ("runnable_misconfigured", "config", "for ever"),
    ],
)
def test_a_job_that_waits_is_told_what_for(shell: Shell, case: str, class_: str, words: str) -> None:
    told = explained(shell, payload("job_changed", case))
    assert (told["class"], told["status"]) == (class_, "RUNNABLE")
    assert words in told["next"]


def test_an_array_tells_how_its_children_stand(shell: Shell) -> None:
    told = explained(shell, event("array_parent_failed"))
    assert (told["class"], told["kind"], told["retry"]) == ("aggregate", "array", False)
    assert "FAILED 1, SUCCEEDED 7" in told["evidence"]


def test_what_is_no_job_among_jobs_is_left_out_and_said_so(shell: Shell) -> None:
    result = shell("explain", str(EVENTS / "job_changed" / "mixed_batch.json"), "--json")
    assert [told["class"] for told in result.json[0]] == ["none", "program"]
    assert result.err.splitlines() == [
        "left out: Records[1].body is an empty list",
        "left out: Records[3].body is an event of type 'Light Step Ended'",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "event.json is empty"),
        ("FAILED", "event.json is no JSON: Expecting value, line 1"),
        ("[" * 100_000, "event.json is nested too deeply for an event"),
        ("{}", "event.json has no job of AWS Batch in it"),
        ("17", "event.json has no job of AWS Batch in it"),
        ('{"jobs": []}', "event.json has no job of AWS Batch in it"),
        ('{"detail-type": "EC2 Instance State-change", "detail": {}}', "event.json has no job of AWS Batch in it"),
        ('{"detail-type": "Batch Job State Change"}', "event.json has no job of AWS Batch in it"),
        ('{"status": "ok"}', "event.json has no job of AWS Batch in it"),
    ],
)
def test_what_is_no_event_of_batch_is_refused_with_what_would_be_one(shell: Shell, text: str, said: str) -> None:
    (shell.folder / "event.json").write_text(text)
    result = shell("explain", "event.json")
    assert result.code == 2
    assert result.err.splitlines()[0] == f"error: {said}"
    assert "Batch Job State Change" in result.err
    assert "describe-jobs" in result.err


def test_a_file_that_is_not_there_or_not_text_is_told(shell: Shell) -> None:
    (shell.folder / "binary.json").write_bytes(b"\xff\xfe\x00")
    assert "cannot read nothing.json: No such file or directory" in shell("explain", "nothing.json").err
    assert "cannot read .: Is a directory" in shell("explain", ".").err
    assert "binary.json is no JSON" in shell("explain", "binary.json").err


@pytest.mark.parametrize("case", cases("job_changed"))
def test_every_event_of_the_relay_is_explained_or_refused(shell: Shell, case: str) -> None:
    result = shell("explain", str(EVENTS / "job_changed" / f"{case}.json"), "--json")
    of_others = ("poison_not_json", "poison_light", "light_", "exit_hook_")
    assert result.code == (2 if case.startswith(of_others) else 0), result.err


@given(
    document=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=10)
        | st.sampled_from(["FAILED", "RUNNABLE", "{}"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "detail-type",
                        "detail",
                        "Records",
                        "body",
                        "jobs",
                        "status",
                        "jobId",
                        "attempts",
                        "container",
                        "Message",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_no_document_is_too_odd_to_be_explained_or_refused(tmp_path: Path, document: Any) -> None:
    result = Shell(tmp_path)("explain", "-", "--json", given=json.dumps(document))
    assert result.code in (0, 2)
