"""The class that the relay decides by is the one that `steprelay explain` tells, and the one of the table."""

import json
from typing import Any

import pytest

from steprelay_core.decide.failure import classify
from steprelay_core.failure import read_symptoms, symptoms_of
from steprelay_core.inbound import read_job_event
from steprelay_core.state.events import JobChanged
from tests.fakes.payloads import bodies, cases


def failed_jobs() -> dict[str, tuple[JobChanged, dict[str, Any]]]:
    """The failed jobs of events/, as the relay and as anybody reads them."""
    found = {}
    for case in cases("job_changed"):
        for number, body in enumerate(bodies("job_changed", case)):
            if case.startswith("poison") or "aws.batch" not in body:
                continue
            event = read_job_event(body, "steprelay")
            if isinstance(event, JobChanged) and event.status == "FAILED":
                found[f"{case}-{number}"] = event, json.loads(body)["detail"]
    return found


FAILED = failed_jobs()


@pytest.mark.parametrize("case", FAILED)
def test_relay_and_explain_read_a_job_alike(case: str) -> None:
    event, detail = FAILED[case]
    failure, symptoms = classify(event), symptoms_of(detail)
    assert failure.class_ == read_symptoms(symptoms).class_
    assert failure.exit_code == symptoms.exit_code
    assert (event.reason, event.container_reason) == (symptoms.reason.text, symptoms.container.text)


def test_a_reason_that_is_not_known_is_kept_word_for_word() -> None:
    event, _ = FAILED["failed_unknown_reason-0"]
    assert classify(event).reason == "Something that AWS Batch never said before"


def test_the_reason_of_an_end_by_exit_code_is_that_code() -> None:
    event, _ = FAILED["failed_program-0"]
    assert classify(event).reason == "exit code 1"
