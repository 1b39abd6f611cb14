"""The payloads of events/."""

import json
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).parents[2] / "events"


def cases(function: str) -> list[str]:
    """The cases that events/ has for a function."""
    return sorted(path.stem for path in (EVENTS / function).glob("*.json"))


def payload(function: str, case: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((EVENTS / function / f"{case}.json").read_text())
    return read


def bodies(function: str, case: str) -> list[str]:
    """The bodies of the SQS messages in a payload."""
    return [record["body"] for record in payload(function, case)["Records"]]
