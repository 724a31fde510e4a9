"""MCP over HTTP at ``/mcp``: the same tools, behind the server's own checks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from knowledge.server.access import KEY, Access
from knowledge.server.bases import Bases
from knowledge.server.mcp.building import Check, allowed, build

if TYPE_CHECKING:
    from knowledge.server.face import Face
    from knowledge.server.server import Server

PATH = "/mcp"
MOST_SESSIONS = 1_000
IDLE_SECONDS = 1_800.0
"""After which a session that asks nothing is dropped."""


def face(server: Server) -> Face:
    """Return the face: senders who may only read get the tools that only read."""
    from knowledge.server.face import Face

    readers, writers = (
        _manager(server.bases),
        _manager(server.bases, partial(allowed, roots=server.options.roots or ())),
    )

    class Endpoint:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            chosen = writers if scope[KEY] is Access.WRITE else readers
            await chosen.handle_request(scope, receive, send)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with readers.run(), writers.run():
            yield

    return Face([Route(PATH, Endpoint(), methods=["GET", "POST", "DELETE"])], running)


def _manager(bases: Bases, check: Check | None = None) -> StreamableHTTPSessionManager:
    made = build(bases, check=check)
    # Host and Origin are checked before anything is routed; see knowledge.server.access.
    checked_by_us = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    made.streamable_http_app(
        streamable_http_path=PATH,
        transport_security=checked_by_us,
        session_idle_timeout=IDLE_SECONDS,
        max_sessions=MOST_SESSIONS,
    )
    return made.session_manager
