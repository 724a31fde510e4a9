"""Running text of a block: white space as a browser shows it, emphasis as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from knowledge.text.marks import struck, subscript, superscript

SUPER, SUB, STRUCK = "^", "_", "~~"
"""Marks of raised, lowered and struck text, beside those of emphasis in Markdown."""

_SPACE = re.compile(r"[ \t\n\r\f]+")
_SPACE_RUN = re.compile(" {2,}")
_AROUND_BREAK = re.compile(r" ?\n ?")
_INSIDE_ITSELF = -1
_MOVED: dict[str, Callable[[str, str], str]] = {SUPER: superscript, SUB: subscript}


class InlineText:
    """Collects the text of one block."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._marks: list[tuple[str, int]] = []
        self._struck: tuple[str, str] | None = None  # the last part as it was, what is before it
        self._open_links = 0
        self._links = 0

    def add(self, text: str | None) -> None:
        """Add text; any run of white space is one space."""
        if not text:
            return
        text = _SPACE.sub(" ", text)
        if self._struck is not None:
            content, before = self._struck
            self._parts[-1] = _struck(content, before, text)
            self._struck = None
        self._parts.append(text)
        if self._open_links:
            self._links += sum(map(str.isalnum, text))

    def line_break(self) -> None:
        """Begin a new line."""
        self._struck = None
        self._parts.append("\n")

    def open(self, mark: str) -> None:
        """Begin emphasis, code, or moved or struck text; a mark inside itself does not count."""
        known = any(mark == opened for opened, _ in self._marks)
        self._marks.append((mark, _INSIDE_ITSELF if known else len(self._parts)))

    def close(self, mark: str) -> None:
        """End what ``mark`` began, where it is the innermost."""
        if not self._marks or self._marks[-1][0] != mark:
            return
        _, start = self._marks.pop()
        if start == _INSIDE_ITSELF:
            return
        self._struck = None
        content = "".join(self._parts[start:])
        if mark in _MOVED:
            content = _MOVED[mark](content, last_sign(self._parts, start))
        elif mark != STRUCK:
            content = _emphasized(content, mark)
        elif content.strip():
            before = last_sign(self._parts, start)
            self._struck = content, before
            content = _struck(content, before)
        self._parts[start:] = [content]

    def is_struck(self) -> bool:
        """Tell whether struck text is open."""
        return any(mark == STRUCK for mark, _ in self._marks)

    def open_link(self) -> None:
        """Begin a link, whose text counts as such."""
        self._open_links += 1

    def close_link(self) -> None:
        """End a link."""
        self._open_links = max(0, self._open_links - 1)

    def take(self) -> tuple[str, int]:
        """Return the text so far, and how many letters and digits of it are links; start over.

        A link and struck text go on in the next block: they may hold several.
        """
        still_struck = self.is_struck()
        while self._marks:
            mark = self._marks[-1][0]
            if mark in (STRUCK, *_MOVED):
                self.close(mark)
            else:
                self._marks.pop()
        text = _SPACE_RUN.sub(" ", "".join(self._parts))
        links = self._links
        self._parts.clear()
        self._struck = None
        self._links = 0
        if still_struck:
            self.open(STRUCK)
        return _AROUND_BREAK.sub("\n", text).strip(), links


def last_sign(parts: Sequence[str], end: int) -> str:
    """Return the last character of ``parts[:end]``, empty where there is none."""
    while end > 0 and not parts[end - 1]:
        end -= 1
    return parts[end - 1][-1] if end > 0 else ""


def _struck(content: str, before: str, after: str = "") -> str:
    """Return struck text; the signs of emphasis in it do not part it from what is beside it."""
    bare = content.strip("*`")
    return struck(bare, before, after).replace(bare, content, 1) if bare.strip() else content


def _emphasized(content: str, mark: str) -> str:
    bare = content.strip()
    if not bare or "\n" in bare:
        return content
    lead = content[: len(content) - len(content.lstrip())]
    return lead + mark + bare + mark + content[len(content.rstrip()) :]
