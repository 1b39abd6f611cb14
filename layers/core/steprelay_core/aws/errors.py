"""AWS's answers as the ports' exceptions."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, ParamValidationError

from steprelay_core.ports import Refused

# What no repetition changes. Everything else (throttling, server errors) botocore has repeated already; it is left
# to come up, and the event to be delivered again.
_LASTING = frozenset({"ClientException", "AccessDeniedException", "AccessDenied", "ValidationException"})


class Undelivered(Exception):
    """AWS took a call but not all that was in it, even when asked again."""


def error_code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def refusals(doing: str) -> Iterator[None]:
    """Turn what AWS will never take into `Refused`; `doing` says what was asked (`registering definition x`)."""
    try:
        yield
    except ParamValidationError as error:
        raise Refused(f"{doing}: {error}") from error
    except ClientError as error:
        if error_code(error) not in _LASTING:
            raise
        message = error.response.get("Error", {}).get("Message", "")
        raise Refused(f"AWS refused {doing}: {message}") from error
