"""The text of a page as PDFium orders it, with what its letters' places tell.

PDFium puts lines in order, right-to-left and turned ones too. What it flattens is put back here:
raised and lowered characters, by size and baseline; headings with spaces between their letters; and
Arabic ligatures, whose letters it reverses with their line. Pages are looked at character by
character only at such places.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from knowledge.text.cleaning import clean
from knowledge.text.marks import subscript, superscript

Edit = tuple[int, int, str]
"""Start and end in the text, and what stands there instead."""


class Glyph(NamedTuple):
    """A character on a page: its origin, and the size of its font there, in points."""

    x: float
    y: float
    size: float
    turned: bool


class PageText:
    """The text of one page.

    Parameters
    ----------
    page:
        An open text page of pypdfium2.
    """

    def __init__(self, page: Any) -> None:
        import pypdfium2.raw as raw

        self._raw = raw
        self._page = page
        self._text = self._plain()

    def marked(self) -> str:
        """Return the text with its marks."""
        text = self._text
        edits = [*self._raised(), *self._alone()]
        if " " in text:
            edits += self._spaced()
        if not text.isascii():
            edits += self._ligatures()
        if _RIGHT_TO_LEFT.search(text):
            edits += self._left_to_right()
            return _normal(_mirrored(_edited(text, edits)))
        return _normal(_edited(text, edits))

    def _plain(self) -> str:
        """Return the text, one character a unit of UTF-16, by which PDFium counts."""
        count = self._page.count_chars()
        if count <= 0:
            return ""
        buffer = (ctypes.c_ushort * (2 * count + 2))()
        got = self._raw.FPDFText_GetText(self._page.raw, 0, count, buffer)
        data = bytes(buffer)[: 2 * max(got - 1, 0)]
        text = data.decode("utf-16-le", "surrogatepass")
        if 2 * len(text) == len(data):
            return text
        return "".join(map(chr, buffer[: max(got - 1, 0)]))

    # Raised and lowered characters.

    def _raised(self) -> Iterator[Edit]:
        done = base = 0
        for x, y in self._small():
            index = self._raw.FPDFText_GetCharIndexAtPos(self._page.raw, x, y, 1.0, 1.0)
            place = self._raw.FPDFText_GetTextIndexFromCharIndex(self._page.raw, index)
            if index < 0 or place < done:
                continue
            found = self._shifted(place, done, base)
            if found is not None:
                base, edit = found
                yield edit
                done = edit[1]

    def _small(self) -> Iterator[tuple[float, float]]:
        """Yield points in pieces of text that stand right behind another one, not on its line."""
        line: Sequence[float] | None = None
        for box in self._rectangles():
            left, top, right, bottom = box
            if line is not None:
                size = max(line[1] - line[3], top - bottom)
                beside = -0.3 * size < left - line[2] < _BESIDE * size
                if beside and right - left < _SHORT * size and _is_off(line, box):
                    yield left + min(right - left, top - bottom) / 4, (top + bottom) / 2
                    line = [line[0], line[1], right, line[3]]
                    continue
            line = box

    def _rectangles(self) -> Iterator[Sequence[float]]:
        """Yield left, top, right and bottom of each piece of text, in order."""
        values = [ctypes.c_double() for _ in range(4)]
        pointers = [ctypes.byref(value) for value in values]
        get, page = self._raw.FPDFText_GetRect, self._page.raw
        for index in range(self._page.count_rects()):
            if get(page, index, *pointers):
                yield tuple(value.value for value in values)

    def _shifted(self, place: int, done: int, last: int) -> tuple[int, Edit] | None:
        """Return the edit of a piece that is raised or lowered, around a place in the text.

        Parameters
        ----------
        done, last:
            The end of the edit before, and the place of the character on the line that it
            stands behind: what follows it stands behind that, too.

        Returns
        -------
            The place of the character on the line, and the edit.
        """
        own = self._glyph(place)
        if own is None or own.turned:
            return None
        start, end = self._run(place, own)
        before_end = self._real(start - 1, -1)
        base_end = last if done and before_end < done else before_end
        base = self._glyph(base_end)
        if end - start > _LONGEST or base is None or base.turned:
            return None
        shift = (own.y - base.y) / base.size if base.size else 0
        if not _is_moved(own.size / base.size, abs(shift), end - start):
            return None
        before = self._text[: before_end + 1]
        apart = " " if self._gap(before_end, start) > _APART else ""
        move = superscript if shift > 0 else subscript
        shown = apart + move(clean(self._text[start:end]), before + apart)
        begin, after = max(before_end + 1, done), self._real(end, 1)
        if "\n" in self._text[end:after] and self._continues(base, end - 1, after):
            space = self._text[after] != " " and self._gap(end - 1, after) > _APART
            return base_end, (begin, after, shown + " " * space)
        return base_end, (begin, end, shown)

    def _run(self, place: int, own: Glyph) -> tuple[int, int]:
        """Return where the characters begin and end that stand as high and are as large."""
        start, end = place, place + 1
        while start > 0 and self._is_like(start - 1, own):
            start -= 1
        while end < len(self._text) and self._is_like(end, own):
            end += 1
        return start, end

    def _is_like(self, place: int, own: Glyph) -> bool:
        if self._text[place].isspace():
            return False
        glyph = self._glyph(place)
        return (
            glyph is not None
            and abs(glyph.y - own.y) < 0.1 * own.size
            and abs(glyph.size - own.size) < 0.05 * own.size
        )

    def _continues(self, base: Glyph, last: int, after: int) -> bool:
        """Tell whether a line goes on behind a raised piece, where PDFium breaks it."""
        glyph = self._glyph(after)
        if glyph is None or glyph.turned or abs(glyph.y - base.y) > 0.1 * base.size:
            return False
        return -0.5 < self._gap(last, after) < 2

    def _real(self, place: int, step: int) -> int:
        """Return the next place from there on that holds a character of the page's own."""
        while 0 <= place < len(self._text) and self._is_generated(place):
            place += step
        return place

    def _is_generated(self, place: int) -> bool:
        char = self._raw.FPDFText_GetCharIndexFromTextIndex(self._page.raw, place)
        return bool(self._raw.FPDFText_IsGenerated(self._page.raw, char) == 1)

    def _gap(self, left: int, right: int) -> float:
        """Return the space between two characters, by the size of the larger one."""
        first, second = self._glyph(left), self._glyph(right)
        if first is None or second is None:
            return 0.0
        return (second.x - self._right(left)) / max(first.size, second.size, 1e-6)

    def _right(self, place: int) -> float:
        """Return where a character ends, with the space that its font gives it."""
        box = self._raw.FS_RECTF()
        char = self._raw.FPDFText_GetCharIndexFromTextIndex(self._page.raw, place)
        self._raw.FPDFText_GetLooseCharBox(self._page.raw, char, ctypes.byref(box))
        return float(box.right)

    def _glyph(self, place: int) -> Glyph | None:
        if not 0 <= place < len(self._text):
            return None
        raw, page = self._raw, self._page.raw
        char = raw.FPDFText_GetCharIndexFromTextIndex(page, place)
        x, y, matrix = ctypes.c_double(), ctypes.c_double(), raw.FS_MATRIX()
        if not raw.FPDFText_GetCharOrigin(page, char, ctypes.byref(x), ctypes.byref(y)):
            return None
        if not raw.FPDFText_GetMatrix(page, char, ctypes.byref(matrix)):
            return None
        size = raw.FPDFText_GetFontSize(page, char) * math.hypot(matrix.c, matrix.d)
        return Glyph(x.value, y.value, size or 1e-6, abs(matrix.b) > 1e-3 * abs(matrix.a))

    # A sign alone at its place, such as a cell of one digit, which PDFium puts on its own line.

    def _alone(self) -> Iterator[Edit]:
        for match in _ALONE.finditer(self._text):
            before, after = match.start() - 1, match.end()
            first, second = self._glyph(before), self._glyph(after)
            if first is None or second is None or first.turned or second.turned:
                continue
            if abs(first.y - second.y) < 0.1 * first.size and second.x > first.x:
                yield match.start(), match.end(), " "

    # Headings with spaces between their letters.

    def _spaced(self) -> Iterator[Edit]:
        for match in _SPACED.finditer(self._text):
            places = [match.start() + n for n, sign in enumerate(match[0]) if sign != " "]
            shown = self._words(places)
            if shown is not None:
                yield match.start(), match.end(), shown

    def _words(self, places: Sequence[int]) -> str | None:
        """Return letters as words, by the gaps between them; ``None`` for a list of letters."""
        letters = "".join(self._text[place] for place in places)
        gaps = [self._gap(left, right) for left, right in pairwise(places)]
        usual = median(gaps)
        if not 0 < usual < _WIDEST or "".join(sorted(letters)) == letters:
            return None
        words = [letters[0]]
        for gap, letter in zip(gaps, letters[1:], strict=True):
            if gap > _BETWEEN * usual:
                words.append("")
            words[-1] += letter
        return None if max(map(len, words)) < _LONG_WORD else " ".join(words)

    # Words of other scripts in lines from right to left, which PDFium reverses.

    def _left_to_right(self) -> Iterator[Edit]:
        for line in _LINE.finditer(self._text):
            if not _RIGHT_TO_LEFT.search(line[0]):
                continue
            for run in _FOREIGN.finditer(self._text, line.start(), line.end()):
                found = list(_TOKEN.finditer(self._text, run.start(), run.end()))
                glyphs = [self._glyph(token.start()) for token in found]
                places = [glyph.x for glyph in glyphs if glyph is not None]
                if (
                    len(found) > 1
                    and len(places) == len(found)
                    and places == sorted(places, reverse=True)
                ):
                    shown = " ".join(token[0] for token in reversed(found))
                    yield found[0].start(), found[-1].end(), shown

    # Arabic ligatures.

    def _ligatures(self) -> Iterator[Edit]:
        for match in _REVERSED.finditer(self._text):
            first, second = self._glyph(match.start()), self._glyph(match.start() + 1)
            if first is not None and second is not None and first[:2] == second[:2]:
                yield match.start(), match.end(), match[0][::-1]


# Of raised characters, by the height of the line: the gap before them, their width, how far their
# bottom is above and below its bottom, and their top below its top.
_BESIDE, _SHORT, _RISE, _FALL, _DROP = 0.3, 8, 0.15, 0.05, 0.25
_SMALLEST, _SMALL = 0.35, 0.86  # less is the text behind an initial
_LEAST, _MOST = 0.06, 0.8
_EQUAL, _FEW, _FAR = 1.02, 3, 0.2
_APART = 0.2
_LONGEST = 40

_ALONE = re.compile(r"(?<=\S)\r\n(?=\S(?!\S))")
_SPACED = re.compile(r"(?<!\S)[^\W\d_](?: {1,3}[^\W\d_]){4,}(?!\S)")
_WIDEST = 0.75
"""Space between letters at most, by their size: more are the heads of columns."""
_BETWEEN, _LONG_WORD = 1.7, 4
_LINE = re.compile(r"[^\r\n]+")
_TOKEN = re.compile(r"[^ ]+")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdfb\ufe70-\ufefc]")
_FOREIGN = re.compile(
    "(?<![^ ])(?=[^\\r\\n\u0590-\u08ff\ufb1d-\ufdfb\ufe70-\ufefc]*[A-Za-z\u00c0-\u04ff])"
    "[^ \\r\\n\u0590-\u08ff\ufb1d-\ufdfb\ufe70-\ufefc]+"
    "(?: [^ \\r\\n\u0590-\u08ff\ufb1d-\ufdfb\ufe70-\ufefc]+)+(?![^ \\r\\n])"
)
"""Words beside each other without a letter that is written from right to left."""
_TURNED_BRACKET = re.compile(r"(?<!\S)[)\]}](?=\w)|(?<=\w)[(\[{](?=[\s.,;:!?]|\Z)")
_OTHER_BRACKET = str.maketrans("()[]{}", ")(][}{")
_REVERSED = re.compile("[\u0622\u0623\u0625\u0627]\u0644")
"""Alef and lam as one glyph: lam comes first in every ligature of the two."""
_FORMS = re.compile("[\ufb00-\ufb06\ufb1d-\ufb4f\ufb50-\ufdfb\ufe70-\ufefc]+")
"""Letters in the form that stands on paper: Latin ligatures, Hebrew and Arabic forms."""


def _is_off(line: Sequence[float], box: Sequence[float]) -> bool:
    """Tell whether a piece may stand above or below a line, by left, top, right and bottom."""
    height = line[1] - line[3]
    rise, drop = box[3] - line[3], line[1] - box[1]
    return rise > _RISE * height or rise < -_FALL * height or drop > _DROP * height


def _mirrored(text: str) -> str:
    """Return a text whose brackets open and close, also in lines from right to left."""

    def line(found: re.Match[str]) -> str:
        if not _RIGHT_TO_LEFT.search(found[0]):
            return found[0]
        return _TURNED_BRACKET.sub(lambda sign: sign[0].translate(_OTHER_BRACKET), found[0])

    return _LINE.sub(line, text)


def _is_moved(ratio: float, shift: float, count: int) -> bool:
    """Tell whether characters are raised or lowered.

    Parameters
    ----------
    ratio:
        Of their size to that of the text on the line.
    shift:
        How far they stand off the line, by the size of its text.
    count:
        How many they are: few may be as large as the text, where they stand far off.
    """
    if _SMALL < ratio <= _EQUAL:
        return count <= _FEW and _FAR < shift < _MOST
    return _SMALLEST < ratio <= _SMALL and _LEAST < shift < _MOST


def _edited(text: str, edits: Sequence[Edit]) -> str:
    parts: list[str] = []
    done = 0
    for start, end, shown in sorted(edits):
        if start >= done:
            parts += (text[done:start], shown)
            done = end
    return "".join((*parts, text[done:]))


def _normal(text: str) -> str:
    if text.isascii():
        return text
    return _FORMS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
