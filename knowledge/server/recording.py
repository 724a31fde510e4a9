"""Around each request: its number, its line in the log, its errors as replies, safe headers."""

from __future__ import annotations

import json
import secrets
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from knowledge.errors import KnowledgeError
from knowledge.server.metrics import Metrics
from knowledge.server.problems import RefusedError, reply_to

Log = Callable[[str], None]

ROUTE = "knowledge.route"
"""Where a request's scope holds the path of its route, as it is declared."""
NUMBER = "knowledge.request"
"""Where a request's scope holds its number."""
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cache-Control": "no-store",
    "Knowledge-Generation": "none",  # made of no dataset
}
"""Of each reply that does not set them itself."""


class Recorder:
    """The outermost part of the server: nothing that goes wrong inside leaves it but as a reply.

    Parameters
    ----------
    log:
        Takes the lines of the access log, and what nobody expected.
    form:
        ``text``, ``json`` or ``off``.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, log: Log, form: str) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = scope[NUMBER] = secrets.token_hex(6)
        record = _Record(scope, number, time.perf_counter())

        async def recorded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-ID"] = number
            await send(message)
            record.sent += len(message.get("body", b""))

        try:
            await self._app(scope, receive, recorded_send)
        except Exception as error:  # noqa: BLE001  sent as a reply, and logged in full
            problem = self._problem(error, number)
            if record.status is None:
                await reply_to(scope["path"], problem)(scope, receive, recorded_send)
        finally:
            self._finish(record)

    def _problem(self, error: Exception, number: str) -> KnowledgeError:
        if isinstance(error, KnowledgeError):
            return error
        if isinstance(error, HTTPException):
            said = str(error.detail).lower()
            return RefusedError(error.status_code, "http", said, headers=error.headers)
        if not isinstance(error, TimeoutError):  # a client that does not read its reply
            self._log("".join(traceback.format_exception(error)).rstrip())
        return RefusedError(
            500,
            "internal",
            f"the server failed; its log tells more of request {number}",
            hint="This is a bug: please report it.",
        )

    def _finish(self, record: _Record) -> None:
        seconds = time.perf_counter() - record.started
        status = record.status or 499  # the client was gone before a reply began
        route = str(record.scope.get(ROUTE, "other"))
        self._metrics.request(route, record.scope["method"], status, seconds)
        if self._form != "off":
            fields = record.fields(status, seconds)
            self._log(json.dumps(fields) if self._form == "json" else _line(fields))


@dataclass(slots=True)
class _Record:
    scope: Scope
    number: str
    started: float
    status: int | None = None
    sent: int = 0

    def fields(self, status: int, seconds: float) -> dict[str, Any]:
        """Return what the log says: never a query, which may hold a question or a key."""
        client = self.scope.get("client")
        return {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "client": client[0] if client else None,
            "method": self.scope["method"],
            "path": self.scope["path"],
            "status": status,
            "bytes": self.sent,
            "ms": round(seconds * 1000, 1),
            "request": self.number,
        }


def _line(fields: dict[str, Any]) -> str:
    path = json.dumps(fields["path"])[1:-1]  # no path makes two lines of one
    return (
        f"{fields['time']} {fields['client'] or '-'} {fields['method']} {path} "
        f"{fields['status']} {fields['bytes']} B {fields['ms']:g} ms {fields['request']}"
    )
