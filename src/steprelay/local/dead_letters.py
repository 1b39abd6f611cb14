"""What the relay's functions could not handle."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steprelay.local.record import RelayInfo

_MARK = "DeadLetterQueue"


def dead_letters(info: "RelayInfo") -> dict[str, int]:
    """Messages in each dead-letter queue that has any, by the queue's name in the template."""
    import boto3

    known = info.environment
    session = boto3.session.Session(
        known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"], None, known["AWS_REGION"]
    )
    sqs = session.client("sqs", endpoint_url=info.endpoint_url)
    depths = {}
    for url in sqs.list_queues().get("QueueUrls", []):
        # Names are stack-LogicalId-suffix.
        name = url.rsplit("/", 1)[-1].split("-")[1]
        if name.endswith(_MARK):
            answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
            depths[name] = int(answer["Attributes"]["ApproximateNumberOfMessages"])
    return {name: depth for name, depth in depths.items() if depth}
