"""Headings of Markdown and reStructuredText: where they stand, and the path they make."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape

from knowledge.documents.splitting.chunking import skip_space

TITLE_LIMIT = 200
"""Characters kept of a title; a path is embedded with every passage below it."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading with its span in the text, underline included; ``level`` counts from 1."""

    start: int
    end: int
    level: int
    title: str


@dataclass(slots=True)
class Outline:
    """What a scan of a part of a text found.

    ``fences`` are spans of fenced code; the last one ends at the part's end when it is still
    open there, and ``open_fence`` is then its opening mark.
    """

    headings: list[Heading] = field(default_factory=list)
    fences: list[tuple[int, int]] = field(default_factory=list)
    open_fence: str = ""

    def in_fence(self, offset: int) -> tuple[int, int] | None:
        """Return the fenced code around ``offset``, if any."""
        index = bisect_right(self.fences, (offset, offset)) - 1
        for start, end in self.fences[max(index, 0) : index + 2]:
            if start < offset < end:
                return start, end
        return None


# A line that may be a heading, open or close fenced code, or underline a heading.
_LINE = re.compile(
    r"^ {0,3}(?:(?P<marks>#{1,6})(?=[ \t\n]|\Z)(?P<title>[^\n]*)"
    r"|(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)"
    r"|(?P<under>=+|-{2,})[ \t]*)$",
    re.MULTILINE,
)
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?:.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_MATTER_LIMIT = 65_536
_NO_TITLE = re.compile(r"\s*(?:[-+*>|#`~=:]|\d{1,9}[.)](?:\s|\Z)|\Z)| {4}")


def front_matter_end(text: str) -> int:
    """Return where a Markdown text's YAML front matter ends; 0 when there is none."""
    match = _FRONT_MATTER.match(text, 0, _FRONT_MATTER_LIMIT)
    return match.end() if match else 0


def scan_markdown(text: str, start: int, stop: int) -> Outline:
    """Find the headings and the fenced code of ``text[start:stop]``.

    ``start`` must be the start of a line outside fenced code.
    """
    outline = Outline()
    opened = start
    first = front_matter_end(text) if start == 0 else start
    for match in _LINE.finditer(text, first, stop):
        mark = match["fence"]
        if outline.open_fence:
            if mark and mark.startswith(outline.open_fence) and not match["info"].strip():
                outline.fences.append((opened, match.end()))
                outline.open_fence = ""
        elif mark:
            if mark[0] == "~" or "`" not in match["info"]:
                opened, outline.open_fence = match.start(), mark
        else:
            heading = _atx(match) if match["marks"] else _setext(text, first, match)
            if heading:
                outline.headings.append(heading)
    if outline.open_fence:
        outline.fences.append((opened, stop))
    return outline


def _atx(match: re.Match[str]) -> Heading:
    title = match["title"][: 5 * TITLE_LIMIT].strip()
    if title.endswith("#"):
        title = re.sub(r"(?:(?<=\s)|\A)#+\Z", "", title)
    return Heading(match.start(), match.end(), len(match["marks"]), plain_title(title))


def _setext(text: str, first: int, match: re.Match[str]) -> Heading | None:
    """Return the heading that ``match`` underlines: one line of text below a blank line."""
    end = match.start() - 1
    start = text.rfind("\n", first, max(end, first)) + 1 or first
    if end <= start or end - start > 2 * TITLE_LIMIT:
        return None
    before = text[text.rfind("\n", first, max(start - 1, first)) + 1 or first : start]
    line = text[start:end]
    if before.strip() or _NO_TITLE.match(line) or "|" in line:
        return None
    return Heading(start, match.end(), 1 if match["under"][0] == "=" else 2, plain_title(line))


_IMAGE_OR_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|\{#[^{}]*\}")
_MARKED_UP = re.compile(r"[\[<{*`~_&\\]")
_EMPHASIS = re.compile(r"(?<!\\)(?:\*+|`+|~~|(?<!\w)_+|_+(?!\w))")


def plain_title(title: str) -> str:
    """Return a title without Markdown or HTML markup, in one line of at most 200 characters."""
    title = title[: 5 * TITLE_LIMIT]
    if not _MARKED_UP.search(title):
        return " ".join(title.split())[:TITLE_LIMIT].rstrip()
    for _ in range(2):  # an image may stand inside a link
        title = _IMAGE_OR_LINK.sub(r"\1", title)
    title = _EMPHASIS.sub("", _TAG.sub("", title))
    title = unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", title))
    return " ".join(title.split())[:TITLE_LIMIT].rstrip()


# Text above a line of one repeated sign; the line above may repeat it.
_RST_TITLE = re.compile(
    r"^(?P<title>[ \t]*\S[^\n]*)\n(?P<under>(?P<sign>[!-/:-@\[-`{-~])(?P=sign){2,})[ \t]*$",
    re.MULTILINE,
)


class RstScanner:
    """Finds the titles of reStructuredText; a style's level is the order of its first use."""

    def __init__(self) -> None:
        self._styles: list[tuple[str, bool]] = []

    def __call__(self, text: str, start: int, stop: int) -> Outline:
        """Find the titles of ``text[start:stop]``; parts must come in order."""
        outline = Outline()
        for match in _RST_TITLE.finditer(text, start, stop):
            title, under = match["title"], match["under"]
            line = text[text.rfind("\n", start, max(match.start() - 1, start)) + 1 : match.start()]
            over = line.strip() == under
            if len(under) < min(len(title.strip()), TITLE_LIMIT) or _is_line(title):
                continue
            if title[0].isspace() and not over:
                continue
            begin = match.start() - len(line) if over else match.start()
            level = self._level((match["sign"], over))
            shown = " ".join(title.replace("``", "").split())[:TITLE_LIMIT]
            outline.headings.append(Heading(begin, match.end(), level, shown))
        return outline

    def _level(self, style: tuple[str, bool]) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return self._styles.index(style) + 1


def _is_line(title: str) -> bool:
    title = title.strip()
    return len(set(title)) == 1 and not title[0].isalnum()


class HeadingPaths:
    """Tells the heading path at any place of a part of a text; carries it on to the next part."""

    def __init__(self) -> None:
        self._stack: list[Heading] = []
        self._headings: list[Heading] = []
        self._starts: list[int] = []
        self._paths: list[tuple[str, ...]] = [()]

    def enter(self, headings: Iterable[Heading]) -> None:
        """Go on to the next part, which has these headings."""
        self._headings = list(headings)
        self._starts = [heading.start for heading in self._headings]
        self._paths = [self._path(), *self._walk()]

    def at(self, text: str, start: int, end: int) -> tuple[str, ...]:
        """Return the path in force at the first content of ``text[start:end]``."""
        index = bisect_right(self._starts, self.content(text, start, end))
        return self._paths[index]

    def content(self, text: str, start: int, end: int) -> int:
        """Return where ``text[start:end]`` holds its first text that is no heading.

        That is ``end - 1`` when it holds headings only.
        """
        offset = start
        index = max(bisect_right(self._starts, start) - 1, 0)
        for heading in self._headings[index:]:
            if heading.start > offset or offset >= end:
                break
            if offset < heading.end:
                offset = skip_space(text, heading.end, end)
        return min(offset, end - 1)

    def _walk(self) -> Iterator[tuple[str, ...]]:
        for heading in self._headings:
            while self._stack and self._stack[-1].level >= heading.level:
                self._stack.pop()
            self._stack.append(heading)
            yield self._path()

    def _path(self) -> tuple[str, ...]:
        return tuple(heading.title for heading in self._stack if heading.title)
