"""Workbooks to one table of records for each sheet: XLSX, XLSB and ODS by calamine, XLS by xlrd.

Each line of text is a row of the sheet, so that rows can be cited. What stands beside the cells of
a workbook (comments, text boxes, charts) becomes a text of its own for each sheet.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from knowledge.documents.loaders.office.chart import chart_blocks
from knowledge.documents.loaders.office.odf_protection import unlocked
from knowledge.documents.loaders.office.presentation import paragraphs
from knowledge.documents.loaders.office.protection import OLE, protected, unlock
from knowledge.documents.loaders.office.xml_package import (
    Package,
    core_properties,
    local_name,
    main_part,
    parse_xml,
    properties,
    reference,
)
from knowledge.documents.loaders.sheets import percentages
from knowledge.documents.loaders.sheets.excel97_cells import Excel97Cells
from knowledge.documents.loaders.sheets.far_cells import drawn_together, packed
from knowledge.documents.loaders.sheets.ooxml_cells import STRINGS, OoxmlCells, marked_strings
from knowledge.documents.loaders.sheets.opendocument_cells import OpenDocumentCells
from knowledge.documents.loaders.sheets.overlay import Overlay
from knowledge.documents.loaders.sheets.percentages import Decimals
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.documents.loaders.text.delimited import csv_lines
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.panics import panics_as_errors
from knowledge.errors import DocumentError
from knowledge.model import Document, PageSpan, PageUnit, TextKind
from knowledge.text.cleaning import clean

_TEXT_NAMESPACE = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_FAR_APART = ("its cells lie too far apart to cite their rows: empty ones are left out",)


def load(source: Source) -> Loaded:
    """Read a workbook: a document for each sheet that holds anything, hidden ones included.

    Raises
    ------
    DocumentError
        It can't be read, or is protected by a password.
    """
    data = unlock(source.data, source.options)
    if source.format == "ods" and not data.startswith((b"PK", OLE)):
        data = _packed_flat(data)
    if data.startswith(b"PK"):
        data = unlocked(data, source.options)
    if not data.startswith(b"PK"):
        with panics_as_errors("reading it"):
            return _loaded(list(_by_xlrd(data)), {}, [])
    package = Package(data)
    metadata = _metadata(package)
    beside = list(beside_the_cells(package))
    strings = marked_strings(package)
    if strings is not None:
        package = Package(packed(package, {STRINGS: strings}))
    together = drawn_together(package)
    with panics_as_errors("reading it"):
        if together is None:
            return _loaded(list(_by_calamine(package)), metadata, beside)
        sheets = list(_by_calamine(Package(together), drawn=True))
    loaded = _loaded(sheets, metadata, beside)
    rows = [
        replace(one, has_lines=False, warnings=(*one.warnings, *_FAR_APART))
        if one.kind is TextKind.ROWS
        else one
        for one in loaded.documents
    ]
    return replace(loaded, documents=tuple(rows))


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A sheet: its name, the number of its first row, its cells, and what else is known of it."""

    name: str
    first: int
    rows: list[list[str]]
    loader: str
    warnings: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()


def _loaded(sheets: list[_Sheet], metadata: dict[str, Any], beside: list[Document]) -> Loaded:
    documents = [_document(number, sheet) for number, sheet in enumerate(sheets, 1)]
    for number, sheet in enumerate(sheets, 1):
        if sheet.comments:
            beside.append(_beside(number, sheet.name, "\n\n".join(sheet.comments), sheet.loader))
    return Loaded((*documents, *beside), metadata={**metadata, "sheets": len(sheets)})


def _document(number: int, sheet: _Sheet) -> Document:
    text = csv_lines(sheet.rows)
    return Document(
        text,
        TextKind.ROWS,
        (PageSpan(number, 0, len(text), sheet.name),),
        PageUnit.SHEET,
        has_lines=True,
        first_line=sheet.first,
        heading=(sheet.name,),
        loader=sheet.loader,
        warnings=sheet.warnings,
    )


def _beside(number: int, name: str, text: str, loader: str) -> Document:
    """Return a text that stands beside the cells of a sheet."""
    return Document(
        text,
        TextKind.MARKDOWN,
        (PageSpan(number, 0, len(text), name),),
        PageUnit.SHEET,
        heading=(name,),
        loader=loader,
    )


def _by_calamine(package: Package, *, drawn: bool = False) -> Iterator[_Sheet]:
    """Read the sheets of a package.

    Parameters
    ----------
    drawn:
        Whether cells were drawn together, so that links and merged cells name other places.
    """
    import python_calamine

    ods = "content.xml" in package
    cells = OpenDocumentCells(package) if ods else OoxmlCells(package)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(package.data))
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            overlay = cells.of(name)
            overlay.merged += sheet.merged_cell_ranges or []
            if drawn:
                overlay.merged, overlay.links = [], {}
            top, left = sheet.start or (0, 0)
            table = _table(sheet.to_python(skip_empty_area=True), overlay.decimals, top, left)
            table, top, _ = overlay.applied(table, top, left)
            comments = tuple(map(clean, overlay.comments))
            yield _Sheet(clean(name), top + 1, table, "calamine", overlay.warnings(), comments)
    except python_calamine.PasswordError as error:
        raise protected() from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DocumentError(f"it can't be read: {reason}") from error


def _table(
    rows: Iterable[Iterable[Any]], shares: Decimals, top: int = 0, left: int = 0
) -> list[list[str]]:
    """Return the cells as texts."""
    if not shares:
        return [[_shown(cell) for cell in row] for row in rows]
    return [
        [_shown(cell, shares.get((y, x))) for x, cell in enumerate(row, left)]
        for y, row in enumerate(rows, top)
    ]


def _packed_flat(data: bytes) -> bytes:
    """Return a sheet that is a single XML file as the package that readers know.

    Raises
    ------
    DocumentError
        It is no OpenDocument file.
    """
    from lxml import etree

    root = parse_xml(data)
    if root is None or local_name(root) != "document":
        raise DocumentError("it can't be read: it is no OpenDocument file")
    for element in root.iter("{*}*"):  # the reader knows no white space between cells
        if not element.tag.startswith(_TEXT_NAMESPACE):
            for piece in (element, *element):
                name = "text" if piece is element else "tail"
                if not (getattr(piece, name) or "").strip():
                    setattr(piece, name, None)
    data = etree.tostring(root)
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", data)
        archive.writestr("meta.xml", data)
        archive.writestr("META-INF/manifest.xml", b"<manifest/>")
    return output.getvalue()


def _by_xlrd(data: bytes) -> Iterator[_Sheet]:
    """Read a workbook of Excel 2 to 2003; on damaged ones calamine takes gigabytes, and crashes."""

    try:
        stream = _stream(data)
        book, cells = _xlrd_book(stream)
        for sheet in book.sheets():
            overlay = _xlrd_overlay(cells, sheet)
            table = _table(_xlrd_rows(sheet, book.datemode), overlay.decimals)
            table, top, _ = overlay.applied(table, 0, 0)
            comments = tuple(map(clean, overlay.comments))
            yield _Sheet(clean(sheet.name), top + 1, table, "xlrd", comments=comments)
    except DocumentError:
        raise
    except Exception as error:  # xlrd raises whatever a malformed file leads it to
        reason = " ".join(str(error).split())[:200]
        if "encrypted" in reason.lower():
            raise protected() from error
        raise DocumentError(f"it can't be read: {reason}") from error


def _stream(data: bytes) -> bytes:
    """Return the stream with the workbook; oldest files are nothing but it."""
    if not data.startswith(OLE):
        return data
    import olefile

    with olefile.OleFileIO(io.BytesIO(data)) as file:
        for name in ("Workbook", "Book"):
            if file.exists(name):
                return bytes(file.openstream(name).read())
    raise DocumentError("it can't be read: it holds no workbook")


def _xlrd_book(stream: bytes) -> tuple[Any, Excel97Cells | None]:
    """Open a workbook with its formatting; without, where that is malformed."""
    import xlrd

    def opened(*, formatting: bool) -> Any:
        return xlrd.open_workbook(
            file_contents=stream,
            logfile=io.StringIO(),
            ragged_rows=True,
            formatting_info=formatting,
        )

    try:
        book = opened(formatting=True)
        return book, Excel97Cells(book)
    except Exception:  # noqa: BLE001  xlrd raises whatever a malformed style leads it to
        return opened(formatting=False), None  # the values can be read without


def _xlrd_overlay(cells: Excel97Cells | None, sheet: Any) -> Overlay:
    try:
        return cells.of(sheet) if cells else Overlay()
    except Exception:  # noqa: BLE001  as above
        return Overlay()


def _xlrd_rows(sheet: Any, datemode: int) -> list[list[Any]]:
    """Return the cells, without those at the ends of rows that have a style and no value."""
    import xlrd

    empty = (xlrd.XL_CELL_BLANK, xlrd.XL_CELL_EMPTY)
    rows: list[list[Any]] = []
    for cells in sheet.get_rows():
        while cells and cells[-1].ctype in empty:
            cells.pop()
        rows.append([_xlrd_cell(cell, datemode) for cell in cells])
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _xlrd_cell(cell: Any, datemode: int) -> Any:
    import xlrd

    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            found = xlrd.xldate_as_datetime(cell.value, datemode)
            return found.time() if 0 <= cell.value < 1 else found
        except (ValueError, OverflowError):
            return cell.value
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#ERROR"))
    return cell.value


def _shown(value: Any, decimals: int | None = None) -> str:
    """Return a cell as text; its own line breaks become spaces, so that a row is one line.

    Parameters
    ----------
    decimals:
        The digits after the point of a percentage; ``None`` for a cell that is none.
    """
    if isinstance(value, str):
        return " ".join(clean(value).split())
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if decimals is not None and isinstance(value, float | int):
        return percentages.shown(value, decimals)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.12g}"
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return " ".join(clean(str(value)).split())


def _metadata(package: Package) -> dict[str, Any]:
    root = package.tree("meta.xml")
    return dict(properties(root) if root is not None else core_properties(package))


# What stands beside the cells of an XLSX workbook: comments, text boxes and charts.

_CELL_COMMENTS = ("comment", "threadedComment")


def beside_the_cells(package: Package) -> Iterator[Document]:
    """Yield a document for each sheet that has comments, text boxes or charts."""
    if "xl/workbook.xml" not in package:
        return
    main = main_part(package, "xl/workbook.xml")
    relations = package.relations(main)
    root = package.tree(main)
    sheets = [] if root is None else [e for e in root.iter() if local_name(e) == "sheet"]
    for number, sheet in enumerate(sheets, 1):
        relation = relations.get(reference(sheet))
        if relation is None or relation.external:
            continue
        text = markdown.join(_blocks(package, relation.target))
        if text:
            yield _beside(number, clean(str(sheet.get("name", ""))), text, "xlsx")


def _blocks(package: Package, name: str) -> Iterator[str]:
    for relation in package.relations(name).values():
        root = None if relation.external else package.tree(relation.target)
        if root is None:
            continue
        if relation.kind in ("comments", "threadedComment"):
            yield from _comments(root)
        elif relation.kind == "drawing":
            yield from _drawing(package, relation.target, root)
        elif relation.kind == "vmlDrawing":
            yield from _checkboxes(root)


def _comments(root: Any) -> Iterator[str]:
    for element in root.iter():
        if local_name(element) in _CELL_COMMENTS:
            text = "".join(e.text or "" for e in element.iter() if local_name(e) in ("t", "text"))
            # Excel keeps an older copy of a thread's comments, which begins so.
            if text.strip() and not text.startswith("[Threaded comment]"):
                yield clean(f"Comment on {element.get('ref', '')}: {' '.join(text.split())}")


def _checkboxes(root: Any) -> Iterator[str]:
    """Yield the checkboxes of a sheet's controls with their state."""
    for shape in (e for e in root.iter() if local_name(e) == "shape"):
        control = next((e for e in shape if local_name(e) == "ClientData"), None)
        if control is not None and control.get("ObjectType") == "Checkbox":
            checked = any(local_name(e) == "Checked" and (e.text or "") == "1" for e in control)
            boxes = (e for e in shape if local_name(e) == "textbox")
            label = " ".join(" ".join("".join(box.itertext()) for box in boxes).split())
            yield clean(f"{'☑' if checked else '☐'} {label}").strip()


def _drawing(package: Package, name: str, root: Any) -> Iterator[str]:
    relations = package.relations(name)
    for element in root.iter():
        kind = local_name(element)
        if kind == "txBody":
            yield from paragraphs(element)
        elif kind == "chart":
            relation = relations.get(reference(element))
            chart = package.tree(relation.target) if relation and not relation.external else None
            if chart is not None:
                yield from chart_blocks(chart)
