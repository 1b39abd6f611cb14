"""Nobody but the relay itself is answered before it has what the relay before left: it would seem to hold nothing."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LATER = 503


class Gate:
    """An ASGI application in front of another one: while it is not `open`, AWS's clients are told to come again, but
    for those that name `token` as part of their user agent.
    """

    def __init__(self, application: Application, token: str) -> None:
        self.open = False
        self._application, self._token = application, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.open or scope["type"] != "http" or self._token in dict(scope["headers"]).get(b"user-agent", b""):
            await self._application(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": _LATER, "headers": []})
        await send({"type": "http.response.body", "body": b""})
