"""Flows of Python steps that run on AWS Batch by uploading a package."""

from steprelay.sdk.current import current
from steprelay.sdk.decorators import (
    batch,
    catch,
    environment,
    exit_hook,
    resources,
    retry,
    schedule,
    step,
    timeout,
    trigger,
)
from steprelay.sdk.exceptions import CheckpointError, Reclaimed, TimeoutException
from steprelay.sdk.flow import FlowSpec
from steprelay.sdk.hooks import EndedRun
from steprelay.sdk.parameters import JSONType, Parameter

__all__ = [
    "CheckpointError",
    "EndedRun",
    "FlowSpec",
    "JSONType",
    "Parameter",
    "Reclaimed",
    "TimeoutException",
    "batch",
    "catch",
    "current",
    "environment",
    "exit_hook",
    "resources",
    "retry",
    "schedule",
    "step",
    "timeout",
    "trigger",
]
