"""Tracebacks as a person wants them: their own frames, with paths as in the package."""

import os
import traceback
from pathlib import Path

import steprelay

_OURS = os.path.dirname(os.path.abspath(steprelay.__file__)) + os.sep  # noqa: PTH100,PTH120 - compared as text


def user_traceback(error: BaseException, package: Path | None) -> str:
    """The traceback of an exception and its causes without steprelay's frames."""
    trace = traceback.TracebackException.from_exception(error)
    _trim(trace, f"{package}{os.sep}" if package else "", set())
    return "".join(trace.format())


def _trim(trace: traceback.TracebackException, package: str, seen: set[int]) -> None:
    if id(trace) in seen:
        return
    seen.add(id(trace))
    trace.stack = traceback.StackSummary.from_list(
        [
            traceback.FrameSummary(
                frame.filename.removeprefix(package), frame.lineno, frame.name, lookup_line=False, line=frame.line
            )
            for frame in trace.stack
            if not frame.filename.startswith((_OURS, "<frozen importlib"))
        ]
    )
    for inner in (trace.__cause__, trace.__context__, *(trace.exceptions or () if _is_group(trace) else ())):
        if inner is not None:
            _trim(inner, package, seen)


def _is_group(trace: traceback.TracebackException) -> bool:
    return getattr(trace, "exceptions", None) is not None
