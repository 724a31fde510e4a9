"""What the server takes of each of its faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from starlette.routing import BaseRoute


@dataclass(frozen=True, slots=True)
class Face:
    """One of the ways to ask the server: its routes, and what runs as long as the server does.

    Parameters
    ----------
    lifespan:
        Entered before the first request, left after the last one.
    """

    routes: Sequence[BaseRoute]
    lifespan: Callable[[], AbstractAsyncContextManager[object]] | None = None
