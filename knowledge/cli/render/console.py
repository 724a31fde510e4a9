"""A rich console that cleans what it is given before it adds colours and links."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from knowledge.cli.render.streams import OutputClosedError, encodable, uncleaned
from knowledge.text.escaping import cleaned


class CleanConsole(Console):
    """Writes past the cleaned streams: the only sequences it sends are its own."""

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        options.setdefault("file", uncleaned(sys.stderr if stderr else sys.stdout))
        super().__init__(stderr=stderr, **options)

    def on_broken_pipe(self) -> None:
        """Tell the command that nobody reads on; rich would exit with 1."""
        raise OutputClosedError

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string to print; cleaned here, so that lines are wrapped as they are shown."""
        return super().render_str(cleaned(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is printed, cleaned; control segments are those that rich made itself."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
                continue
            yield Segment(encodable(cleaned(segment.text), self.encoding), segment.style)
