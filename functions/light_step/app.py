"""Runs light steps: a message of the light queue, one attempt or several. Its role reaches the data and two queues."""

import json
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from steprelay.runner.light_message import LightFunction
from steprelay.runner.light_queues import LightQueues
from steprelay.runner.s3 import S3Store

logger, tracer, metrics = Logger(), Tracer(auto_patch=False), Metrics(namespace="steprelay")
ENDS, LIGHT = os.environ["STEPRELAY_JOB_EVENTS_QUEUE_URL"], os.environ["STEPRELAY_LIGHT_QUEUE_URL"]
store, queues = S3Store(os.environ["STEPRELAY_DATA_BUCKET"]), LightQueues(boto3.client("sqs"), ENDS, LIGHT)
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def run_record(record: SQSRecord, lambda_context: LambdaContext) -> None:
    deadline = time.time() + lambda_context.get_remaining_time_in_millis() / 1000
    function = LightFunction(store, deadline, queues.report, queues.again, int(lambda_context.memory_limit_in_mb))
    try:
        results = function.handle(json.loads(record.body))
    except Exception:
        logger.exception("the message could not be handled; it will be delivered again")
        raise
    metrics.add_metric("LightSteps", "Count", len(results))
    for result in results:
        logger.info("light step ended", **result.summary)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event=event, record_handler=run_record, processor=processor, context=context)
