"""HTML tables to Markdown tables; tables that only lay a page out are told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from knowledge.documents.webpages.elements import alternative
from knowledge.documents.words import words

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_MOST_SPANNED = 100
_LONG_CELL = 1_500
_SMALL_CELL = 300
_MOST_CELLS = 200_000
_SPACE = re.compile(r"\s+")
_APART = words("p div br td th tr li ul ol table caption h1 h2 h3 h4 h5 h6 dt dd pre")
_SKIP = words("script style template noscript svg button select textarea")
_STRUCTURE = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "article", "section"})


def is_data_table(table: HtmlElement) -> bool:
    """Tell whether a table is one, and not the frame in which the page's parts are laid out."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return False
    columns = 0
    for row in _rows(table):
        cells = _cells(row)
        columns = max(columns, len(cells))
        if any(map(_is_frame, cells)):
            return False
    return columns > 1


def table_to_markdown(table: HtmlElement) -> str:
    """Return a table as Markdown, its first row as the header, its caption above.

    A cell that spans rows is repeated in each of them, so that every row can be read alone.
    """
    caption = next((child for child in table if child.tag == "caption"), None)
    rows = [row for row in _grid(table) if any(row)]
    if not rows:
        return "" if caption is None else flat_text(caption)
    width = max(map(len, rows))
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
    lines.insert(1, "|" + " --- |" * width)
    title = "" if caption is None else flat_text(caption)
    return (f"{title}\n\n" if title else "") + "\n".join(lines)


def flat_text(element: HtmlElement) -> str:
    """Return the text of an element in one line, items of lists parted by semicolons."""
    from lxml import etree

    parts: list[str] = []
    skipped = None
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, node in walk:
        if event == "start":
            if node.tag in _SKIP:
                skipped = node
                walk.skip_subtree()
                continue
            if node.tag in _APART:
                parts.append("; " if node.tag == "li" and node.getprevious() is not None else " ")
            parts.append(alternative(node) if node.tag == "img" else node.text or "")
        elif node is not element:
            if node.tag in _APART and node is not skipped:
                parts.append(" ")
            parts.append(node.tail or "")
    return _SPACE.sub(" ", "".join(parts)).replace(" ;", ";").strip()


def _rows(table: HtmlElement) -> Iterator[HtmlElement]:
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in child if row.tag == "tr")


def _cells(row: HtmlElement) -> list[HtmlElement]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def _is_frame(cell: HtmlElement) -> bool:
    size, structured = 0, False
    for node in cell.iter():
        size += len(node.text or "") + (len(node.tail or "") if node is not cell else 0)
        structured = structured or node.tag in _STRUCTURE
        if node.tag == "pre":  # code beside its line numbers
            return True
        if size > _LONG_CELL or (structured and size > _SMALL_CELL):
            return True
    return False


def _grid(table: HtmlElement) -> Iterator[list[str]]:
    """Yield rows of cells; what spans rows or columns takes its places."""
    above: dict[int, tuple[int, str]] = {}  # column -> rows still to fill, text
    total = 0
    for row in _rows(table):
        texts: list[str] = []
        for cell in _cells(row):
            _fill_down(texts, above)
            text = flat_text(cell).replace("|", "\\|")
            spanning = total < _MOST_CELLS  # a few spans can claim millions of places
            rows = min(_span(cell.get("rowspan")), _MOST_SPANNED) if spanning else 1
            columns = min(_span(cell.get("colspan")), _MOST_SPANNED) if spanning else 1
            for shown in (text, *[""] * (columns - 1)):
                if rows > 1:
                    above[len(texts)] = (rows - 1, shown)
                texts.append(shown)
        _fill_down(texts, above)
        total += len(texts)
        if total >= _MOST_CELLS:
            above.clear()
        yield texts


def _fill_down(texts: list[str], above: dict[int, tuple[int, str]]) -> None:
    while len(texts) in above:
        rows, text = above.pop(len(texts))
        if rows > 1:
            above[len(texts)] = (rows - 1, text)
        texts.append(text)


def _span(value: str | None) -> int:
    return max(1, int(value)) if value and value.isdecimal() and len(value) < 5 else 1
