"""A batch of SQS messages, each on its own: handled, dead-lettered with its reason, or left to come again."""

from collections.abc import Callable
from typing import Any, Protocol

# Must come before pydantic, which the core imports: it then leaves out models of its own, a fifth of a second.
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from steprelay.relay.telemetry import count, logger, record_keys
from steprelay_core.inbound import DeadLetter

# `handle(body, message id)`; raises DeadLetter for what no redelivery can mend.
Handle = Callable[[str, str], None]


class DeadLetters(Protocol):
    """Where messages go that no redelivery can mend."""

    def put(self, body: str, reason: str, message_id: str) -> None: ...


def answer(event: dict[str, Any], handle: Handle, dead_letters: DeadLetters | None) -> dict[str, Any]:
    """Handle the records of a Lambda event; SQS's partial batch response.

    A poison message is moved to the dead-letter queue by us, so that the reason goes with it and nobody receives it
    again. Without a queue to put it in it fails as a record, and SQS moves it after the last receive.
    """

    def one(record: SQSRecord) -> None:
        with record_keys(record.message_id):
            try:
                handle(record.body, record.message_id)
            except DeadLetter as reason:
                _bury(record, str(reason), dead_letters)
            except Exception:
                count("EventsFailed")
                logger.exception("the message could not be handled; it will be delivered again")
                raise

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(records=event["Records"], handler=one):
        processor.process()
    return dict(processor.response())


def _bury(record: SQSRecord, reason: str, dead_letters: DeadLetters | None) -> None:
    count("EventsDeadLettered")
    logger.error("the message goes to the dead-letter queue", reason=reason)
    if dead_letters is None:
        raise DeadLetter(reason)
    dead_letters.put(record.body, reason, record.message_id)
