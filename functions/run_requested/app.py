"""Requests, schedules and events on the bus → runs of deployed flows, and cancellations."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from steprelay.relay.assembly import Relay, relay
from steprelay.relay.records import answer
from steprelay.relay.telemetry import about, log_fulfilled, log_ignored, logger, metrics, traced
from steprelay_core.inbound import Ignored, read_request


def respond(event: dict[str, Any], relay: Relay) -> dict[str, Any]:
    """SQS's partial batch response to a Lambda event."""

    def handle(body: str, message_id: str) -> None:
        request = read_request(body, message_id)
        if isinstance(request, Ignored):
            return log_ignored(request)
        about(request)
        return log_fulfilled(relay.requests.fulfil(request))

    return answer(event, handle, relay.dead_letters)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    return respond(event, relay())
