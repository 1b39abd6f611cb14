"""Asking a relay how it is."""

import http.client
import json
from collections.abc import Mapping

from steprelay.local.record import RelayInfo

_PATH = "/_ministack/health"
_PATIENCE_SECONDS = 3.0


def answers(info: RelayInfo) -> bool:
    """Whether this very relay answers at its port: another one may have taken it over."""
    connection = http.client.HTTPConnection("127.0.0.1", info.port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", _PATH)
        found = json.loads(connection.getresponse().read())
        return isinstance(found, Mapping) and found.get("edition") == info.token
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
