"""What one request may take: bytes, seconds, and a place among those that are open.

A client that sends too much gets 413, one too many gets 429 with Retry-After. The time for reading
and answering ends with 504; where a reply has begun, each of its pieces must be taken within that
time, so that whoever does not read is let go.
"""

from __future__ import annotations

import asyncio
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from knowledge.server.access import OPEN_PATHS
from knowledge.server.problems import RefusedError

LEAST_RATE = 16_384
"""Bytes a second that a body must have on average to get more time than the limit."""


UPLOADS = re.compile(r"/api/v1/datasets/.+/files|(/v1)?/files")


class Limits:
    """Holds requests to their limits.

    Parameters
    ----------
    requests:
        That may be open at the same time.
    body:
        Bytes of a request's body.
    upload:
        The same where files are sent.
    seconds:
        For reading a request and beginning its answer, and for a client to take a piece of it.
    """

    def __init__(
        self, app: ASGIApp, *, requests: int, body: int, upload: int, seconds: float
    ) -> None:
        self._app = app
        self._upload = upload
        self._requests = requests
        self._body = body
        self._seconds = seconds
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on within its limits."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        if self.open >= self._requests:
            raise RefusedError(
                429,
                "busy",
                f"{self._requests:,} requests are open already",
                hint="Try again.",
                headers={"Retry-After": "1"},
            )
        self.open += 1
        try:
            most = self._upload if UPLOADS.fullmatch(scope["path"]) else self._body
            await _Bounded(self._app, scope, most, self._seconds)(receive, send)
        finally:
            self.open -= 1


class _Bounded:
    """One request within its limits."""

    def __init__(self, app: ASGIApp, scope: Scope, body: int, seconds: float) -> None:
        self._app = app
        self._scope = scope
        self._body = body
        self._seconds = seconds
        self._received = 0
        self._began = False
        self._deadline = asyncio.timeout(seconds)

    async def __call__(self, receive: Receive, send: Send) -> None:
        length = Headers(scope=self._scope).get("content-length", "")
        if length.isdigit() and int(length) > self._body:
            raise self._too_large()
        started = asyncio.get_running_loop().time()

        async def bounded_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                self._received += len(message.get("body", b""))
                if self._received > self._body:
                    raise self._too_large()
                if not self._began:
                    longer = self._seconds + self._received / LEAST_RATE
                    self._deadline.reschedule(started + longer)
            return message

        async def bounded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._began = True
                self._deadline.reschedule(None)
            async with asyncio.timeout(self._seconds):
                await send(message)

        try:
            async with self._deadline:
                await self._app(self._scope, bounded_receive, bounded_send)
        except TimeoutError as error:
            if self._began or not self._deadline.expired():
                raise
            raise RefusedError(
                504,
                "timeout",
                f"no answer began within {self._seconds:g} seconds",
                hint="Ask for less, or raise KNOW_SERVER_TIMEOUT on the server.",
            ) from error

    def _too_large(self) -> RefusedError:
        return RefusedError(
            413,
            "body-too-large",
            f"the body is larger than {self._body / 2**20:g} MiB",
            hint="Send less at a time, or raise KNOW_SERVER_MAX_BODY on the server.",
            headers={"Connection": "close"},
        )
