"""Passages for a terminal: prose that is already wrapped is rewrapped, not wrapped twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

SLACK = 0.8
"""Share of its paragraph's width that a line must have filled for its end to be soft: words differ
in length, and a page's lines are filled by the width of letters, not by their number."""

LONGEST_WORD = 12
"""Cells a word of prose takes on average at most, with its space; rows of data take more."""

_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_ITEM = re.compile(r"\s*([-*+•–]|\(?(\d{1,3}|[a-zA-Z])[.)])\s+\S")
_APART = re.compile(r"\s*$|\s*(#{1,6}\s|[>|]|[-=*_~+]{3})|.*(\s\||\t|\S\s{3,}\S)")
"""A line that stands for itself: blank, a heading, a quote, a rule, a row of a table."""
_INDENTED = re.compile(r"\s{4}|\t")


def unwrapped(text: str, width: int) -> str:
    """Return text in which paragraphs that are too wide for ``width`` stand on one line each.

    Lists keep their items; code, tables and lines that were not filled stay as they are.
    """
    lines: list[str] = []
    for paragraph in _paragraphs(text.split("\n")):
        too_wide = max(map(_cells, paragraph)) > width
        lines += _joined(paragraph) if too_wide and _is_prose(paragraph) else paragraph
    return "\n".join(lines)


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield runs of lines that may be one paragraph; every other line by itself."""
    paragraph: list[str] = []
    fenced = False
    for line in lines:
        fence = bool(_FENCE.match(line))
        item = not fenced and _ITEM.match(line) is not None
        # What is indented below an item goes on with it; elsewhere it is code.
        below_item = bool(paragraph) and _ITEM.match(paragraph[0]) is not None
        code = fenced or fence or (_INDENTED.match(line) is not None and not below_item)
        alone = not item and (code or _APART.match(line) is not None)
        if paragraph and (alone or item):
            yield paragraph
            paragraph = []
        if alone:
            yield [line]
        else:
            paragraph.append(line)
        fenced ^= fence
    if paragraph:
        yield paragraph


def _is_prose(lines: Sequence[str]) -> bool:
    """Tell sentences from records, verses and rows of data."""
    text = " ".join(lines)
    cells = _cells(text)
    ideographs = 2 * (cells - len(text)) > len(text)
    if not ideographs and cells > LONGEST_WORD * len(text.split()):
        return False
    # A sentence's lines begin with small letters; what is one to a line, with capitals or digits.
    starts = [line.lstrip()[:1] for line in lines[1:]]
    return 3 * sum(one.isalpha() and not one.isupper() for one in starts) >= len(starts)


def _joined(lines: Sequence[str]) -> list[str]:
    """Return a paragraph with its soft line ends taken out."""
    widest = max(map(_cells, lines))
    joined = [lines[0]]
    for before, line in pairwise(lines):
        word = (line.split(maxsplit=1) or [""])[0]
        # Where the next word would have fitted, the line ends on purpose.
        if _cells(before) + 1 + _cells(word) > SLACK * widest:
            joined[-1] = _glued(joined[-1].rstrip(), line.lstrip())
        else:
            joined.append(line)
    return joined


def _glued(line: str, after: str) -> str:
    """Join two lines; between ideographs, and where a word was divided, stands no space."""
    divided = line.endswith("-") and line[-2:-1].isalpha() and after[:1].islower()
    ideographs = _cells(line[-1:]) == 2 and _cells(after[:1]) == 2
    return line + after if divided or ideographs else f"{line} {after}"


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
