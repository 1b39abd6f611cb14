"""Changes of Batch jobs and ends of light steps → the engine."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from steprelay.relay.assembly import Relay, relay
from steprelay.relay.telemetry import logger, metrics, traced
from steprelay.relay.together import answer_together
from steprelay_core.inbound import read_job_event


def respond(event: dict[str, Any], relay: Relay) -> dict[str, Any]:
    """SQS's partial batch response to a Lambda event; what came of one run is decided together."""
    return answer_together(
        event, lambda body: read_job_event(body, relay.name), relay.engine.handle_all, relay.dead_letters
    )


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    return respond(event, relay())
