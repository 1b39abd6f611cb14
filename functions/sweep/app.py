"""Every few minutes → what lost events and dead handlers left open."""

from dataclasses import asdict, replace
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from steprelay.relay.assembly import Relay, relay
from steprelay.relay.telemetry import count, logger, metrics, traced


def respond(relay: Relay) -> dict[str, int]:
    """What the sweep did, as numbers."""
    done = relay.sweeper.sweep()
    for what, error in done.failures:
        logger.error("could not be looked after", run=what, exc_info=error)
    swept = {**asdict(replace(done, failures=())), "failures": len(done.failures)}
    count("SweepFailures", swept["failures"])
    count("RunsSwept", swept["runs"])
    count("EventsMadeUpFor", swept["events"] + swept["redriven"])
    count("DefinitionsRetired", swept["definitions"])
    logger.info("swept", **swept)
    return swept


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    return respond(relay())
