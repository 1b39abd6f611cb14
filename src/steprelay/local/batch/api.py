"""Batch's REST-JSON protocol: from method, path and body to an operation, and back.

Routes and input shapes come from botocore's own service model, so that a request which the model
refuses is refused here too.
"""

import functools
import itertools
import json
import logging
import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.loaders import Loader
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

from steprelay.local.batch.chaos import Chaos, throttled
from steprelay.local.batch.errors import BatchError, ClientError, ThrottledError, refuse

Document = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[Document], Document]

# Batch reads these in any case; the rules check them.
ENUMS_IN_ANY_CASE = frozenset({"RetryAction"})
logger = logging.getLogger(__name__)


class Api:
    """Answers requests with `operations`, by AWS's name of each, one at a time under `lock`."""

    def __init__(self, operations: Mapping[str, Operation], lock: AbstractContextManager[bool], chaos: Chaos) -> None:
        self._operations = operations
        self._lock = lock
        self._chaos = chaos
        self._calls: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))

    def handle(self, method: str, path: str, body: bytes) -> Answer:
        """Status, headers and body for a request; `path` with its query string, if any."""
        try:
            answer = self._answer(method, path, body)
        except BatchError as error:
            return _error(error)
        except Exception:
            logger.exception("the local Batch failed on %s %s", method, path)
            return _error(BatchError("the local Batch failed on this request; its log has the details"))
        return 200, _headers(), answer

    def _answer(self, method: str, path: str, body: bytes) -> bytes:
        operation, request = _read(method, path, body)
        if throttled(self._chaos, operation.name, next(self._calls[operation.name])):
            logger.info("by chance: %s is throttled", operation.name)
            raise ThrottledError("Too Many Requests")
        perform = self._operations.get(operation.name)
        if perform is None:
            offered = ", ".join(sorted(self._operations))
            raise ClientError(f"The local Batch does not offer {operation.name}. It offers: {offered}.")
        shape = _input_shape(operation)
        report = ParamValidator().validate(request, shape)
        problems = [report.generate_report().replace("\n", "; ")] if report.has_errors() else []
        refuse(problems or list(_wrong_choices(request, shape, "")))
        with self._lock:  # encoded inside it: an answer is made of the live records
            return json.dumps(perform(request)).encode()


def _read(method: str, path: str, body: bytes) -> tuple[OperationModel, Document]:
    route, _, query = path.partition("?")
    for template, operation in _routes():
        found = template.fullmatch(route)
        if found is None or operation.http["method"] != method.upper():
            continue
        request = _body(body)
        request.update((name, unquote(value)) for name, value in found.groupdict().items())
        request.update(_from_query(operation, query))
        return operation, request
    raise ClientError(f"{method} {route} is no operation of AWS Batch.")


def _body(body: bytes) -> Document:
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise ClientError(f"the request's body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ClientError("the request's body must be a JSON object")
    return document


def _from_query(operation: OperationModel, query: str) -> Document:
    given = parse_qs(query)
    shape = _input_shape(operation)
    return {
        name: given[member.serialization.get("name", name)]
        for name, member in shape.members.items()
        if member.serialization.get("location") == "querystring" and member.serialization.get("name", name) in given
    }


def _input_shape(operation: OperationModel) -> StructureShape:
    shape = operation.input_shape
    if shape is None:
        raise ClientError(f"{operation.name} takes no input in this model")
    return shape


@functools.cache
def _routes() -> list[tuple[re.Pattern[str], OperationModel]]:
    model = ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")
    routes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        # An ARN in a path has slashes of its own, which not every server leaves encoded.
        template = re.sub(r"\{(\w+)\}", r"(?P<\1>.+)", operation.http["requestUri"])
        routes.append((re.compile(template), operation))
    return routes


def _wrong_choices(value: Any, shape: Shape, where: str) -> Iterator[str]:
    """Values outside the model's enums, which botocore's validator lets through."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if name in value:
                yield from _wrong_choices(value[name], member, f"{where}.{name}".lstrip("."))
    elif isinstance(shape, ListShape):
        for at, each in enumerate(value):
            yield from _wrong_choices(each, shape.member, f"{where}[{at}]")
    elif (
        isinstance(shape, StringShape)
        and shape.enum
        and value not in shape.enum
        and shape.name not in ENUMS_IN_ANY_CASE
    ):
        yield f"{where} is one of {', '.join(shape.enum)}; given {value!r}"


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4())}


def _error(error: BatchError) -> Answer:
    headers = {**_headers(), "x-amzn-errortype": error.code}
    return error.status, headers, json.dumps({"message": str(error)}).encode()
