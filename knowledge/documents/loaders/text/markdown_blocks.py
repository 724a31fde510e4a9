"""Writes the blocks of Markdown that loaders put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MAX_LEVEL = 6
_MOST_TITLES = 5


def heading(level: int, text: str) -> str:
    """Return a heading; levels beyond the sixth become the sixth."""
    return f"{'#' * min(max(level, 1), MAX_LEVEL)} {' '.join(text.split())}"


def item(text: str, depth: int = 0, number: int | None = None) -> str:
    """Return a list item; ``depth`` counts the lists around its own."""
    mark = "- " if number is None else f"{number}. "
    indent = "  " * depth
    return indent + mark + text.replace("\n", "\n" + indent + " " * len(mark))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first row is the header; rows may differ in length.

    Titles stand above it: rows before the header in which only the first cell holds anything.
    """
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    if not filled:
        return ""
    width = max(map(len, filled))
    above = titles_above(filled)
    lines = [_row(row, width) for row in filled[above:]]
    shown = "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])
    return "\n\n".join([*(" ".join(row[0].split()) for row in filled[:above]), shown])


def titles_above(rows: Sequence[Sequence[str]]) -> int:
    """Count the titles above a table's header: rows of a single first cell, before a fuller one."""
    for above, row in enumerate(rows[:_MOST_TITLES]):
        filled = [place for place, cell in enumerate(row) if cell.strip()]
        if len(filled) > 1:
            return above
        if filled != [0]:
            return 0
    return 0


def join(blocks: Iterable[str]) -> str:
    """Join blocks with a blank line between them, but items of a list without one."""
    text: list[str] = []
    before = False
    for block in blocks:
        if not block.strip():
            continue
        inside = _is_item(block)
        if text:
            text.append("\n" if inside and before else "\n\n")
        text.append(block)
        before = inside
    return "".join(text)


def _row(cells: Sequence[str], width: int) -> str:
    shown = [" ".join(cell.split()).replace("|", r"\|") for cell in cells]
    return "| " + " | ".join(shown + [""] * (width - len(shown))) + " |"


def _is_item(block: str) -> bool:
    first = block.lstrip(" ")
    if first.startswith("- "):
        return True
    digits, dot, _ = first.partition(". ")
    return bool(dot) and digits.isdigit() and len(digits) < 5
