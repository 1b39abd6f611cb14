"""Packages uploaded under run/ and deploy/ → runs and deployments."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from steprelay.relay.assembly import Relay, relay
from steprelay.relay.records import answer
from steprelay.relay.telemetry import about, log_ignored, log_received, logger, metrics, traced
from steprelay_core.inbound import Ignored, read_upload


def respond(event: dict[str, Any], relay: Relay) -> dict[str, Any]:
    """SQS's partial batch response to a Lambda event."""

    def handle(body: str, _message_id: str) -> None:
        upload = read_upload(body)
        if isinstance(upload, Ignored):
            return log_ignored(upload)
        about(upload)
        return log_received(relay.intake.receive(upload))

    return answer(event, handle, relay.dead_letters)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    return respond(event, relay())
