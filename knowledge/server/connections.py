"""Connections: none holds its socket without a request, or a reply that nobody reads."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 20.0
"""Most from a connection, or from a request's first byte, to the end of the request's head."""
HEAD_BYTES = 65_536
"""Most of a request's head."""
LOOK_SECONDS = 5.0
"""Between two looks at a connection."""


class Connection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # httptools', else h11's
    """An HTTP connection that ends where its client does not go on.

    A request's body and its reply have limits of their own (:mod:`knowledge.server.limits`), and
    uvicorn closes a connection that is silent after a reply. This ends what both leave open: a
    connection that never sends the whole head of a request, one that goes on sending the body of
    a request that is answered, and one that is closed here while its client reads nothing.
    """

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._waits_since: float | None = self.loop.time()
        self._head_bytes = 0
        self._was_closing = False
        self._next_look: asyncio.TimerHandle = self.loop.call_later(LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the looks."""
        self._next_look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass data on, and note whether a request's head is still incomplete."""
        super().data_received(data)
        if self._is_asked():
            self._waits_since, self._head_bytes = None, 0
            return
        self._head_bytes += len(data)
        if self._waits_since is None:
            self._waits_since = self.loop.time()
        if self._head_bytes > HEAD_BYTES:
            self.transport.abort()

    def _is_asked(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _look(self) -> None:
        waits = self._waits_since is not None and not self._is_asked()
        if self.transport.is_closing():
            if self._was_closing:  # what was written is not read
                self.transport.abort()
            self._was_closing = True
        elif waits and self.loop.time() - (self._waits_since or 0.0) > HEAD_SECONDS:
            self.transport.abort()
        self._next_look = self.loop.call_later(LOOK_SECONDS, self._look)
