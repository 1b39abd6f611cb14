"""AWS's answers as the ports' exceptions."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError

from steprelay_core.ports import Denied, Refused, Unavailable

# What no repetition changes. Throttling and server errors botocore has repeated already.
_LASTING = frozenset({"ClientException", "ValidationException"})
_THROTTLED = frozenset({"TooManyRequestsException", "ThrottlingException", "RequestLimitExceeded"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied"})


class Undelivered(Exception):
    """AWS took a call but not all that was in it, even when asked again."""


def error_code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def error_message(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Message", "")


@contextmanager
def refusals(doing: str) -> Iterator[None]:
    """Turn what AWS will never take into `Refused`, what the relay may not do into `Denied`, and what AWS does not do
    now into `Unavailable`.

    `doing` says what was asked (`registering definition x`).
    """
    try:
        yield
    except ParamValidationError as error:
        raise Refused(f"{doing}: {error}") from error
    except ClientError as error:
        told = f"AWS refused {doing}: {error_message(error)}"
        if error_code(error) in _DENIED:
            raise Denied(told) from error
        if error_code(error) in _LASTING:
            raise Refused(told) from error
        if error_code(error) in _THROTTLED or _status(error) >= 500:
            raise Unavailable(f"{doing}: {error}") from error
        raise
    except HTTPClientError as error:
        raise Unavailable(f"{doing}: {error}") from error


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
