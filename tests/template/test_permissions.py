from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.conftest import Template

# The service authorization reference knows no narrower resource for these.
NEEDS_STAR = {
    "batch:DescribeComputeEnvironments",
    "batch:DescribeJobDefinitions",
    "batch:DescribeJobQueues",
    "batch:DescribeJobs",
    "batch:ListJobs",
    "ecr:GetAuthorizationToken",
    "scheduler:ListSchedules",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
DISPATCHERS = ["PackageUploadedRole", "RunRequestedRole", "JobChangedRole", "TimerDueRole", "SweepRole"]


def _statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in template.of_type("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
        for statement in template.allowed(name):
            yield f"{name}.{statement['Sid']}", statement


def _text(resource: Any) -> str:
    """An ARN of the template as text: GetAtt as ${Name}, Sub as it is written."""
    if isinstance(resource, str):
        return resource
    if "Fn::GetAtt" in resource:
        return f"${{{resource['Fn::GetAtt'][0]}}}"
    return str(resource.get("Fn::Sub") or resource.get("Ref") or resource)


def test_every_function_has_a_role_of_its_own(template: Template) -> None:
    roles = [
        properties["Role"]["Fn::GetAtt"][0] for properties in template.of_type("AWS::Serverless::Function").values()
    ]
    assert len(roles) == len(set(roles)) == 6


def test_no_permission_has_a_wildcard_for_its_action(template: Template) -> None:
    wild = [where for where, statement in _statements(template) if any("*" in action for action in statement["Action"])]
    assert wild == []


def test_a_permission_covers_all_resources_only_where_aws_knows_no_narrower_one(template: Template) -> None:
    for where, statement in _statements(template):
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= NEEDS_STAR, where


def test_only_named_roles_can_be_passed_and_only_to_the_service_that_takes_them(template: Template) -> None:
    passed = {
        tuple(_text(resource) for resource in statement["Resource"]): statement["Condition"]["StringEquals"]
        for _, statement in _statements(template)
        if "iam:PassRole" in statement["Action"]
    }
    assert passed == {
        ("${SchedulerRole}",): {"iam:PassedToService": "scheduler.amazonaws.com"},
        ("${JobRole}", "${ExecutionRole}"): {"iam:PassedToService": "ecs-tasks.amazonaws.com"},
        ("OtherRoleArns",): {"iam:PassedToService": "ecs-tasks.amazonaws.com"},
    }


def test_a_light_step_reaches_its_data_its_own_queue_and_the_one_it_reports_to_and_nothing_else(
    template: Template,
) -> None:
    reached = {
        (action, _text(resource))
        for statement in template.allowed("LightStepRole")
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not action.startswith(("logs:", "xray:"))
    }
    data = {
        (action, f"${{DataBucket.Arn}}/{prefix}/*")
        for action in ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
        for prefix in ("runs", "artifacts")
    }
    receive = {
        (f"sqs:{action}", "${LightQueue}")
        for action in ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
    }
    assert reached == data | receive | {
        ("s3:DeleteObject", "${DataBucket.Arn}/runs/*/.checkpoints/*"),
        ("s3:GetObject", "${DataBucket.Arn}/packages/*"),
        ("s3:ListBucket", "${DataBucket}"),
        ("sqs:SendMessage", "${JobEventsQueue}"),
        ("sqs:SendMessage", "${LightQueue}"),
    }


def test_a_job_has_no_more_of_the_data_bucket_than_a_light_step_but_the_runner(template: Template) -> None:
    def data(role: str) -> set[tuple[str, str]]:
        return {
            (action, _text(resource))
            for statement in template.allowed(role)
            for action in statement["Action"]
            for resource in statement["Resource"]
            if action.startswith("s3:")
        }

    assert data("JobRole") - data("LightStepRole") == {("s3:GetObject", "${DataBucket.Arn}/runner/*")}


@pytest.mark.parametrize("role", DISPATCHERS)
def test_every_dispatching_function_may_do_what_a_step_of_the_engine_can_ask_for(template: Template, role: str) -> None:
    actions = {action for statement in template.allowed(role) for action in statement["Action"]}
    assert {
        "batch:CancelJob",
        "batch:DeregisterJobDefinition",
        "batch:GetJobQueueSnapshot",
        "batch:RegisterJobDefinition",
        "batch:SubmitJob",
        "batch:TagResource",
        "batch:TerminateJob",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "events:PutEvents",
        "logs:GetLogEvents",
        "s3:GetObject",
        "s3:PutObject",
        "scheduler:CreateSchedule",
        "sqs:SendMessage",
    } <= actions


def test_of_logs_only_those_of_jobs_can_be_read(template: Template) -> None:
    read = {
        (action, _text(resource))
        for _, statement in _statements(template)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith("logs:") and action not in ("logs:CreateLogStream", "logs:PutLogEvents")
    }
    group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/batch/job"
    assert read == {("logs:GetLogEvents", f"{group}:log-stream:*")}


def test_only_package_uploaded_reads_uploads_and_keeps_packages(template: Template) -> None:
    able = {
        role
        for role in template.of_type("AWS::IAM::Role")
        for statement in template.allowed(role)
        for resource in statement["Resource"]
        if "PackageBucket" in _text(resource)
        or ("s3:PutObject" in statement["Action"] and "/packages/" in _text(resource))
    }
    assert able == {"PackageUploadedRole"}


def test_jobs_and_definitions_outside_the_relay_are_out_of_reach(template: Template) -> None:
    scopes = {
        _text(resource).rsplit(":", 1)[-1]
        for statement in template.allowed("JobsPolicy")
        if {"batch:SubmitJob", "batch:RegisterJobDefinition", "batch:DeregisterJobDefinition"}
        & set(statement["Action"])
        for resource in statement["Resource"]
        if "job-definition" in _text(resource)
    }
    assert scopes == {"job-definition/steprelay-*"}


def test_only_the_roles_of_the_dispatcher_deregister_definitions(template: Template) -> None:
    able = {
        role
        for role in template.of_type("AWS::IAM::Role")
        for statement in template.allowed(role)
        if "batch:DeregisterJobDefinition" in statement["Action"]
    }
    assert able == set(DISPATCHERS)


def _statement(template: Template, role: str, sid: str) -> tuple[str | None, dict[str, Any]]:
    """A statement of a role's own policy, and the condition it stands behind."""
    (policy,) = template.resources[role]["Properties"]["Policies"]
    for written in policy["PolicyDocument"]["Statement"]:
        condition, chosen = written["Fn::If"][:2] if "Fn::If" in written else (None, written)
        if chosen["Sid"] == sid:
            return condition, chosen
    raise LookupError(sid)


def test_secrets_are_read_by_the_execution_role_alone_and_only_those_that_the_relay_names(template: Template) -> None:
    condition, statement = _statement(template, "ExecutionRole", "ReadSecrets")
    assert (condition, statement["Resource"]) == ("HasSecrets", {"Ref": "SecretArns"})
    assert statement["Action"] == ["secretsmanager:GetSecretValue", "ssm:GetParameters"]
    able = {
        where.partition(".")[0]
        for where, granted in _statements(template)
        if any(action.startswith(("secretsmanager:", "ssm:")) for action in granted["Action"])
    }
    assert able == {"ExecutionRole"}


def test_no_secret_is_granted_where_none_is_named(template: Template) -> None:
    assert template.document["Parameters"]["SecretArns"]["Default"] == ""
    empty = {"Fn::Equals": [{"Fn::Join": ["", {"Ref": "SecretArns"}]}, ""]}
    assert template.document["Conditions"]["HasSecrets"] == {"Fn::Not": [empty]}


@pytest.mark.parametrize("role", ["SchedulerRole", "JobRole", "ExecutionRole"])
def test_roles_that_services_take_on_serve_this_account_only(template: Template, role: str) -> None:
    (trust,) = template.of_type("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
