"""Runs light steps: one message of the light queue, one attempt. Its role reaches the data bucket and its reports."""

import json
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from steprelay.runner.light import run_light
from steprelay.runner.s3 import S3Store

logger, tracer, metrics = Logger(), Tracer(auto_patch=False), Metrics(namespace="steprelay")
store, sqs = S3Store(os.environ["STEPRELAY_DATA_BUCKET"]), boto3.client("sqs")
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def run_record(record: SQSRecord, lambda_context: LambdaContext) -> None:
    deadline = time.time() + lambda_context.get_remaining_time_in_millis() / 1000
    try:
        result = run_light(json.loads(record.body), store, deadline, int(lambda_context.memory_limit_in_mb))
    except Exception:
        logger.exception("the message could not be handled; it will be delivered again")
        raise
    logger.append_keys(run=result.task.brief.run, task=result.task.name, attempt=result.task.brief.attempt)
    if result.report:
        sqs.send_message(QueueUrl=os.environ["STEPRELAY_JOB_EVENTS_QUEUE_URL"], MessageBody=json.dumps(result.message))
    metrics.add_metric("LightSteps", "Count", 1)
    logger.info("light step ended", status=result.status, lost=result.lost, reported=result.report)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event=event, record_handler=run_record, processor=processor, context=context)
