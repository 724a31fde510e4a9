"""A PDF as PDFium sees it: bookmarks, fields and comments, and pages as images."""

from __future__ import annotations

import ctypes
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any

from knowledge.documents.loaders.images.ocr import MAX_SIDE
from knowledge.documents.loaders.images.ocr_lines import Box
from knowledge.documents.loaders.pdf.page_text import PageText
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.text.cleaning import clean

# Marks the lines of a PDF that its bookmarks name as headings of Markdown.

Bookmark = tuple[int, str, int]
"""Level from 1, title, number of the page."""

_MOST_LINES = 3  # that a title takes
_MARKUP = re.compile(r"^(?= {0,3}(?:#{1,6}[ \t]|[=-]{2,}[ \t]*$|```|~~~))", re.MULTILINE)


def with_headings(
    pages: Sequence[tuple[int, str]], bookmarks: Iterable[Bookmark]
) -> list[tuple[int, str]] | None:
    """Return the pages with headings; ``None`` where no bookmark's title stands on its page."""
    named: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for level, title, page in bookmarks:
        if _letters(title):
            named[page].append((level, title))
    if not named:
        return None
    marked = []
    found = 0
    for number, text in pages:
        shown, count = _mark(_MARKUP.sub(r"\\", text), named.get(number, ()))
        marked.append((number, shown))
        found += count
    return marked if found else None


def _mark(text: str, titles: Iterable[tuple[int, str]]) -> tuple[str, int]:
    lines = text.split("\n")
    letters = [_letters(line) for line in lines]
    found = start = 0
    for level, title in titles:
        place = _place(letters, _letters(title), start) or _place(letters, _letters(title), 0)
        if place is None:
            continue
        first, last = place
        own = " ".join(lines[first:last])  # with its number, which a bookmark may leave out
        lines[first:last] = [f"\n{markdown.heading(level, own)}\n"]
        letters[first:last] = [""]
        start = first + 1
        found += 1
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)), found


def _place(letters: Sequence[str], title: str, start: int) -> tuple[int, int] | None:
    """Return the lines that hold a title and nothing else; its number may stand before it."""
    for first in range(start, len(letters)):
        if not letters[first] or letters[first].lstrip("0123456789")[:4] not in (
            title[:4],
            title.lstrip("0123456789")[:4],
        ):
            continue
        for last in range(first + 1, min(first + _MOST_LINES, len(letters)) + 1):
            joined = "".join(letters[first:last])
            if title in (joined, joined.lstrip("0123456789")):
                return first, last
    return None


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


_DPI = 200
_MOST_BOOKMARKS = 50_000
_DEEPEST = 20
_WORD_GAP = 0.8
"""Gap between two words of a line at most, by its height."""


class PdfFile:
    """An open PDF; use `open_pdf`."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._without_notes: set[int] = set()

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return len(self._document)

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield number and text of each page; the text of a damaged one is empty."""
        for index in range(self.pages):
            with self._page(index) as page:
                yield index + 1, _text(page) if page is not None else ""
                if page is not None and not _has_notes(page):
                    self._without_notes.add(index)

    def metadata(self) -> dict[str, str]:
        """Return title, author and dates, as far as the file names them."""
        found = {}
        for name, ours in _METADATA.items():
            value = " ".join(clean(self._document.get_metadata_value(name)).split())
            if name.endswith("Date"):
                value = _date(value)
            if value.lower() not in _NOTHING:
                found[ours] = value
        return found

    def bookmarks(self) -> Iterator[Bookmark]:
        """Yield the entries of the outline that lead to a page."""
        for count, entry in enumerate(self._document.get_toc(max_depth=_DEEPEST)):
            if count >= _MOST_BOOKMARKS:
                return
            target = entry.get_dest()
            index = target.get_index() if target else None
            title = " ".join(clean(entry.get_title()).split())
            if index is not None and title:
                yield entry.level + 1, title, index + 1

    def notes(self) -> Iterator[tuple[int, str]]:
        """Yield (page number, text) of comments and of the values of form fields."""
        left = [index for index in range(self.pages) if index not in self._without_notes]
        if left:
            self._document.init_forms()
        for index in left:
            with self._page(index) as page:
                for text in _annotations(page, self._document.formenv) if page else ():
                    yield index + 1, text

    def attachments(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and bytes of the attached files that can be read."""
        import pypdfium2

        for index in range(self._document.count_attachments()):
            try:
                attachment = self._document.get_attachment(index)
                yield clean(attachment.get_name()), bytes(attachment.get_data())
            except pypdfium2.PdfiumError:
                continue  # damaged, empty, or locked, which is reported for the whole file

    def image(self, number: int) -> Any | None:
        """Return a page as an image of Pillow; ``None`` for a page without anything on it."""
        with self._page(number - 1) as page:
            if page is None or next(iter(page.get_objects(max_depth=1)), None) is None:
                return None
            scale = min(_DPI / 72, MAX_SIDE / max(*page.get_size(), 1))
            return page.render(scale=scale, may_draw_forms=True).to_pil()

    def draws_text(self, number: int) -> bool:
        """Tell whether anything on a page is drawn as text."""
        import pypdfium2.raw as raw

        with self._page(number - 1) as page:
            kinds = (raw.FPDF_PAGEOBJ_TEXT,)
            return page is not None and next(iter(page.get_objects(kinds)), None) is not None

    def boxes(self, number: int, *, read: bool = True) -> list[Box]:
        """Return the lines of text on a page, in the order in which they are drawn.

        Pages that are turned have none.

        Parameters
        ----------
        read:
            Whether their text is wanted too, which takes longer than their places.
        """
        with self._page(number - 1) as page:
            if page is None or page.get_rotation():
                return []
            text = page.get_textpage()
            try:
                lines = list(_lines(text, page.get_height()))
                return [_read(line, text, page.get_height()) for line in lines] if read else lines
            finally:
                text.close()

    def page(self, number: int) -> AbstractContextManager[Any | None]:
        """Open a page of pypdfium2, from 1; ``None`` for one that is damaged or not there."""
        return self._page(number - 1) if 0 < number <= self.pages else nullcontext()

    @contextmanager
    def _page(self, index: int) -> Iterator[Any | None]:
        """Open a page; ``None`` for one that is damaged."""
        import pypdfium2

        try:
            page = self._document[index]
        except (pypdfium2.PdfiumError, IndexError):
            yield None
            return
        try:
            yield page
        finally:
            page.close()


@contextmanager
def open_pdf(data: bytes, passwords: Sequence[str]) -> Iterator[PdfFile | None]:
    """Open a PDF; ``None`` where PDFium can't."""
    import pypdfium2

    for password in (None, *passwords):
        try:
            document = pypdfium2.PdfDocument(data, password=password)
        except pypdfium2.PdfiumError:
            continue
        try:
            yield PdfFile(document)
        finally:
            document.close()
        return
    yield None


_METADATA = {
    "Title": "title",
    "Author": "author",
    "CreationDate": "created",
    "ModDate": "modified",
}
_NOTHING = ("", "(unspecified)", "(anonymous)", "untitled")
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-]\d\d)'?(\d\d)?'?)?")


def _date(value: str) -> str:
    """Return a date of PDF (ISO 32000-1, 7.9.4) as ISO 8601; empty for what is none."""
    match = _DATE.match(value)
    if match is None:
        return ""
    year, month, day, hour, minute, second, zone, more = match.groups()
    offset = f"{zone}:{more or '00'}" if zone else "+00:00"
    written = f"{year}-{month or '01'}-{day or '01'}"
    written += f"T{hour or '00'}:{minute or '00'}:{second or '00'}{offset}"
    try:
        return datetime.fromisoformat(written).isoformat()
    except ValueError:
        return ""


def _text(page: Any) -> str:
    text = page.get_textpage()
    try:
        return PageText(text).marked()
    finally:
        text.close()


def _lines(text: Any, height: float) -> Iterator[Box]:
    """Yield the lines of a page: pieces that stand close beside each other are put together."""
    line: Box | None = None
    for index in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(index)
        box = Box(height - top, height - bottom, left, right, "")
        if line and goes_on(line, box):
            line = Box(min(line.top, box.top), max(line.bottom, box.bottom), line.left, right, "")
            continue
        if line:
            yield line
        line = box
    if line:
        yield line


def goes_on(line: Box, box: Box) -> bool:
    """Tell whether a box stands in a line, right behind it."""
    size = line.bottom - line.top
    middle = (box.top + box.bottom) / 2
    return line.top <= middle <= line.bottom and -size < box.left - line.right < _WORD_GAP * size


def _read(line: Box, text: Any, height: float) -> Box:
    found = text.get_text_bounded(
        line.left - 0.5, height - line.bottom - 0.5, line.right + 0.5, height - line.top + 0.5
    )
    return line._replace(text=" ".join(clean(found).split()))


def _shown() -> frozenset[int]:
    """Return the kinds of annotations whose text is read."""
    import pypdfium2.raw as raw

    return frozenset(
        {
            raw.FPDF_ANNOT_TEXT,
            raw.FPDF_ANNOT_FREETEXT,
            raw.FPDF_ANNOT_HIGHLIGHT,
            raw.FPDF_ANNOT_UNDERLINE,
            raw.FPDF_ANNOT_STRIKEOUT,
            raw.FPDF_ANNOT_SQUARE,
            raw.FPDF_ANNOT_CARET,
        }
    )


def _has_notes(page: Any) -> bool:
    """Tell whether a page has comments or form fields."""
    import pypdfium2.raw as raw

    wanted = _shown() | {raw.FPDF_ANNOT_WIDGET}
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if annotation:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            raw.FPDFPage_CloseAnnot(annotation)
            if kind in wanted:
                return True
    return False


def _annotations(page: Any, forms: Any) -> Iterator[str]:
    import pypdfium2.raw as raw

    shown = _shown()
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            if kind == raw.FPDF_ANNOT_WIDGET and forms is not None:
                yield from _field(annotation, forms)
            elif kind in shown:
                text = _string(raw.FPDFAnnot_GetStringValue, annotation, b"Contents")
                author = _string(raw.FPDFAnnot_GetStringValue, annotation, b"T")
                if text and kind == raw.FPDF_ANNOT_FREETEXT:
                    yield text
                elif text:
                    yield f"Comment by {author}: {text}" if author else f"Comment: {text}"
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _field(annotation: Any, forms: Any) -> Iterator[str]:
    import pypdfium2.raw as raw

    kind = raw.FPDFAnnot_GetFormFieldType(forms, annotation)
    label = _string(raw.FPDFAnnot_GetFormFieldAlternateName, forms, annotation) or _string(
        raw.FPDFAnnot_GetFormFieldName, forms, annotation
    )
    written = (
        raw.FPDF_FORMFIELD_TEXTFIELD,
        raw.FPDF_FORMFIELD_COMBOBOX,
        raw.FPDF_FORMFIELD_LISTBOX,
    )
    if kind in written:
        value = _string(raw.FPDFAnnot_GetFormFieldValue, forms, annotation)
    elif kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        value = "yes" if raw.FPDFAnnot_IsChecked(forms, annotation) else ""
    else:
        value = ""
    if value:
        yield f"{label}: {value}" if label else value


def _string(function: Any, *arguments: Any) -> str:
    """Call a function of PDFium that fills a buffer with UTF-16, and tells its length."""
    import pypdfium2.raw as raw

    size = function(*arguments, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    function(*arguments, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    text = clean(buffer.raw[: size - 2].decode("utf-16-le", "replace"))
    return " ".join(text.split())
