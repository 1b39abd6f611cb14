"""Flows of Python steps that run on AWS Batch by uploading a package."""

from steprelay.sdk.current import current
from steprelay.sdk.decorators import batch, catch, environment, resources, retry, schedule, step, timeout, trigger
from steprelay.sdk.exceptions import TimeoutException
from steprelay.sdk.flow import FlowSpec
from steprelay.sdk.parameters import JSONType, Parameter

__all__ = [
    "FlowSpec",
    "JSONType",
    "Parameter",
    "TimeoutException",
    "batch",
    "catch",
    "current",
    "environment",
    "resources",
    "retry",
    "schedule",
    "step",
    "timeout",
    "trigger",
]
