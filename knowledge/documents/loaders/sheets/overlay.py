"""What cells show besides the values that a reader of workbooks returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from knowledge.documents.loaders.office.looks import Look, lines
from knowledge.text.marks import written

Place = tuple[int, int]
"""Row and column, counted from 0."""


@dataclass(slots=True)
class Overlay:
    """What the cells of one sheet show besides their values.

    Parameters
    ----------
    decimals:
        Digits after the point of cells that are shown as percentages.
    texts:
        What stands in place of the value: errors, formulas without a result, text with marks.
    links:
        The addresses that cells lead to.
    looks:
        The marks of cells as a whole.
    merged:
        First and last place of merged cells.
    comments:
        Those of the cells, as lines of text.
    unsaved:
        How many formulas have no result.
    """

    decimals: dict[Place, int] = field(default_factory=dict)
    texts: dict[Place, str] = field(default_factory=dict)
    links: dict[Place, str] = field(default_factory=dict)
    looks: dict[Place, Look] = field(default_factory=dict)
    merged: list[tuple[Place, Place]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    unsaved: int = 0

    def applied(
        self, table: list[list[str]], top: int, left: int
    ) -> tuple[list[list[str]], int, int]:
        """Return the table with all of this in its cells, and where it begins now.

        Parameters
        ----------
        top, left:
            The place of the table's first cell.
        """
        table, top, left = _widened(table, top, left, self.texts)
        for (row, column), text in self.texts.items():
            _set(table, row - top, column - left, text)
        for (row, column), look in self.looks.items():
            text = _get(table, row - top, column - left)
            if text:
                _set(table, row - top, column - left, lines(written([look.span(text)])))
        for (row, column), target in self.links.items():
            text = _get(table, row - top, column - left)
            if target not in text and text not in target:
                _set(table, row - top, column - left, f"[{text}]({target})" if text else target)
        for first, last in self.merged:
            _fill(table, first, last, top, left)
        return table, top, left

    def warnings(self) -> tuple[str, ...]:
        """Return what a user should know of the sheet."""
        if not self.unsaved:
            return ()
        if self.unsaved == 1:
            return ("a formula has no stored result, so it is shown itself",)
        return (f"{self.unsaved:,} formulas have no stored result, so they are shown themselves",)


def _widened(
    table: list[list[str]], top: int, left: int, places: Iterable[Place]
) -> tuple[list[list[str]], int, int]:
    """Return the table so large that these places are in it, and where it begins."""
    found = list(places)
    if not found:
        return table, top, left
    if not table:
        top, left = found[0]
    first, start = min(top, *(r for r, _ in found)), min(left, *(c for _, c in found))
    width = max(left + max(map(len, table), default=0), *(c + 1 for _, c in found)) - start
    height = max(top + len(table), *(r + 1 for r, _ in found)) - first
    if (first, start) == (top, left) and height == len(table):
        return table, top, left
    before = [""] * (left - start)
    rows: list[list[str]] = [[""] * width for _ in range(top - first)]
    rows += [before + row for row in table]
    rows += [[""] * width for _ in range(height - len(rows))]
    return rows, first, start


def _get(table: list[list[str]], row: int, column: int) -> str:
    inside = 0 <= row < len(table) and 0 <= column < len(table[row])
    return table[row][column] if inside else ""


def _set(table: list[list[str]], row: int, column: int, text: str) -> None:
    if 0 <= row < len(table) and column >= 0:
        cells = table[row]
        cells += [""] * (column + 1 - len(cells))
        cells[column] = text


def _fill(table: list[list[str]], first: Place, last: Place, top: int, left: int) -> None:
    """Write the text of merged cells in each row that they reach and that holds anything."""
    text = _get(table, first[0] - top, first[1] - left)
    if not text:
        return
    for row in range(first[0] - top + 1, min(last[0] - top + 1, len(table))):
        if any(table[row]):
            _set(table, row, first[1] - left, text)
