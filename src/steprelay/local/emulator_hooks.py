"""Every hold that the embedded relay takes on MiniStack's private parts, and the test that they are still there.

MiniStack is pinned exactly (pyproject.toml). Whoever raises the pin reads this file: `check` lists what moved.
Importing this module imports MiniStack, which reads its settings then: set them first (environment.emulator_settings).
"""

# ruff: noqa: SLF001 - private parts are what this file is for

import asyncio
import inspect
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ministack import app as gateway
from ministack.core import container_reaper, lambda_runtime
from ministack.core.responses import request_scope
from ministack.services import batch, cloudwatch_logs, eventbridge, lambda_svc, scheduler, sqs
from ministack.services.cloudformation import provisioners

from steprelay.local import emulator_state
from steprelay.local.batch_resources import BATCH_RESOURCES, Answer, BatchApi, BatchResource, as_numbers
from steprelay.local.environment import ACCOUNT, REGION

VERSION = "1.5.33"

# Of the events that passed, MiniStack keeps all, for nobody.
_EVENTS_KEPT = 100
_TICK_SECONDS = 0.5
_IDLE_GAP_SECONDS = 0.002
# What a handler printed has reached its pipe before its answer has: the wait is for our own reading thread.
_FIRST_LINE_SECONDS = 0.004
_NEXT_LINE_SECONDS = 0.002
# A worker that just answered is still being read out; a new one takes half a second of a processor to start.
_WORKER_PATIENCE_SECONDS = 0.1

logger = logging.getLogger("steprelay.functions")


class EmulatorMismatch(Exception):
    """The installed MiniStack is not the one that these hooks were made for; the message lists what differs."""


# (module, name, parameters): functions that are called or replaced here, with the parameters they must have.
_FUNCTIONS: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (batch, "handle_request", ("method", "path", "headers", "body", "query_params")),
    (eventbridge, "_put_events", ("data", "allow_aws_source")),
    (eventbridge, "_events_log_list", ()),
    (eventbridge, "_dispatch_to_sqs", ("spec", "payload", "sqs_parameters")),
    (eventbridge, "_invoke_target", ("target", "event", "rule", "view")),
    (eventbridge, "_parse_cron_fields", ("expr",)),
    (eventbridge, "_cron_next_fire", ("fields", "after_dt")),
    (scheduler, "_create_schedule", ("name", "body")),
    (scheduler, "_update_schedule", ("name", "body")),
    (scheduler, "_at_time_epoch", ("expr",)),
    (lambda_runtime, "acquire_worker", ("func_name", "config", "code_zip", "qualifier", "max_concurrency")),
    (lambda_svc, "acquire_worker", ("func_name", "config", "code_zip", "qualifier", "max_concurrency")),
    (lambda_runtime, "_worker_key", ("func_name", "config", "qualifier")),
    (lambda_runtime, "ensure_spawned", ("worker",)),
    (lambda_runtime, "release_worker", ("worker",)),
    (lambda_runtime, "reset", ()),
    (lambda_runtime.Worker, "_drain_stderr_bounded", ("self", "first_line_wait", "idle_confirm", "hard_cap")),
    (lambda_svc, "_emit_lambda_logs", ("func", "request_id", "log_text", "error", "duration_ms", "log_source")),
    (cloudwatch_logs, "_create_log_group", ("data",)),
    (cloudwatch_logs, "_create_log_stream", ("data",)),
    (cloudwatch_logs, "_append_log_events", ("stream", "events")),
    (provisioners, "_physical_name", ("stack_name", "logical_id", "lowercase", "max_len", "seeded")),
    (gateway, "_docker_socket_present", ()),
    (container_reaper, "start", ("get_docker",)),
)
# (module, name, type): values that are read or replaced here.
_VALUES: tuple[tuple[Any, str, type | tuple[type, ...]], ...] = (
    (eventbridge, "_SCHEDULER_TICK_INTERVAL", (int, float)),
    (scheduler, "_SCHEDULE_TICK_INTERVAL", (int, float)),
    (scheduler, "_schedules", object),
    (lambda_svc, "_ESM_IDLE_WAKE_GAP_SECONDS", float),
    (lambda_svc, "_functions", object),
    (lambda_runtime, "_workers", dict),
    (cloudwatch_logs, "_log_groups", object),
    (provisioners, "_RESOURCE_HANDLERS", dict),
    (sqs, "_queues_lock", type(threading.Lock())),
)


def check() -> None:
    """Test that MiniStack is what these hooks take it for; before `install`, as that replaces some of it.

    Raises:
        EmulatorMismatch: naming everything that differs.
    """
    problems = [] if version("ministack") == VERSION else [f"its version is {version('ministack')}, not {VERSION}"]
    for owner, name, expected in (*_FUNCTIONS, *emulator_state.FUNCTIONS):
        found = getattr(owner, name, None)
        given = tuple(inspect.signature(found).parameters) if callable(found) else None
        if given != expected:
            problems.append(
                f"{owner.__name__}.{name} takes {given}, not {expected}"
                if given
                else f"{owner.__name__}.{name} is gone"
            )
    for owner, name, kind in (*_VALUES, *emulator_state.VALUES):
        if not isinstance(getattr(owner, name, None), kind):
            problems.append(f"{owner.__name__}.{name} is gone, or no {kind}")
    if problems:
        raise EmulatorMismatch(
            f"The embedded relay does not fit the installed MiniStack: {'; '.join(problems)}. "
            f"Install the version it was made for: pip install ministack=={VERSION}"
        )


def install(batch_api: BatchApi) -> None:
    """Put the local Batch in the stub's place, and set right what stands between MiniStack and AWS here."""
    _install_batch(batch_api)
    _read_numbers()
    _keep_events_short()
    _deliver_events_under_lock()
    _hasten()
    _reuse_workers()
    _zone_schedules()
    _fill_in_scheduler_attributes()
    _log_functions()
    emulator_state.name_buckets_alike()
    # It would remove the containers of other MiniStacks on this machine.
    gateway._docker_socket_present = lambda: False
    container_reaper.start = lambda _get_docker: None


def application() -> Any:
    """MiniStack as an ASGI application."""
    return gateway.app


# The local Batch.


def publish(event: Mapping[str, Any]) -> None:
    """Put an `aws.*` event on the default bus, which PutEvents refuses from outside. Raises nothing for no rule."""
    entry = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event["resources"],
    }
    with request_scope(ACCOUNT, REGION):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def write_log(group: str, stream: str, lines: Iterable[tuple[int, str]]) -> None:
    """Append lines (milliseconds since the epoch, text) to a CloudWatch stream, made if need be."""
    with request_scope(ACCOUNT, REGION):
        groups = cloudwatch_logs._log_groups
        if group not in groups:
            cloudwatch_logs._create_log_group({"logGroupName": group})
        if stream not in groups[group]["streams"]:
            cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
        events = [{"timestamp": at, "message": text, "ingestionTime": at} for at, text in lines]
        cloudwatch_logs._append_log_events(groups[group]["streams"][stream], events)


def _install_batch(api: BatchApi) -> None:
    async def handle(method: str, path: str, _headers: object, body: bytes, query: Mapping[str, Any]) -> Answer:
        whole = f"{path}?{urlencode(query, doseq=True)}" if query else path
        return await asyncio.to_thread(api, method, whole, body or b"")

    batch.handle_request = handle
    for name, kind in BATCH_RESOURCES.items():
        provisioners._RESOURCE_HANDLERS[name] = _resource(kind, api)


def _resource(kind: BatchResource, api: BatchApi) -> dict[str, Callable[..., Any]]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        arn = kind.create(api, properties, provisioners._physical_name(stack, logical_id))
        return arn, {kind.arn_attribute: arn}

    def delete(arn: str, _properties: object) -> None:
        kind.delete(api, arn)

    return {"create": create, "delete": delete}


def _read_numbers() -> None:
    """A number that comes from a parameter is text in CloudFormation, and MiniStack then counts with the text."""
    for kind, name in (
        ("AWS::Lambda::EventSourceMapping", "ScalingConfig"),
        ("AWS::Logs::LogGroup", "RetentionInDays"),
    ):
        handlers = provisioners._RESOURCE_HANDLERS[kind]
        handlers["create"] = _with_number(handlers["create"], name)


def _with_number(original: Callable[..., Any], name: str) -> Callable[..., Any]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        if name in properties:
            properties = {**properties, name: as_numbers(properties[name])}
        return original(logical_id, properties, stack)

    return create


# Events and time.


def _keep_events_short() -> None:
    kept: deque[Any] = deque(maxlen=_EVENTS_KEPT)
    eventbridge._events_log_list = lambda: kept


def _deliver_events_under_lock() -> None:
    """EventBridge appends to a queue without its lock; an append while messages are deleted would be lost."""
    original = eventbridge._dispatch_to_sqs

    def dispatch(*given: Any, **named: Any) -> None:
        with sqs._queues_lock:
            original(*given, **named)

    eventbridge._dispatch_to_sqs = dispatch


def _hasten() -> None:
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = _IDLE_GAP_SECONDS
    eventbridge._SCHEDULER_TICK_INTERVAL = _TICK_SECONDS
    scheduler._SCHEDULE_TICK_INTERVAL = _TICK_SECONDS
    original = lambda_runtime.Worker._drain_stderr_bounded

    def drain(self: Any) -> str:
        return str(original(self, _FIRST_LINE_SECONDS, _NEXT_LINE_SECONDS))

    lambda_runtime.Worker._drain_stderr_bounded = drain


def _reuse_workers() -> None:
    original = lambda_svc.acquire_worker

    def acquire(func_name: str, config: Any, code_zip: bytes, qualifier: str = "$LATEST", **more: Any) -> Any:
        key = lambda_runtime._worker_key(func_name, config, qualifier)
        deadline = time.monotonic() + _WORKER_PATIENCE_SECONDS
        # Bounded, as a handler that invokes itself waits for itself here.
        while _all_busy(lambda_runtime._workers.get(key)) and time.monotonic() < deadline:
            time.sleep(0.001)
        return original(func_name, config, code_zip, qualifier=qualifier, **more)

    lambda_svc.acquire_worker = acquire


def _all_busy(workers: list[Any] | None) -> bool:
    return bool(workers) and all(worker.in_use for worker in list(workers or ()))


class _Zoned(str):
    """A schedule expression that knows its time zone; MiniStack reads them all as UTC."""

    zone: ZoneInfo


class _ZonedFields(tuple[Any, ...]):
    """The parsed fields of a zoned cron expression."""

    zone: ZoneInfo


def _zone_schedules() -> None:
    _zone_expressions()
    parse, following, at = eventbridge._parse_cron_fields, eventbridge._cron_next_fire, scheduler._at_time_epoch

    def parse_zoned(expr: str) -> Any:
        fields = parse(expr)
        if fields is None or not isinstance(expr, _Zoned):
            return fields
        zoned = _ZonedFields(fields)
        zoned.zone = expr.zone
        return zoned

    def next_zoned(fields: Any, after: datetime) -> Any:
        return following(fields, after.astimezone(fields.zone) if isinstance(fields, _ZonedFields) else after)

    def at_zoned(expr: str) -> float | None:
        epoch: float | None = at(expr)
        if epoch is None or not isinstance(expr, _Zoned):
            return epoch
        return datetime.fromtimestamp(epoch, UTC).replace(tzinfo=expr.zone).timestamp()

    eventbridge._parse_cron_fields = parse_zoned
    eventbridge._cron_next_fire = next_zoned
    scheduler._at_time_epoch = at_zoned


def zoned(schedule: dict[str, Any]) -> dict[str, Any]:
    """A schedule whose expression knows the zone it is in."""
    zone = schedule.get("ScheduleExpressionTimezone", "UTC")
    if zone == "UTC":
        return schedule
    expression = _Zoned(schedule.get("ScheduleExpression", ""))
    expression.zone = ZoneInfo(zone)
    return {**schedule, "ScheduleExpression": expression}


def _zone_expressions() -> None:
    def zoning(original: Callable[[str, dict[str, Any]], Any]) -> Callable[[str, dict[str, Any]], Any]:
        def store(name: str, body: dict[str, Any]) -> Any:
            return original(name, zoned(body))

        return store

    scheduler._create_schedule = zoning(scheduler._create_schedule)
    scheduler._update_schedule = zoning(scheduler._update_schedule)


def _fill_in_scheduler_attributes() -> None:
    """Scheduler replaces `<aws.scheduler.…>` in a target's input; MiniStack passes it on as it is."""
    original = eventbridge._invoke_target

    def invoke(target: dict[str, Any], event: dict[str, Any], rule: Any, view: Any = None) -> None:
        given = target.get("Input", "")
        if event.get("Source") == "aws.scheduler" and "<aws.scheduler." in given:
            scheduled = datetime.fromtimestamp(int(event["Time"]), UTC)
            attributes = {
                "schedule-arn": rule.get("Arn", ""),
                "scheduled-time": scheduled.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "execution-id": event["EventId"],
                "attempt-number": "1",
            }
            for name, value in attributes.items():
                given = given.replace(f"<aws.scheduler.{name}>", value)
            target = {**target, "Input": given}
        original(target, event, rule, view)

    eventbridge._invoke_target = invoke


# Functions.


def _log_functions() -> None:
    """Each invocation's lines go to the relay's log as well; MiniStack would write them for queues only."""
    original = lambda_svc._emit_lambda_logs

    def emit(func: Any, request_id: str, log_text: str, error: bool, duration_ms: int, **named: Any) -> None:
        original(func, request_id, log_text, error, duration_ms, **named)
        name = _function_name(func)
        level = logging.ERROR if error else logging.INFO
        logger.log(level, "%s %s in %d ms", name, "failed" if error else "done", duration_ms)
        for line in log_text.splitlines() if log_text else ():
            logger.log(level, "%s | %s", name, line)

    lambda_svc._emit_lambda_logs = emit
    # Said above, with the lines it has to do with.
    lambda_svc.logger.setLevel(logging.ERROR)


def warm(names: Iterable[str]) -> None:
    """Start a worker for each function whose name contains one of these, so that its first event finds it up."""
    with request_scope(ACCOUNT, REGION):
        for wanted in names:
            for name, record in list(lambda_svc._functions.items()):
                if wanted in name:
                    worker, _ = lambda_runtime.acquire_worker(name, record["config"], record["code_zip"])
                    try:
                        lambda_runtime.ensure_spawned(worker)
                    finally:
                        lambda_runtime.release_worker(worker)


def stop_functions() -> None:
    """End all workers and remove their folders."""
    lambda_runtime.reset()


def _function_name(func: Mapping[str, Any]) -> str:
    config = func.get("config") or func
    return str(config.get("FunctionName", "function")).split("-")[-2:][0]
