import re
from typing import Any

import pytest

from tests.template.conftest import ROOT, Template

FUNCTIONS = {
    "package_uploaded": "PackageUploadedFunction",
    "run_requested": "RunRequestedFunction",
    "job_changed": "JobChangedFunction",
    "timer_due": "TimerDueFunction",
    "sweep": "SweepFunction",
    "light_step": "LightStepFunction",
}


@pytest.mark.parametrize("bucket", ["PackageBucket", "DataBucket"])
def test_a_bucket_is_private_versioned_and_encrypted(template: Template, bucket: str) -> None:
    properties = template.of_type("AWS::S3::Bucket")[bucket]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]


def test_what_people_uploaded_and_computed_outlives_the_stack(template: Template) -> None:
    retained = {name for name, resource in template.resources.items() if resource.get("DeletionPolicy") == "Retain"}
    assert retained == {"PackageBucket", "DataBucket", "Table"}


def test_the_table_is_paid_by_use_encrypted_and_recoverable(template: Template) -> None:
    table = template.of_type("AWS::DynamoDB::Table")["Table"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["TimeToLiveSpecification"]["Enabled"] is True


def test_the_table_has_the_keys_and_indexes_that_the_store_asks_for(template: Template) -> None:
    table = template.of_type("AWS::DynamoDB::Table")["Table"]

    def keys(schema: list[dict[str, str]]) -> list[str]:
        return [each["AttributeName"] for each in schema]

    assert keys(table["KeySchema"]) == ["pk", "sk"]
    assert {index["IndexName"]: keys(index["KeySchema"]) for index in table["GlobalSecondaryIndexes"]} == {
        "by_time": ["gsi_pk", "gsi_sk"],
        "by_live": ["live", "gsi_sk"],
    }


def test_every_folder_of_functions_is_deployed_under_its_name(template: Template) -> None:
    deployed = {
        properties["CodeUri"]: name for name, properties in template.of_type("AWS::Serverless::Function").items()
    }
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert deployed == {f"functions/{folder}": FUNCTIONS[folder] for folder in folders}


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_a_function_runs_python_3_13_is_traced_and_logs_to_a_group_of_its_own(
    template: Template, function: str
) -> None:
    properties = template.function(function)
    group = properties["LoggingConfig"]["LogGroup"]["Ref"]
    assert (properties["Runtime"], properties["Handler"], properties["Tracing"]) == (
        "python3.13",
        "app.handler",
        "Active",
    )
    assert group == f"{function.removesuffix('Function')}Logs"
    assert template.of_type("AWS::Logs::LogGroup")[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_functions_that_come_round_through_sqs_are_not_stopped_as_a_runaway_loop(template: Template) -> None:
    looping = {name for name in FUNCTIONS.values() if template.function(name).get("RecursiveLoop") == "Allow"}
    assert looping == {"JobChangedFunction", "TimerDueFunction", "LightStepFunction"}


def _promised_variables() -> set[str]:
    text = (ROOT / "docs" / "architecture.md").read_text()
    return set(
        re.findall(r"`(STEPRELAY_[A-Z_0-9]+)`", text.split("Function environment:")[1].split("Stack outputs")[0])
    )


def test_the_functions_get_the_environment_that_the_architecture_promises(template: Template) -> None:
    given = set(template.document["Globals"]["Function"]["Environment"]["Variables"])
    assert _promised_variables() - given == {"STEPRELAY_DEAD_LETTER_QUEUE_URL"}


@pytest.mark.parametrize("name", ["PackageUploaded", "RunRequested", "JobChanged", "TimerDue"])
def test_a_dispatching_function_can_put_what_it_cannot_read_beside_its_queue(template: Template, name: str) -> None:
    properties = template.of_type("AWS::Serverless::Function")[f"{name}Function"]
    queue = next(iter(properties["Events"]))
    letters = f"{queue}DeadLetterQueue"
    assert properties["Environment"]["Variables"] == {"STEPRELAY_DEAD_LETTER_QUEUE_URL": {"Ref": letters}}
    sends = [each["Resource"] for each in template.allowed(f"{name}Role") if each["Action"] == ["sqs:SendMessage"]]
    assert [{"Fn::GetAtt": [letters, "Arn"]}] in sends


def test_the_stack_has_the_outputs_that_the_architecture_promises(template: Template) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    promised = set(re.findall(r"`(\w+)`", text.split("Stack outputs:")[1].split("\n\n")[0]))
    assert set(template.document["Outputs"]) == promised


def test_every_parameter_says_what_it_is_for_and_has_a_default(template: Template) -> None:
    lacking = [
        name
        for name, parameter in template.document["Parameters"].items()
        if "Default" not in parameter or not parameter.get("Description")
    ]
    assert lacking == []


def test_every_parameter_is_in_a_group_of_the_console(template: Template) -> None:
    groups = template.document["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(template.document["Parameters"])


def test_compute_is_made_only_when_no_queue_is_given(template: Template) -> None:
    made = {name: template.resources[name].get("Condition") for name in ("ComputeEnvironment", "JobQueue")}
    assert made == {"ComputeEnvironment": "CreateCompute", "JobQueue": "CreateCompute"}
    queue: Any = template.document["Globals"]["Function"]["Environment"]["Variables"]["STEPRELAY_BATCH_JOB_QUEUE"]
    assert queue == {"Fn::If": ["CreateCompute", {"Ref": "JobQueue"}, {"Ref": "JobQueueArn"}]}


@pytest.mark.parametrize(
    ("variable", "parameter", "default"),
    [
        ("STEPRELAY_BATCH_CONTAINER_IMAGE", "ContainerImage", ""),
        ("STEPRELAY_BATCH_CONTAINER_REGISTRY", "ContainerRegistry", ""),
        ("STEPRELAY_BATCH_DEFAULT_TAGS", "DefaultTags", ""),
        ("STEPRELAY_DEFINITIONS_EXPIRE_DAYS", "DefinitionsExpireDays", 30),
        ("STEPRELAY_RUNS_EXPIRE_DAYS", "RunsExpireDays", 0),
        ("STEPRELAY_SUBMITS_PER_SECOND", "SubmitsPerSecond", 40),
        ("STEPRELAY_JOB_SILENCE_SECONDS", "JobSilenceSeconds", 300),
    ],
)
def test_what_a_relay_is_deployed_with_reaches_its_functions(
    template: Template, variable: str, parameter: str, default: Any
) -> None:
    variables = template.document["Globals"]["Function"]["Environment"]["Variables"]
    assert variables[variable] == {"Ref": parameter}
    assert template.document["Parameters"][parameter]["Default"] == default


@pytest.mark.parametrize(
    ("text", "taken"),
    [("", True), ('{"Team": "data"}', True), (' {"a": "b",\n "c": "}"} ', True), ("Team=data", False), ("[]", False)],
)
def test_default_tags_that_are_no_object_do_not_deploy(template: Template, text: str, taken: bool) -> None:
    pattern = template.document["Parameters"]["DefaultTags"]["AllowedPattern"]
    assert (re.search(pattern, text) is not None) is taken


@pytest.mark.parametrize(
    ("registry", "taken"),
    [("", True), ("registry.example.com:5000/team", True), ("/images", False), ("a b", False)],
)
def test_a_registry_that_cannot_stand_before_an_image_does_not_deploy(
    template: Template, registry: str, taken: bool
) -> None:
    pattern = template.document["Parameters"]["ContainerRegistry"]["AllowedPattern"]
    assert (re.search(pattern, registry) is not None) is taken
