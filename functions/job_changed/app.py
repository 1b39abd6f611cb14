"""Changes of Batch jobs and ends of light steps → the engine."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from steprelay.relay.assembly import Relay, relay
from steprelay.relay.records import answer
from steprelay.relay.telemetry import about, log_handled, log_ignored, logger, metrics, traced
from steprelay_core.inbound import Ignored, read_job_event


def respond(event: dict[str, Any], relay: Relay) -> dict[str, Any]:
    """SQS's partial batch response to a Lambda event."""

    def handle(body: str, _message_id: str) -> None:
        change = read_job_event(body, relay.name)
        if isinstance(change, Ignored):
            return log_ignored(change)
        about(change)
        return log_handled(relay.engine.handle(change))

    return answer(event, handle, relay.dead_letters)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    return respond(event, relay())
