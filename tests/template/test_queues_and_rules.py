from typing import Any

import pytest

from tests.template.conftest import Template

CONSUMERS = {
    "PackagesQueue": "PackageUploadedFunction",
    "RequestsQueue": "RunRequestedFunction",
    "JobEventsQueue": "JobChangedFunction",
    "ChildrenQueue": "JobChangedFunction",
    "TimersQueue": "TimerDueFunction",
    "LightQueue": "LightStepFunction",
}


def _queues(template: Template) -> dict[str, dict[str, Any]]:
    return template.of_type("AWS::SQS::Queue")


def test_every_queue_is_encrypted(template: Template) -> None:
    assert all(queue.get("SqsManagedSseEnabled") is True for queue in _queues(template).values())


def test_every_queue_that_a_function_reads_has_a_dead_letter_queue_of_its_own(template: Template) -> None:
    redrives = {
        name: queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for name, queue in _queues(template).items()
        if not name.endswith("DeadLetterQueue")
    }
    assert redrives == {name: f"{name.removesuffix('Queue')}DeadLetterQueue" for name in CONSUMERS}


def test_dead_letters_are_kept_longer_than_any_message_waits(template: Template) -> None:
    queues = _queues(template)
    longest = max(queues[name]["MessageRetentionPeriod"] for name in CONSUMERS)
    dead = [queue["MessageRetentionPeriod"] for name, queue in queues.items() if name.endswith("DeadLetterQueue")]
    assert min(dead) > longest


@pytest.mark.parametrize("queue", [name for name in CONSUMERS if name != "LightQueue"])
def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_take(template: Template, queue: str) -> None:
    hidden = _queues(template)[queue]["VisibilityTimeout"]
    assert hidden >= 6 * template.function(CONSUMERS[queue])["Timeout"]


def test_a_light_message_stays_hidden_longer_than_the_longest_light_step(template: Template) -> None:
    longest = template.document["Parameters"]["LightTimeout"]["MaxValue"]
    assert _queues(template)["LightQueue"]["VisibilityTimeout"] > longest


@pytest.mark.parametrize(("queue", "function"), CONSUMERS.items())
def test_a_batch_with_a_bad_message_loses_only_that_message(template: Template, queue: str, function: str) -> None:
    sources = template.function(function)["Events"].values()
    (source,) = (each for each in sources if each["Properties"]["Queue"] == {"Fn::GetAtt": [queue, "Arn"]})
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # A light step or a large package may take as long as the function has; small events come ten at a time.
    assert source["Properties"]["BatchSize"] == {"LightQueue": 1, "PackagesQueue": 2, "ChildrenQueue": 1000}.get(
        queue, 10
    )


def test_a_batch_of_more_than_ten_is_waited_for_as_lambda_demands(template: Template) -> None:
    for function in CONSUMERS.values():
        for source in template.function(function)["Events"].values():
            properties = source["Properties"]
            assert properties["BatchSize"] <= 10 or properties["MaximumBatchingWindowInSeconds"] >= 1


def test_every_rule_has_somewhere_to_put_what_it_cannot_deliver(template: Template) -> None:
    targets = {
        rule: [target.get("DeadLetterConfig", {}).get("Arn") for target in properties["Targets"]]
        for rule, properties in template.of_type("AWS::Events::Rule").items()
    }
    assert len(targets) == 6
    for rule, letters in targets.items():
        assert all(letter["Fn::GetAtt"][0].endswith("DeadLetterQueue") for letter in letters), rule


def test_a_rule_may_send_to_its_queue_and_to_its_dead_letter_queue_and_nobody_else_may(template: Template) -> None:
    policies = template.of_type("AWS::SQS::QueuePolicy").values()
    for rule, properties in template.of_type("AWS::Events::Rule").items():
        for target in properties["Targets"]:
            reached = {target["Arn"]["Fn::GetAtt"][0], target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]}
            for queue in reached & set(_queues(template)):
                senders = [
                    source["Fn::GetAtt"][0]
                    for policy in policies
                    if {"Ref": queue} in policy["Queues"]
                    for statement in policy["PolicyDocument"]["Statement"]
                    if statement["Effect"] == "Allow"
                    for source in statement["Condition"]["ArnEquals"]["aws:SourceArn"]
                ]
                assert rule in senders, f"{rule} may not send to {queue}"


def test_whoever_may_send_to_a_queue_by_its_policy_is_named_by_the_rule_that_sends(template: Template) -> None:
    for name, policy in template.of_type("AWS::SQS::QueuePolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Principal"] == {"Service": "events.amazonaws.com"}, name
                assert statement["Action"] == "sqs:SendMessage", name
                assert "aws:SourceArn" in statement["Condition"]["ArnEquals"], name


def test_queues_and_buckets_refuse_connections_without_tls(template: Template) -> None:
    for kind, what, key in (
        ("AWS::SQS::QueuePolicy", "AWS::SQS::Queue", "Queues"),
        ("AWS::S3::BucketPolicy", "AWS::S3::Bucket", "Bucket"),
    ):
        guarded = set()
        for policy in template.of_type(kind).values():
            denials = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
            assert [each["Condition"] for each in denials] == [{"Bool": {"aws:SecureTransport": "false"}}]
            named = policy[key] if isinstance(policy[key], list) else [policy[key]]
            guarded |= {each["Ref"] for each in named}
        assert guarded == set(template.of_type(what))
