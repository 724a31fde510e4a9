"""Running text of a block: white space as a browser shows it, emphasis as Markdown."""

from __future__ import annotations

import re

_SPACE = re.compile(r"[ \t\n\r\f]+")
_SPACE_RUN = re.compile(" {2,}")
_AROUND_BREAK = re.compile(r" ?\n ?")
_INSIDE_ITSELF = -1


class InlineText:
    """Collects the text of one block."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._marks: list[tuple[str, int]] = []
        self._open_links = 0
        self._links = 0

    def add(self, text: str | None) -> None:
        """Add text; any run of white space is one space."""
        if text:
            text = _SPACE.sub(" ", text)
            self._parts.append(text)
            if self._open_links:
                self._links += sum(map(str.isalnum, text))

    def line_break(self) -> None:
        """Begin a new line."""
        self._parts.append("\n")

    def open(self, mark: str) -> None:
        """Begin emphasis or code; the same mark inside itself does not count."""
        known = any(mark == opened for opened, _ in self._marks)
        self._marks.append((mark, _INSIDE_ITSELF if known else len(self._parts)))

    def close(self, mark: str) -> None:
        """End what ``mark`` began, where it is the innermost."""
        if not self._marks or self._marks[-1][0] != mark:
            return
        _, start = self._marks.pop()
        if start == _INSIDE_ITSELF:
            return
        content = "".join(self._parts[start:])
        bare = content.strip()
        if bare and "\n" not in bare:
            lead = content[: len(content) - len(content.lstrip())]
            content = lead + mark + bare + mark + content[len(content.rstrip()) :]
        self._parts[start:] = [content]

    def open_link(self) -> None:
        """Begin a link, whose text counts as such."""
        self._open_links += 1

    def close_link(self) -> None:
        """End a link."""
        self._open_links = max(0, self._open_links - 1)

    def take(self) -> tuple[str, int]:
        """Return the text so far, and how many letters and digits of it are links; begin anew.

        A link goes on in the next block: it may hold several.
        """
        text = _SPACE_RUN.sub(" ", "".join(self._parts))
        links = self._links
        self._parts.clear()
        self._marks.clear()
        self._links = 0
        return _AROUND_BREAK.sub("\n", text).strip(), links
