"""Names that AWS Batch takes, made from names that people chose."""

import json
import re
import unicodedata
from hashlib import sha256
from typing import Any

# RegisterJobDefinition and SubmitJob: 128 letters, digits, `-` and `_`, the first a letter or digit.
NAME_LIMIT = 128
_HASH_LENGTH = 10
_CONTENT_HASH_LENGTH = 32


def job_name(flow: str, step: str, run: str, split: str, attempt: int) -> str:
    """The one name of a submission's job: always the same, never shared with another submission's.

    The hash makes it so: two submissions may well have the same readable part once cut, or `a-b` beside `c` and `a`
    beside `b-c`. Looking a job up by this name is how a second SubmitJob is avoided, so it must never mislead.
    """
    given = [flow, step, run, split, attempt]
    place = f"-{legal(step)[:48]}-{legal(split)[-24:]}-{attempt}-{_hash(given, _HASH_LENGTH)}"
    return legal(run)[: NAME_LIMIT - len(place)] + place


def definition_name(content: dict[str, Any]) -> str:
    """The hash of the content, in whatever order its keys come: equal needs share one definition, whoever asks.

    The template's roles may touch definitions called `steprelay-…` only.
    """
    return f"steprelay-{_hash(content, _CONTENT_HASH_LENGTH)}"


def legal(text: str) -> str:
    """The text in Batch's alphabet: accents dropped, everything else that is foreign to it as `_`."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    known = re.sub(r"[^A-Za-z0-9_-]", "_", plain)
    return known if re.match(r"[A-Za-z0-9]", known) else f"x{known}"


def _hash(value: Any, length: int) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:length]
