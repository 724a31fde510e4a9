"""Blocks that keep their form when they are cut: fenced code and tables.

A piece of fenced code is opened and closed like the whole; a piece of a table begins with the
table's header. A block that fits into one chunk is never cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from knowledge.documents.splitting.headings import Outline
from knowledge.model import TextKind


@dataclass(frozen=True, slots=True)
class Block:
    """A block of whole lines, without the line break behind it.

    Parameters
    ----------
    start, end:
        Its span in the text.
    body, stop:
        The span of what may be cut: the code, or a table's rows below the header. What stands
        before ``body`` is repeated in each piece.
    close:
        The line that ends each piece of fenced code; empty for tables.
    rows:
        Spans of a table's rows, below its header.
    info:
        What stands behind the mark that opens fenced code, such as a language.
    """

    start: int
    end: int
    body: int
    stop: int
    close: str = ""
    rows: tuple[tuple[int, int], ...] = ()
    info: str = ""


def blocks(text: str, outline: Outline, kind: TextKind) -> list[Block]:
    """Return the blocks of a text, in order; none lies in another."""
    code = [_fence(text, *span) for span in outline.fences]
    if kind is TextKind.RST:
        code = list(_directives(text, 0, len(text)))
        tables: Iterable[Block] = _rst_tables(text, 0, len(text))
    else:
        tables = _pipe_tables(text, 0, len(text))
    found: list[Block] = []
    for block in sorted([*code, *tables], key=lambda each: (each.start, -each.end)):
        if not found or block.start >= found[-1].end:
            found.append(block)
    return found


# Fenced code of Markdown, literal blocks of AsciiDoc, Org and LaTeX.

_OPENING = re.compile(
    r"(?P<margin>[ \t]*(?:>[ \t]*)*)(?P<item>(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)?)"
    r"(?:(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)|(?P<edge>[-.+/]{4,})"
    r"|#\+(?P<begin>begin)_(?P<block>\w+)(?P<words>[^\n]*)|\\begin\{(?P<name>[^}\n]+)\}[^\n]*)",
    re.IGNORECASE,
)


def _fence(text: str, start: int, end: int) -> Block:
    body = text.find("\n", start, end) + 1 or end
    opening = _OPENING.match(text, start, body)
    close, info = _closing(opening) if opening else ("", "")
    last = text.rfind("\n", body, end) + 1 or body
    closed = body < end and _closes(text[last:end], close)
    return Block(start, end, body, last if closed else end, close, info=info)


def _closing(opening: re.Match[str]) -> tuple[str, str]:
    """Return the line that closes what a line opens, and what the line says of it."""
    margin = opening["margin"] + " " * len(opening["item"])
    if opening["mark"]:
        return margin + opening["mark"], opening["info"].strip()
    if opening["begin"]:
        end = "END" if opening["begin"].isupper() else "end"
        return f"{margin}#+{end}_{opening['block']}", opening["words"].strip()
    if opening["name"]:
        return f"{margin}\\end{{{opening['name']}}}", ""
    return opening["edge"], ""


def _closes(line: str, close: str) -> bool:
    return bool(close) and line.strip().lower().startswith(close.strip().lower())


# Tables whose header stands above a line of dashes.

_DELIMITERS = re.compile(
    r"^[ \t]*+\|?(?:[ \t]*+:?-++:?[ \t]*+[|+])++(?:[ \t]*+:?-++:?)?+\|?[ \t]*+$", re.MULTILINE
)


def _pipe_tables(text: str, start: int, stop: int) -> Iterator[Block]:
    place = start
    for match in _DELIMITERS.finditer(text, start, stop):
        above = match.start() - 1
        head = text.rfind("\n", place, max(above, place)) + 1 or place
        if above <= head or head < place or "|" not in text[head:above]:
            continue
        body = min(match.end() + 1, stop)
        rows = list(_pipe_rows(text, body, stop))
        if rows:
            place = rows[-1][1]
            yield Block(head, place, body, place, rows=tuple(rows))


def _pipe_rows(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = text.find("\n", start, stop)
        end = stop if end < 0 else end
        line = text[start:end]
        if "|" not in line or not line.strip():
            return
        yield start, end
        start = end + 1


# reStructuredText: code under a directive, tables of signs.

_DIRECTIVE = re.compile(
    r"^(?P<margin>[ \t]*)\.\. (?:code-block|code|sourcecode|parsed-literal)::[ \t]*(?P<info>[^\n]*)"
    r"(?:\n[ \t]+:[\w-]+:[^\n]*)*\n(?:[ \t]*\n)*",
    re.MULTILINE,
)
_GRID = re.compile(r"^[ \t]*\+(?:[-=]+\+)+[ \t]*\n(?:[ \t]*[+|][^\n]*(?:\n|\Z))+", re.MULTILINE)
_BORDER = re.compile(r"^[ \t]*=+(?:[ \t]+=+)+[ \t]*$", re.MULTILINE)


def _directives(text: str, start: int, stop: int) -> Iterator[Block]:
    for match in _DIRECTIVE.finditer(text, start, stop):
        margin = len(match["margin"].expandtabs())
        end = place = match.end()
        while place < stop:
            after = text.find("\n", place, stop) + 1 or stop
            line = text[place:after]
            if line.strip():
                if len(line.expandtabs()) - len(line.expandtabs().lstrip()) <= margin:
                    break
                end = after
            place = after
        end = match.end() + len(text[match.end() : end].rstrip())
        if end > match.end():
            yield Block(match.start(), end, match.end(), end, info=match["info"].strip())


def _rst_tables(text: str, start: int, stop: int) -> Iterator[Block]:
    for match in _GRID.finditer(text, start, stop):
        yield from _grid(text, match.start(), match.start() + len(match[0].rstrip()))
    borders = list(_BORDER.finditer(text, start, stop))
    while len(borders) > 2:
        top, middle, bottom = borders[:3]
        if "\n\n" in text[top.end() : middle.start()]:
            borders = borders[1:]
            continue
        body = min(middle.end() + 1, bottom.start())
        rows = tuple(_simple_rows(text, body, bottom.start()))
        if rows:
            yield Block(top.start(), bottom.end(), body, bottom.end(), rows=rows)
        borders = borders[3:]


def _grid(text: str, start: int, end: int) -> Iterator[Block]:
    lines, place = [], start
    for line in text[start:end].split("\n"):
        lines.append((place, place + len(line)))
        place += len(line) + 1
    edges = [at for at, (a, b) in enumerate(lines) if text[a:b].lstrip().startswith("+")]
    head = next((at for at in edges if "=" in text[slice(*lines[at])]), edges[0])
    below = [at for at in edges if at >= head]
    rows = [(lines[a + 1][0], lines[b][1]) for a, b in pairwise(below)]
    if rows:
        yield Block(start, end, rows[0][0], end, rows=tuple(rows))


def _simple_rows(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield rows; a line that begins with white space goes on with the row above."""
    margin = re.compile(r"[ \t]*").match(text, start)
    indent = len(margin[0]) if margin else 0
    row: tuple[int, int] | None = None
    while start < stop:
        end = text.find("\n", start, stop)
        end = stop if end < 0 else end
        if row and text[start + indent : end][:1].isspace():
            row = row[0], end
        elif text[start:end].strip():
            if row:
                yield row
            row = start, end
        start = end + 1
    if row:
        yield row
