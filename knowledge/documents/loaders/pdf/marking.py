"""Where a passage stands on the pages of a PDF, and pictures of them.

The text of a passage is not that of its page: words were joined at hyphens, headings marked,
running heads dropped. So letters and digits alone are compared. Runs of them that stand on the page
are looked for, in the passage's order first; what is found is marked if it is at least half of it.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from knowledge.documents.loaders.office.protection import protected
from knowledge.documents.loaders.pdf.file import PdfFile, open_pdf
from knowledge.errors import DocumentError

LEAST_SHARE = 0.5
"""Of a passage's letters and digits that must be found: less may be another text."""
MAX_WIDTH = 2_400
_RUN = 12
"""Letters that a run has at least: fewer stand anywhere."""
_MAX_HEIGHT = 4 * MAX_WIDTH
_UNIT = 1_000_000
"""Steps into which a page is divided where PDFium gives a place as whole numbers."""

Box = tuple[float, float, float, float]
"""Left, top, width and height, as shares of the page as it is shown."""


@dataclass(frozen=True, slots=True)
class PageMarks:
    """A page and what of a passage stands on it.

    Parameters
    ----------
    number:
        From 1.
    width, height:
        Of the page as it is shown, in points.
    boxes:
        One for each line, in order; none where the passage was not found.
    """

    number: int
    width: float
    height: float
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Marks:
    """A passage in a PDF.

    Parameters
    ----------
    page_count:
        How many pages the file has.
    share:
        How much of the passage's letters and digits stand on the pages, from 0 to 1.
    """

    page_count: int
    share: float
    pages: tuple[PageMarks, ...]


def find_passage(data: bytes, passwords: Sequence[str], numbers: Sequence[int], text: str) -> Marks:
    """Return the pages of a passage, with the boxes of its lines.

    Parameters
    ----------
    numbers:
        Its pages, from 1; those that the file lacks are left out.

    Raises
    ------
    DocumentError
        PDFium can't read the file.
    """
    with _opened(data, passwords) as file:
        wanted = _letters(enumerate(text))[0]
        left = [(0, len(wanted))]
        pages: list[PageMarks] = []
        for number in numbers:
            with file.page(number) as page:
                if page is None:
                    continue
                marks, left = _on_page(page, number, wanted, left)
                pages.append(marks)
        missed = sum(end - start for start, end in left)
        share = 1 - missed / len(wanted) if wanted else 0.0
        if share < LEAST_SHARE:
            pages = [PageMarks(one.number, one.width, one.height) for one in pages]
        return Marks(file.pages, round(share, 4), tuple(pages))


def picture(data: bytes, passwords: Sequence[str], number: int, width: int) -> bytes:
    """Return a page as PNG, ``width`` pixels wide.

    Raises
    ------
    DocumentError
        PDFium can't read the file, or it has no such page.
    """
    with _opened(data, passwords) as file, file.page(number) as page:
        if page is None:
            raise DocumentError(f"it has no page {number} that can be drawn")
        across, down = page.get_size()
        scale = min(width / max(across, 1), _MAX_HEIGHT / max(down, 1))
        bitmap = page.render(scale=scale, may_draw_forms=True, rev_byteorder=True)
        return _png(bitmap.to_numpy())


@contextmanager
def _opened(data: bytes, passwords: Sequence[str]) -> Iterator[PdfFile]:
    with open_pdf(data, passwords) as file:
        if file is None:
            if b"/Encrypt" in data:
                raise protected(len(passwords))
            raise DocumentError("PDFium can't read it")
        yield file


def _letters(characters: Iterable[tuple[int, str]]) -> tuple[str, list[int]]:
    """Return letters and digits in their plain form, and the number of the character of each."""
    found: list[str] = []
    places: list[int] = []
    for place, character in characters:
        if character.isascii():
            plain = character.lower() if character.isalnum() else ""
        else:
            folded = unicodedata.normalize("NFKC", character).casefold()
            plain = "".join(filter(str.isalnum, folded))
        found.append(plain)
        places += [place] * len(plain)
    return "".join(found), places


def _on_page(
    page: Any, number: int, wanted: str, left: Sequence[tuple[int, int]]
) -> tuple[PageMarks, list[tuple[int, int]]]:
    """Return what of the spans ``left`` of a passage stands on a page, and what is left then."""
    import pypdfium2.raw as raw

    text_page = page.get_textpage()
    try:
        count = max(text_page.count_chars(), 0)
        codes = (raw.FPDFText_GetUnicode(text_page.raw, place) for place in range(count))
        letters, places = _letters(enumerate(map(_character, codes)))
        runs, rest = [], []
        for start, end in left:
            found, missed = _runs(wanted, start, end, letters)
            runs += found
            rest += missed
        spans = [(places[start], places[end - 1] + 1) for start, end in runs]
        boxes = _lines(box for span in spans for box in _boxes(page, text_page, span))
    finally:
        text_page.close()
    width, height = page.get_size()
    return PageMarks(number, width, height, tuple(boxes)), rest


def _character(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "


def _runs(
    wanted: str, start: int, end: int, page: str
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the runs of a span of the passage on the page, and the spans that are not there."""
    runs: list[tuple[int, int]] = []
    missed: list[tuple[int, int]] = []
    least = min(_RUN, end - start)
    at, cursor, gap = start, 0, start
    while least and at + least <= end:
        seed = wanted[at : at + least]
        place = page.find(seed, cursor)
        if place < 0:
            place = page.find(seed)
        if place < 0:
            at += 1
            continue
        size = _equal(wanted, at, end, page, place)
        if gap < at:
            missed.append((gap, at))
        runs.append((place, place + size))
        at, cursor = at + size, place + size
        gap = at
    if gap < end:
        missed.append((gap, end))
    return runs, missed


def _equal(wanted: str, at: int, end: int, page: str, place: int) -> int:
    size = 0
    most = min(end - at, len(page) - place)
    while size < most and wanted[at + size] == page[place + size]:
        size += 1
    return size


def _boxes(page: Any, text_page: Any, span: tuple[int, int]) -> Iterator[Box]:
    """Yield the boxes of the pieces of text in a span of characters."""
    start, end = span
    for index in range(text_page.count_rects(start, end - start)):
        left, bottom, right, top = text_page.get_rect(index)
        corners = [_shown(page, left, top), _shown(page, right, bottom)]
        xs, ys = zip(*corners, strict=True)
        yield min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _shown(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return where a point stands on the page as it is shown: turned, and cropped."""
    import ctypes

    import pypdfium2.raw as raw

    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(
        page.raw, 0, 0, _UNIT, _UNIT, 0, x, y, ctypes.byref(across), ctypes.byref(down)
    )
    return across.value / _UNIT, down.value / _UNIT


def _lines(boxes: Iterable[Box]) -> list[Box]:
    """Join the boxes of pieces that follow each other on a line, and drop what is not visible."""
    lines: list[Box] = []
    for left, top, width, height in boxes:
        if width <= 0 or height <= 0 or left >= 1 or top >= 1 or left + width <= 0:
            continue
        if lines and _follows(lines[-1], (left, top, width, height)):
            x, y, w, h = lines[-1]
            right, bottom = max(x + w, left + width), max(y + h, top + height)
            x, y = min(x, left), min(y, top)
            lines[-1] = (x, y, right - x, bottom - y)
        else:
            lines.append((left, top, width, height))
    return [tuple(round(one, 5) for one in line) for line in lines]  # type: ignore[misc]


def _follows(line: Box, box: Box) -> bool:
    overlap = min(line[1] + line[3], box[1] + box[3]) - max(line[1], box[1])
    gap = box[0] - (line[0] + line[2])
    return overlap > 0.5 * min(line[3], box[3]) and -1 < gap < 2 * max(line[3], box[3])


def _png(pixels: Any) -> bytes:
    """Return an image of 8-bit RGB, or grey where it has no colour (https://www.w3.org/TR/png)."""
    import numpy as np

    pixels = pixels[:, :, :3] if pixels.ndim == 3 else pixels[:, :, None]
    if (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, :1]
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    kind = 0 if channels == 1 else 2
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 4)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*parts, strict=True)))


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check
