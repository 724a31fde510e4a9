"""Blocks that keep their form when they are cut: fenced code and tables.

A piece of fenced code is opened and closed like the whole; a piece of a table begins with the
table's header. A block that fits into one chunk is never cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knowledge.documents.splitting.headings import Outline
from knowledge.documents.splitting.tables import indented_end, tables
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
        code = list(_directives(text))
    rows = [
        Block(table.start, table.end, table.rows[0][0], table.end, rows=table.rows)
        for table in tables(text, kind)
    ]
    found: list[Block] = []
    for block in sorted([*code, *rows], key=lambda each: (each.start, -each.end)):
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


# reStructuredText: code under a directive.

_DIRECTIVE = re.compile(
    r"^(?P<margin>[ \t]*)\.\. (?:code-block|code|sourcecode|parsed-literal)::[ \t]*(?P<info>[^\n]*)"
    r"(?:\n[ \t]+:[\w-]+:[^\n]*)*\n(?:[ \t]*\n)*",
    re.MULTILINE,
)


def _directives(text: str) -> Iterator[Block]:
    for match in _DIRECTIVE.finditer(text):
        end = indented_end(text, match.end(), len(match["margin"].expandtabs()))
        end = match.end() + len(text[match.end() : end].rstrip())
        if end > match.end():
            yield Block(match.start(), end, match.end(), end, info=match["info"].strip())
