"""Places where cutting starts over, chosen by the text around them alone.

A splitter that fills one chunk after the other moves every later chunk when a paragraph grows, and
all of them would have to be embedded again. Between two anchors it can't: an anchor depends on
nothing farther away than its reach, so that after an edit the next anchors are the old ones. The
method is content-defined chunking by local minima (as in the AE and QuickSync papers), with
structure before chance: a heading wins over a blank line, a blank line over a line break, and
among equals the one whose text has the smallest hash.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple
from zlib import crc32

_BREAK = re.compile(r"\n(?:[ \t\r\f]*\n)*")
_LOOK = 64  # characters behind a place that its hash is made of
_BLANK_LINE, _LINE = 8, 9  # ranks; a heading's is its level, 1 to 6


class Place(NamedTuple):
    """A place where the text may be cut; the smaller ``key`` the better."""

    offset: int
    key: tuple[int, int]


def places(
    text: str, start: int, end: int, rank_of: Callable[[int], int | None]
) -> Iterator[Place]:
    """Yield the starts of lines in ``text[start:end]``, but for the first.

    Parameters
    ----------
    rank_of:
        Gives a heading's level at an offset, 0 where a cut is forbidden, else ``None``.
    """
    for match in _BREAK.finditer(text, start, end):
        begin, offset = match.span()
        if offset >= end:
            return
        rank = rank_of(offset)
        if rank is None:
            rank = _BLANK_LINE if offset - begin > 1 else _LINE
        if rank:
            yield Place(offset, (rank, text_hash(text[offset : offset + _LOOK])))


def anchors_inside(found: Iterable[Place], start: int, end: int, reach: int) -> Iterator[int]:
    """Yield the offsets as :func:`anchors` does; both ends of the text keep them at a distance.

    Else a short text would fall apart. The ends themselves may be among them.
    """
    ends = (Place(start, (-1, 0)), Place(end, (-1, 0)))
    return anchors(chain(ends[:1], found, ends[1:]), reach)


def text_hash(text: str) -> int:
    """Return what chooses among equally good places: it depends on the text alone."""
    return crc32(text.encode("utf-8", "surrogatepass"))


def anchors(found: Iterable[Place], reach: int) -> Iterator[int]:
    """Yield the offsets that are best within ``reach`` characters to both sides.

    Anchors are more than ``reach`` characters apart, twice that on average. Of equally good
    places the first is taken.
    """
    best: deque[Place] = deque()  # to the left, within reach, keys rising
    pending: int | None = None
    for place in found:
        offset, key = place
        if pending is not None and offset - pending > reach:
            yield pending
            pending = None
        while best and offset - best[0][0] > reach:
            best.popleft()
        if not best or key < best[0][1]:
            pending = offset
            best.clear()
        else:
            while best[-1][1] > key:
                best.pop()
        best.append(place)
    if pending is not None:
        yield pending
