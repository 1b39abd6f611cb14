"""Job definitions: revisions, and what becomes of those that are deregistered."""

from typing import Any

import pytest

from tests.local.batch.harness import Lab, Refused


def test_each_registration_of_a_name_is_a_new_revision_and_the_newest_active_one_is_meant(lab: Lab) -> None:
    answers = [lab.define("twice") for _ in range(2)]
    assert [answer["revision"] for answer in answers] == [1, 2]
    newest = lab.submit(jobDefinition="twice")
    lab.call("DeregisterJobDefinition", jobDefinition="twice:2")
    older = lab.submit(jobDefinition="twice")
    assert lab.describe(newest)["jobDefinition"].endswith("twice:2")
    assert lab.describe(older)["jobDefinition"].endswith("twice:1")


def test_a_definition_can_be_named_by_its_arn_with_or_without_revision(lab: Lab) -> None:
    arn = lab.define("by-arn")["jobDefinitionArn"]
    for reference in (arn, arn.rpartition(":")[0]):
        assert lab.describe(lab.submit(jobDefinition=reference))["jobDefinition"] == arn


def test_definitions_are_described_by_reference_name_and_status_newest_first(lab: Lab) -> None:
    for _ in range(3):
        lab.define("many")
    lab.call("DeregisterJobDefinition", jobDefinition="many:2")

    def revisions(**request: Any) -> list[int]:
        return [d["revision"] for d in lab.call("DescribeJobDefinitions", **request)["jobDefinitions"]]

    assert revisions(jobDefinitionName="many") == [3, 2, 1]
    assert revisions(jobDefinitionName="many", status="ACTIVE") == [3, 1]
    assert revisions(jobDefinitions=["many:2", "many:9", "none:1"]) == [2]
    page = lab.call("DescribeJobDefinitions", jobDefinitionName="many", maxResults=2)
    assert revisions(jobDefinitionName="many", maxResults=2, nextToken=page["nextToken"]) == [1]


ARN = "arn:aws:batch:us-east-1:123456789012:job-definition/"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("gone", "JobDefinition name gone does not exist or is not in ACTIVE status"),
        ("gone:1", "JobDefinition name gone:1 does not exist or is not in ACTIVE status"),
        (f"{ARN}gone:1", f"JobDefinition {ARN}gone:1 is not in ACTIVE status"),
        (f"{ARN}never:1", f"JobDefinition {ARN}never:1 not found."),
    ],
)
def test_a_submission_of_a_definition_that_is_not_active_is_refused_in_batchs_words(
    lab: Lab, reference: str, message: str
) -> None:
    lab.define("gone")
    lab.call("DeregisterJobDefinition", jobDefinition="gone:1")
    with pytest.raises(Refused) as refused:
        lab.submit(jobDefinition=reference)
    assert (refused.value.code, str(refused.value)) == ("ClientException", message)


def test_what_was_submitted_before_its_definition_was_deregistered_runs_all_the_same(lab: Lab) -> None:
    lab.define("going")
    waiting = lab.submit(jobDefinition="going", dependsOn=[{"jobId": lab.shell("sleep 0.2")}])
    for _ in range(2):  # a second time changes nothing
        lab.call("DeregisterJobDefinition", jobDefinition="going:1")
    assert lab.ends(waiting)["status"] == "SUCCEEDED"


def test_a_name_that_was_deregistered_can_be_registered_again(lab: Lab) -> None:
    lab.define("again")
    lab.call("DeregisterJobDefinition", jobDefinition="again:1")
    assert lab.define("again")["revision"] == 2
    assert lab.describe(lab.submit(jobDefinition="again"))["jobDefinition"].endswith("again:2")
    found = lab.call("DescribeJobDefinitions", jobDefinitions=["again:1"])["jobDefinitions"]
    assert [each["status"] for each in found] == ["INACTIVE"]


@pytest.mark.parametrize(
    ("reference", "message"), [("job", "A revision is required"), ("none:1", "Job definition none:1 does not exist")]
)
def test_a_deregistration_is_refused(lab: Lab, reference: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        lab.call("DeregisterJobDefinition", jobDefinition=reference)
