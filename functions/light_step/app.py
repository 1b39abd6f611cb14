"""Runs light steps: one message of the light queue, one attempt. Its role reaches the data bucket and its reports."""

import json
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from steprelay.runner.light import run_light
from steprelay.runner.s3 import S3Store

logger, tracer, metrics = Logger(), Tracer(auto_patch=False), Metrics(namespace="steprelay")
store, sqs = S3Store(os.environ["STEPRELAY_DATA_BUCKET"]), boto3.client("sqs")
processor = BatchProcessor(event_type=EventType.SQS)


def run_record(record: SQSRecord, lambda_context: LambdaContext) -> None:
    deadline = time.time() + lambda_context.get_remaining_time_in_millis() / 1000
    memory = int(lambda_context.memory_limit_in_mb)
    result = run_light(json.loads(record.body), store=store, deadline=deadline, memory_mib=memory)
    task, lost = result.task, result.lost
    logger.append_keys(run=task.brief.run, task=task.name, attempt=task.brief.attempt)
    if result.report:
        report = {"source": "steprelay.light", "detail-type": "Light Step Ended", "detail": result.detail}
        sqs.send_message(QueueUrl=os.environ["STEPRELAY_JOB_EVENTS_QUEUE_URL"], MessageBody=json.dumps(report))
    metrics.add_metric("LightSteps", MetricUnit.Count, 1)
    logger.info("light step ended", extra={"status": result.status, "lost": lost, "reported": result.report})


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event=event, record_handler=run_record, processor=processor, context=context)
