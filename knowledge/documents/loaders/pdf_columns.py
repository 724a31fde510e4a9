"""What the places of words on a PDF's page tell of columns, and its text does not.

Most programs draw one column after the other, and PDFium gives text in the order in which it is
drawn. Some draw line by line, across the columns; so a few pages are looked at, and all of them
only where one of these is drawn so. kreuzberg puts a sign that stands alone, such as a cell of one
digit, to the word before it, however far that is; these are parted again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from knowledge.documents.loaders.ocr_lines import Box, gutter, lines_of
from knowledge.documents.loaders.pdf_file import PdfFile, goes_on

_SAMPLE = 2
_FEWEST_LINES = 6
_WITH_DIGIT = re.compile(r"[^\W\d_]{2}\d$", re.MULTILINE)


def put_right(pages: list[tuple[int, str]], file: PdfFile) -> None:
    """Change, in place, the text of pages that are drawn across columns or have lone digits."""
    full = [number for number, text in pages if text.count("\n") + 1 >= _FEWEST_LINES]
    columns = _columns(full[:_SAMPLE], file)
    if columns:
        columns |= _columns(full[_SAMPLE:], file)
    for index, (number, text) in enumerate(pages):
        if number in columns:
            pages[index] = (number, columns[number])
        elif _WITH_DIGIT.search(text):
            pages[index] = (number, _parted(text, file.boxes(number)))


def _columns(numbers: Sequence[int], file: PdfFile) -> dict[int, str]:
    """Return the text of pages that are drawn across columns, by number."""
    found = {}
    for number in numbers:
        if not _is_across(file.boxes(number, read=False)):
            continue
        boxes = file.boxes(number)
        if _is_running(boxes):
            found[number] = "\n".join(lines_of(boxes))
    return found


def _is_across(boxes: Sequence[Box]) -> bool:
    """Tell whether boxes, in the order in which they are drawn, go from column to column."""
    place = gutter(boxes)
    if place is None:
        return False
    sides = [box.left >= place for box in boxes if not box.left < place < box.right]
    return 2 * sum(before != after for before, after in pairwise(sides)) >= len(sides)


def _is_running(boxes: Sequence[Box]) -> bool:
    """Tell whether lines go on with sentences, where cells of a table would begin them."""
    begin = [box.text[0] for box in boxes if box.text]
    return 2 * sum(sign.isupper() or sign.isdigit() for sign in begin) < len(begin)


def _parted(text: str, boxes: Sequence[Box]) -> str:
    """Return text with a space before each digit that stands far from the word before it."""
    for before, box in pairwise(boxes):
        if len(box.text) == 1 and box.text.isdigit() and before.text and not goes_on(before, box):
            word = before.text.split()[-1]
            glued = rf"(?<!\S){re.escape(word)}(?={box.text}(?!\S))"
            text = re.sub(glued, lambda match: match[0] + " ", text, count=1)
    return text
