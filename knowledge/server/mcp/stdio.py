"""The MCP server of one client, which starts it and talks to it by stdin and stdout."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from knowledge.server.bases import Bases
from knowledge.server.mcp.building import Check, build
from knowledge.settings.reading import Settings

THREADS = 4
LOOK_SECONDS = 1.0
"""How often it looks whether the client is still there; some leave stdin open when they die."""
GRACE_SECONDS = 60.0
"""Most that calls in flight get when stdin has ended."""


def run(settings: Settings, *, check: Check | None, notify: Callable[[str], None]) -> None:
    """Answer one client until stdin ends, or the client is gone; calls in flight are finished.

    Parameters
    ----------
    check:
        Says which paths may be ingested; without one nothing can be written.
    notify:
        Takes lines for stderr. stdout belongs to the protocol.
    """
    bases = Bases(settings, THREADS, notify)
    try:
        anyio.run(_serve, bases, check)
    finally:
        bases.close()


async def _serve(bases: Bases, check: Check | None) -> None:
    # MCPServer.run_stdio_async does the same, but cancels what is in flight when stdin ends.
    server = build(bases, check=check)._lowlevel_server
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_with_parent, bases)
        async with stdio_server() as (reading, writing):
            calls = _Calls()
            incoming: Any = _Incoming(reading, calls)
            options = server.create_initialization_options()
            await server.run(incoming, _Outgoing(writing, calls), options)
        tasks.cancel_scope.cancel()


async def _end_with_parent(bases: Bases) -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        await anyio.sleep(LOOK_SECONDS)
    await anyio.to_thread.run_sync(bases.close)  # calls in flight are finished
    os._exit(0)  # a thread is blocked in reading stdin, which nobody will close


class _Calls:
    """The ids of the requests that are not answered yet."""

    def __init__(self) -> None:
        self._open: set[str | int | None] = set()
        self._changed = anyio.Event()

    def came(self, message: object) -> None:
        if isinstance(message, JSONRPCRequest):
            self._open.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method.endswith("/cancelled"):
            self._ended((message.params or {}).get("requestId"))

    def left(self, message: object) -> None:
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            self._ended(message.id)

    def _ended(self, id_: str | int | None) -> None:
        self._open.discard(id_)
        self._changed.set()

    async def done(self) -> None:
        with anyio.move_on_after(GRACE_SECONDS):
            while self._open:
                self._changed = anyio.Event()
                await self._changed.wait()


class _Wrapped:
    """A stream with one method changed."""

    def __init__(self, stream: Any, calls: _Calls) -> None:
        self._stream = stream
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def __aenter__(self) -> Any:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self._stream.__aexit__(*error)


class _Incoming(_Wrapped):
    """What the client sends; the end comes when its requests are answered."""

    async def __aiter__(self) -> AsyncIterator[SessionMessage | Exception]:
        async for one in self._stream:
            self._calls.came(getattr(one, "message", None))
            yield one
        await self._calls.done()


class _Outgoing(_Wrapped):
    """What the client is sent."""

    async def send(self, item: SessionMessage) -> None:
        await self._stream.send(item)
        self._calls.left(item.message)
