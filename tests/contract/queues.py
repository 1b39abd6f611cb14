"""Reading a queue to its end."""

import json
from typing import Any

from steprelay_core.aws.clients import Clients


def receive_all(clients: Clients, queue_url: str) -> list[Any]:
    """The bodies of all messages that are there to be received; they are taken out."""
    bodies: list[Any] = []
    while True:
        found = clients.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
        if not found:
            return bodies
        for message in found:
            bodies.append(json.loads(message["Body"]))
            clients.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
