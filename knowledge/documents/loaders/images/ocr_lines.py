"""The order in which the words of a picture or a page are read: lines, and columns of them.

Columns are found by the gutter between them, as in recursive XY cuts (Nagy and Seth, 1984). A table
has gutters too, but its rows are read across: in a column of running text most lines are as wide as
the column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

_FEWEST_LINES = 4
_WIDE = 0.6
_DEEPEST = 2
_MOST_GAPS = 4
_FULL = 0.7
"""Share of a column's width that half of its lines have at least."""


class Box(NamedTuple):
    """Words in a picture or on a page, with their place, counted from the top."""

    top: float
    bottom: float
    left: float
    right: float
    text: str

    @property
    def width(self) -> float:
        """Return its width."""
        return self.right - self.left


def lines_of(boxes: Sequence[Box]) -> list[str]:
    """Return the lines of a picture in reading order, one column after the other."""
    boxes = sorted(boxes)
    place = gutter(boxes)
    if place is None:
        return _rows(boxes)
    lines: list[str] = []
    for spans, group in groupby(boxes, key=lambda box: box.left < place < box.right):
        region = list(group)
        if spans:
            lines += _rows(region)
            continue
        lines += lines_of([box for box in region if box.right <= place])
        lines += lines_of([box for box in region if box.left >= place])
    return lines


def _rows(boxes: Iterable[Box]) -> list[str]:
    """Put boxes that stand beside each other into one line, from left to right."""
    rows: list[list[Box]] = []
    for box in boxes:
        middle = (box.top + box.bottom) / 2
        if rows and rows[-1][0].top <= middle <= rows[-1][0].bottom:
            rows[-1].append(box)
        else:
            rows.append([box])
    return [" ".join(box.text for box in sorted(row, key=lambda box: box.left)) for row in rows]


def gutter(boxes: Sequence[Box], deeper: int = _DEEPEST) -> float | None:
    """Return where a column ends and the next begins; ``None`` where there is one column.

    Parameters
    ----------
    deeper:
        How often what stands on one side may be columns again.
    """
    if len(boxes) < 2 * _FEWEST_LINES:
        return None
    width = max(box.right for box in boxes) - min(box.left for box in boxes)
    inside = sorted((box for box in boxes if box.width < _WIDE * width), key=lambda box: box.left)
    least = median(box.bottom - box.top for box in boxes) / 2
    right = inside[0].right if inside else 0.0
    gaps = []
    for box in inside:
        if box.left - right >= least:
            gaps.append((box.left - right, (box.left + right) / 2))
        right = max(right, box.right)
    for _, place in sorted(gaps, reverse=True)[:_MOST_GAPS]:
        before = [box for box in inside if box.right <= place]
        after = [box for box in inside if box.left >= place]
        if _is_text(before, deeper) and _is_text(after, deeper):
            return place
    return None


def _is_text(boxes: Sequence[Box], deeper: int) -> bool:
    """Tell whether boxes are a column of running text, or several."""
    if len(boxes) < _FEWEST_LINES:
        return False
    width = max(box.right for box in boxes) - min(box.left for box in boxes)
    if median(box.width for box in boxes) >= _FULL * width:
        return True
    return deeper > 0 and gutter(boxes, deeper - 1) is not None
