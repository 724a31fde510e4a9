"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.responses import StreamingResponse

KEEP_ALIVE = ": still here\n\n"
KEEP_ALIVE_SECONDS = 10.0
"""Between two signs of life; also how long a connection that is dead holds its place."""


def event(name: str, data: Mapping[str, Any]) -> str:
    """Return one event; JSON has no line breaks, so it is one line of data."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def stream(
    events: AsyncIterator[str], headers: Mapping[str, str] | None = None
) -> StreamingResponse:
    """Return a reply that sends events as they come."""
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no", **(headers or {})},
    )
