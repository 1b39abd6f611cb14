"""Pages of a listing, with opaque tokens."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

from steprelay.local.batch.errors import ClientError

MOST_RESULTS = 100


def page(key: str, records: Sequence[dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
    """One page of `records` under `key`, with `nextToken` if there are more (at most 100 a page)."""
    size = page_size(request, MOST_RESULTS)
    start = read_token(request.get("nextToken")) or 0
    answer: dict[str, Any] = {key: records[start : start + size]}
    if start + size < len(records):
        answer["nextToken"] = make_token(start + size)
    return answer


def page_size(request: dict[str, Any], most: int) -> int:
    """The request's maxResults, or `most`. Raises ClientError outside 1 to `most`."""
    asked = int(request.get("maxResults", most))
    if asked < 1:
        raise ClientError(f"maxResults must be at least 1; given {asked}")
    return min(asked, most)


def take(records: Iterable[Any], size: int) -> tuple[list[Any], bool]:
    """The first `size` records, and whether there are more."""
    taken: list[Any] = []
    for record in records:
        if len(taken) == size:
            return taken, True
        taken.append(record)
    return taken, False


def make_token(position: int) -> str:
    return base64.urlsafe_b64encode(f"at:{position}".encode()).decode()


def read_token(token: str | None) -> int | None:
    """The position a token stands for. Raises ClientError for one that wasn't made here."""
    if token is None:
        return None
    try:
        mark, _, position = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if mark == "at":
            return int(position)
    except (ValueError, binascii.Error):
        pass
    raise ClientError("nextToken is not valid")
