"""Bars that leave no stale lines when the terminal is resized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.live import Live
from rich.progress import Progress, ProgressColumn

from knowledge.cli.render.terminal import error_console


class Bars(Progress):
    """Rich's bars; before each redraw they look whether the lines before were wrapped.

    Rich moves the cursor up by as many lines as it drew. A terminal that became narrower wrapped
    them meanwhile, so that there are more, of which the upper ones would stay.
    """

    def get_renderable(self) -> RenderableType:
        """Return the bars; rich asks for them right before it moves the cursor up."""
        live: Live | None = getattr(self, "live", None)  # it is made from what this returns
        drawn = None if live is None else live._live_render
        if drawn is not None and drawn._shape is not None:
            wide, rows = drawn._shape
            now = max(1, self.console.width)
            drawn._shape = (min(wide, now), rows * max(1, -(-wide // now)))
        return super().get_renderable()


def bars_on(columns: Sequence[ProgressColumn], look: Mapping[str, Any]) -> Bars:
    """Return bars on stderr, a context manager."""
    return Bars(*columns, **look, console=error_console())
