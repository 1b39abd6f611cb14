"""A run's parameters on their way into the metadata of an upload."""

import json
from collections.abc import Mapping
from typing import Any

# Amazon S3: the user metadata of an object, names and values together.
METADATA_LIMIT = 2048

KEY = "parameters"


class TooLarge(ValueError):
    """Parameters that do not fit into an object's metadata."""


def as_metadata(parameters: Mapping[str, Any]) -> dict[str, str]:
    """ASCII JSON, since metadata travels in HTTP headers.

    Raises:
        TooLarge: if S3 would refuse it.
    """
    if not parameters:
        return {}
    text = json.dumps(dict(parameters), ensure_ascii=True, separators=(",", ":"))
    if len(KEY) + len(text) > METADATA_LIMIT:
        raise TooLarge(
            f"the parameters take {len(text):,} characters as JSON, S3 allows {METADATA_LIMIT - len(KEY):,}; "
            "put large values into a file of the package, or into S3, and give their name"
        )
    return {KEY: text}
