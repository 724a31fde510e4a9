"""Who may ask: Host, Origin and token are checked before anything is routed.

A web page that somebody looks at can send requests to any address, this machine's included, and
with a name whose address changes (DNS rebinding) even read the replies. So each request must name a
host that is known to be ours, and a page must be of the same origin, or one that the user listed.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from knowledge.server.problems import RefusedError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Asked by supervisors, which have no token; they say nothing but yes or no."""
PAGE_PATH, PAGE_FILES = "/", "/page/"
"""The page, which browsers open without a token. It holds nothing of any dataset, and asks its
user for the token that its own requests need.
"""
KEY = "knowledge.access"
"""Where a request's scope holds its :class:`Access`."""


class Access(StrEnum):
    """What a request may do."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may ask, and for what.

    Parameters
    ----------
    hosts:
        Names that the Host header may have, besides those of this machine.
    origins:
        Origins of web pages that may ask, besides the server's own.
    write_token, read_token:
        Empty is none; without any, everybody who reaches the server may ask.
    read_only:
        Nobody may write.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    write_token: str = ""
    read_token: str = ""
    read_only: bool = False

    def check_host(self, given: Sequence[str]) -> None:
        """Refuse a request that names a host which is not known to be this server.

        Raises
        ------
        RefusedError
            With status 421, or 400 where it names none, or several.
        """
        if len(given) != 1:
            raise RefusedError(400, "host", "a request must have one Host header")
        name = host_name(given[0])
        known = {*LOOPBACK_NAMES, *(one.lower().strip("[]") for one in self.hosts)}
        if name not in known:
            raise RefusedError(
                421,
                "host",
                f"this server is not known as {name[:100]!r}",
                hint="KNOW_SERVER_ALLOW_HOSTS on the server lists further names of it.",
            )

    def allows_origin(self, origin: str, host: str) -> bool:
        """Tell whether a page of ``origin`` may ask the server that it calls ``host``."""
        if origin in self.origins:
            return True
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or parts.path:
            return False
        return _with_port(parts.netloc, parts.scheme) == _with_port(host, parts.scheme)

    @property
    def needs_token(self) -> bool:
        """Whether a request must have a token."""
        return bool(self.write_token or self.read_token)

    def access(self, authorization: str) -> Access:
        """Return what the bearer of a token may do.

        Raises
        ------
        RefusedError
            With status 401: a token is needed, and this is none.
        """
        if not self.needs_token:
            return Access.READ if self.read_only else Access.WRITE
        scheme, _, token = authorization.partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else ""
        may_write, may_read = _same(given, self.write_token), _same(given, self.read_token)
        if may_write:
            return Access.READ if self.read_only else Access.WRITE
        if may_read:
            return Access.READ
        raise RefusedError(
            401,
            "token",
            "this is not a token of the server" if given else "this server needs a token",
            hint="Send the header Authorization: Bearer TOKEN with the value of KNOW_SERVER_TOKEN.",
            headers={"WWW-Authenticate": 'Bearer realm="knowledge"'},
        )


def require_write(scope: Scope) -> None:
    """Refuse a request that writes where its sender may only read.

    Raises
    ------
    RefusedError
        With status 403.
    """
    if scope[KEY] is not Access.WRITE:
        raise RefusedError(
            403,
            "read-only",
            "this request writes, which its sender may not do here",
            hint="The server is read-only, or the token only allows reading.",
        )


def _is_open(path: str) -> bool:
    """Tell whether a path is given without a token."""
    return path in OPEN_PATHS or path == PAGE_PATH or path.startswith(PAGE_FILES)


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Return the name of a Host header: without the port, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _with_port(netloc: str, scheme: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{netloc}")
        return (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}[scheme]
    except ValueError:
        return netloc, None


def _same(given: str, token: str) -> bool:
    """Compare in a time that tells nothing of the token, its length included."""
    digests = [hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, token)]
    return hmac.compare_digest(*digests) and bool(token)


class AccessCheck:
    """Checks each request before it is routed, and lets browsers know what they may do."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its access in the scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        self._rules.check_host(headers.getlist("host"))
        origin = self._origin(headers)
        if origin and scope["method"] == "OPTIONS":
            await _preflight(origin)(scope, receive, send)
            return
        if not _is_open(scope["path"]):
            scope[KEY] = self._rules.access(headers.get("authorization", ""))
        await self._app(scope, receive, _with_cors(send, origin) if origin else send)

    def _origin(self, headers: Headers) -> str:
        """Return the listed origin that a request comes from; empty for the server's own."""
        origins = headers.getlist("origin")
        if not origins:
            site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
            if site in ("cross-site", "same-site") and mode != "navigate":
                raise _foreign("another site")
            return ""
        if len(origins) > 1 or not self._rules.allows_origin(origins[0], headers["host"]):
            raise _foreign(origins[0][:100])
        return origins[0] if origins[0] in self._rules.origins else ""


def _foreign(origin: str) -> RefusedError:
    return RefusedError(
        403,
        "origin",
        f"pages of {origin} may not ask this server",
        hint="KNOW_SERVER_ALLOW_ORIGINS on the server lists pages that may.",
    )


def _cors(origin: str) -> Iterable[tuple[str, str]]:
    yield "Access-Control-Allow-Origin", origin
    yield "Access-Control-Expose-Headers", "Knowledge-Generation, Retry-After, X-Request-ID"
    yield "Vary", "Origin"


def _preflight(origin: str) -> Response:
    return Response(
        status_code=204,
        headers={
            **dict(_cors(origin)),
            "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Mcp-Session-Id, "
            "Mcp-Protocol-Version, Last-Event-ID",
            "Access-Control-Max-Age": "600",
        },
    )


def _with_cors(send: Send, origin: str) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _cors(origin):
                headers[name] = value
        await send(message)

    return wrapped
