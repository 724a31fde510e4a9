"""PDF, page by page: PDFium, or pypdf where PDFium fails.

Bookmarks become headings; comments and the values of form fields stand at the end of their page.
Pages without text are read by OCR where that is installed.
"""

from __future__ import annotations

import io
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from knowledge.documents.budget import BudgetError
from knowledge.documents.containers import Members
from knowledge.documents.loaders.images import ocr
from knowledge.documents.loaders.images.ocr_lines import Box, gutter, lines_of
from knowledge.documents.loaders.mail.text import Attachment, read_attachments, safe_name
from knowledge.documents.loaders.office.kreuzberg_engine import extract, metadata_of
from knowledge.documents.loaders.office.protection import protected
from knowledge.documents.loaders.pdf.file import PdfFile, open_pdf, with_headings
from knowledge.documents.loaders.pdf.hyphens import join_words
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.options import MIB, LoadOptions
from knowledge.documents.panics import panics_as_errors
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.model import Document, FileProblem, FileStatus, PageSpan, TextKind
from knowledge.text.cleaning import clean

Pages = list[tuple[int, str]]
"""Number and text of each page."""

Engine = Callable[[bytes, Sequence[str]], tuple[Pages, dict[str, Any]]]
"""Reads a file, given its bytes and passwords, to pages and metadata."""

_PAGE = re.compile(rb"/Type\s*/Page\b")
_ANNOTATED = (b"/Annot", b"/AcroForm", b"/ObjStm")
"""One of these stands in every file with comments or fields; the last one hides the others."""

_VERTICAL = re.compile("(?m)^[\u3001-\u30ff\u3400-\u9fff](?:\n[\u3001-\u30ff\u3400-\u9fff]){2,}$")
_SMALL = (50, 4 * MIB)
"""Pages and bytes of a file that the other engine may look through too, where one found no text."""


def load(source: Source) -> Document | Loaded:
    """Read the text of each page, and attached files as members.

    Raises
    ------
    EmptyDocumentError
        No page has text.
    DocumentError
        Neither engine can read it, or it is protected by a password.
    """
    data, options = source.data, source.options
    kind = TextKind.TEXT
    attachments: list[tuple[str, bytes]] = []
    with open_pdf(data, options.passwords) as file:
        pages, metadata, engine, warnings = _read(data, options, file)
        if engine == "pdfium" and file is not None and _fill_blanks(pages, data, options, file):
            engine += "+pypdf"
        pages = _cleaned(_wanted(pages, options.pages))
        if file is not None:
            correct_columns(pages, file)
            engine += "+rapidocr" if _recognise(pages, file, options.ocr) else ""
            headed = with_headings(pages, file.bookmarks())
            kind, pages = (TextKind.MARKDOWN, headed) if headed else (kind, pages)
            if any(mark in data for mark in _ANNOTATED):
                _add_notes(pages, file)
            if options.pages == LoadOptions().pages:
                attachments = list(file.attachments())
    text, spans = join_pages(pages)
    try:
        warnings += _about_blank_pages(spans, options.ocr)
    except EmptyDocumentError:
        if not attachments:
            raise
    if b"/Encrypt" in data and _is_partly_locked(data, options.passwords):
        warnings += ("parts of it, such as its attachments, are protected by a password",)
    document = Document(
        text,
        kind,
        spans,
        metadata={**metadata, "pages": len(spans)},
        loader=engine,
        warnings=warnings,
    )
    return with_attachments(document, attachments, source) if attachments else document


def _cleaned(pages: Pages) -> Pages:
    texts = join_words([_VERTICAL.sub(_one_line, clean(text)) for _, text in pages])
    return [(number, text) for (number, _), text in zip(pages, texts, strict=True)]


def _one_line(column: re.Match[str]) -> str:
    """Return a column of characters, as East Asian text may run, as a line."""
    return column[0].replace("\n", "")


def _wanted(pages: Pages, wanted: tuple[int, int]) -> Pages:
    first, most = wanted
    kept = [page for page in pages if page[0] >= first]
    if pages and not kept:
        raise EmptyDocumentError(f"it has no page {first}, only {pages[-1][0]}")
    return kept[:most] if most else kept


def join_pages(pages: Iterable[tuple[int, str]]) -> tuple[str, tuple[PageSpan, ...]]:
    """Join (number, text) of pages with a blank line between; return the text and its spans."""
    parts: list[str] = []
    spans: list[PageSpan] = []
    offset = 0
    for number, raw in pages:
        text = clean(raw).strip("\n")
        spans.append(PageSpan(number, offset, offset + len(text)))
        parts.append(text)
        offset += len(text) + 2
    return "\n\n".join(parts), tuple(spans)


def _read(
    data: bytes, options: LoadOptions, file: PdfFile | None
) -> tuple[Pages, dict[str, Any], str, tuple[str, ...]]:
    """Return pages, metadata, the engine that read them, and warnings."""
    engines: dict[str, Engine] = {
        "pdfium": partial(_by_pdfium, file),
        "pypdf": _by_pypdf,
        "kreuzberg": _by_kreuzberg,
    }
    chosen = options.engines.get("pdf", "pdfium")
    other = next(engine for engine in engines if engine != chosen)
    try:
        with panics_as_errors("reading it"):
            pages, metadata = engines[chosen](data, options.passwords)
    except DocumentError as first:
        if "password" in first.message and not options.passwords:
            raise
        try:
            pages, metadata = engines[other](data, options.passwords)
        except DocumentError:
            raise _final(data, first, len(options.passwords)) from first
        warning = f"read by {other}, since the first engine failed: {first.message}"
        return pages, metadata, other, (warning,)
    if not any(text.strip() for _, text in pages):
        small = len(pages) <= _SMALL[0] and len(data) <= _SMALL[1]
        more = _text_of(engines[other], data, options.passwords) if small else None
        if more:
            return more, metadata, other, (f"read by {other}, since {chosen} found no text",)
    return pages, metadata, chosen, ()


def _fill_blanks(pages: Pages, data: bytes, options: LoadOptions, file: PdfFile) -> bool:
    """Read pages that PDFium finds empty by pypdf, in place, where text is drawn on them.

    It leaves out text in fonts that are neither in the file nor on the system, at times.
    """
    blank = {number for number, text in pages if not text.strip()}
    small = len(pages) <= _SMALL[0] and len(data) <= _SMALL[1]
    drawn = {number for number in blank if small and file.draws_text(number)}
    found = dict(_text_of(_by_pypdf, data, options.passwords) or ()) if drawn else {}
    for index, (number, _) in enumerate(pages):
        if number in drawn and found.get(number, "").strip():
            pages[index] = (number, found[number])
    return any(number in drawn and found.get(number, "").strip() for number, _ in pages)


def _text_of(read: Engine, data: bytes, passwords: Sequence[str]) -> Pages | None:
    try:
        with panics_as_errors("reading it"):
            pages, _ = read(data, passwords)
    except DocumentError:
        return None
    return pages if any(text.strip() for _, text in pages) else None


def _final(data: bytes, error: DocumentError, tried: int) -> DocumentError:
    """Return the error for a file that neither engine can read."""
    if "password" in error.message:
        return protected(tried)
    if b"stream" not in data and _PAGE.search(data):
        return EmptyDocumentError("it is damaged, and its pages are empty")
    return error


def _by_pdfium(
    file: PdfFile | None, data: bytes, passwords: Sequence[str]
) -> tuple[Pages, dict[str, Any]]:
    if file is not None and file.pages:
        return list(file.texts()), dict(file.metadata())
    if file is None and b"/Encrypt" in data:
        raise protected(len(passwords))
    raise DocumentError("it can't be read: PDFium finds no pages in it")


def _by_kreuzberg(data: bytes, passwords: Sequence[str]) -> tuple[Pages, dict[str, Any]]:
    import kreuzberg

    result = extract(
        data,
        "application/pdf",
        output_format="plain",
        pages=kreuzberg.PageConfig(extract_pages=True),
        pdf_options=kreuzberg.PdfConfig(passwords=list(passwords)),
    )
    pages = [(page["page_number"], page["content"]) for page in result.pages or ()]
    if not pages and result.content.strip():
        raise DocumentError("it can't be read page by page")
    return pages, metadata_of(result)


def _by_pypdf(data: bytes, passwords: Sequence[str]) -> tuple[Pages, dict[str, Any]]:
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not any(map(reader.decrypt, passwords or ("",))):
            raise protected(len(passwords))
        pages = [(number, page.extract_text()) for number, page in enumerate(reader.pages, 1)]
        metadata = _metadata(reader.metadata) if reader.metadata else {}
    except DocumentError:
        raise
    except pypdf.errors.FileNotDecryptedError as error:
        raise protected(len(passwords)) from error
    except Exception as error:  # pypdf raises whatever a malformed file leads it to
        reason = " ".join(str(error).split())[:200]
        raise DocumentError(f"it can't be read: {reason}") from error
    return pages, metadata


def _metadata(found: Any) -> dict[str, Any]:
    metadata = {}
    for name, ours in (("title", "title"), ("author", "author"), ("creation_date", "created")):
        try:
            value = getattr(found, name)
        except Exception:  # noqa: BLE001, S112  a malformed date
            continue
        text = clean(value.isoformat() if hasattr(value, "isoformat") else str(value or "")).strip()
        if text:
            metadata[ours] = text
    return metadata


def _recognise(pages: Pages, file: PdfFile, mode: str) -> bool:
    """Read pages by OCR, in place; return whether any was read."""
    if mode == "off" or not ocr.can_read():
        return False
    done = False
    for index, (number, text) in enumerate(pages):
        if mode == "auto" and text.strip():
            continue
        image = file.image(number)
        found = ocr.recognised(image) if image is not None else ""
        if found.strip():
            pages[index] = (number, clean(found))
            done = True
    return done


def _add_notes(pages: Pages, file: PdfFile) -> None:
    notes: dict[int, list[str]] = defaultdict(list)
    for number, text in file.notes():
        notes[number].append(text)
    for index, (number, text) in enumerate(pages):
        if number in notes:
            pages[index] = (number, "\n\n".join([text.rstrip(), *notes[number]]))


def _about_blank_pages(spans: Sequence[PageSpan], mode: str) -> tuple[str, ...]:
    """Return a warning for pages without text.

    Raises
    ------
    EmptyDocumentError
        No page has any.
    """
    blank = sum(span.char_start == span.char_end for span in spans)
    tried = mode != "off" and ocr.can_read()
    if blank == len(spans):
        count = f"{len(spans)} page{'s' * (len(spans) != 1)}"
        if tried:
            raise EmptyDocumentError(f"no text layer ({count}), and OCR finds no text")
        hint = ocr.OFF_HINT if mode == "off" else ocr.install_hint()
        reason = "OCR is off" if mode == "off" else "reading it takes OCR"
        raise EmptyDocumentError(
            f"no text layer ({count}): it may be scanned, and {reason}", hint=hint
        )
    if blank * 4 >= len(spans) and not tried:
        return (f"{blank} of {len(spans)} pages hold no text; they may need OCR",)
    return ()


def _is_partly_locked(data: bytes, passwords: Sequence[str]) -> bool:
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        return reader.is_encrypted and not any(map(reader.decrypt, ("", *passwords)))
    except pypdf.errors.FileNotDecryptedError:
        return True
    except Exception:  # noqa: BLE001  pypdf raises whatever a malformed file leads it to
        return False


# Columns, by the places of words on a page: its text does not show them.
#
# Most programs draw one column after the other, and PDFium gives text in the order in which it is
# drawn. Some draw line by line, across the columns; so a few pages are looked at, and all of them
# only where one of these is drawn so.

_SAMPLE = 2
_FEWEST_LINES = 6


def correct_columns(pages: list[tuple[int, str]], file: PdfFile) -> None:
    """Change, in place, the text of pages that are drawn across columns."""
    full = [number for number, text in pages if text.count("\n") + 1 >= _FEWEST_LINES]
    columns = _columns(full[:_SAMPLE], file)
    if columns:
        columns |= _columns(full[_SAMPLE:], file)
    for index, (number, _) in enumerate(pages):
        if number in columns:
            pages[index] = (number, columns[number])


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


def with_attachments(
    document: Document, attachments: Sequence[tuple[str, bytes]], source: Source
) -> Loaded:
    """Return a PDF's own text and the files attached to it, by name and bytes."""
    files = [Attachment(name, data) for name, data in attachments]
    try:
        members = Members(source)
    except DocumentError as error:  # the file itself may lie that deep, what is in it may not
        problems = [
            FileProblem(safe_name(file.name), FileStatus.FAILED, error.message) for file in files
        ]
        return Loaded((document,), tuple(problems), document.metadata)
    members.own(document)
    try:
        members.budget.take_bytes(sum(len(file.data) for file in files))
    except BudgetError as error:
        members.fail("", error)
    else:
        read_attachments(files, members)
    return members.loaded(document.metadata)
