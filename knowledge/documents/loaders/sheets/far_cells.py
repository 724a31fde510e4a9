"""Sheets whose cells lie far apart, drawn together before they are read.

What reads a sheet makes a table of all the cells between the first and the last, and one cell at
XFD1048576 makes that 17 billion. So where such a table would be too large, empty rows and columns
between the cells are taken out of the sheet's XML first: the cells' texts and order stay.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from knowledge.documents.loaders.office.xml_package import Package
from knowledge.errors import DocumentError

MAX_CELLS = 20_000_000
"""Cells of the rectangle that a sheet's cells span; a reader that fills it needs 32 bytes each."""

_TAG = re.compile(rb"<((?:\w+:)?)(row|c)\b([^>]*)>")
_PLACE = re.compile(rb'\br="([A-Z]{0,3})(\d{0,7})"')
_NUMBER = re.compile(rb'\br="[A-Z]{0,3}(\d{4,7})"')
"""A number that the sheet's last row may have where its cells span too much."""
_DIMENSION = re.compile(rb"<(?:\w+:)?dimension\b[^>]*>")
_ODS_TAG = re.compile(
    rb"<(?:\w+:)?(table|table-row|table-cell|covered-table-cell)(?=[\s/>])([^>]*)>"
)
_ROW = re.compile(rb"<(?:\w++:)?+table-row(?=[\s/>])")
_EMPTY_END = re.compile(
    rb"<[^<>]*/>\s*</(?:\w+:)?table-row>(?:\s*<(?!(?:\w+:)?table-row\b)[^<>]*>)*\s*\Z"
)
_REPEATED = re.compile(rb'(number-(?:rows|columns)-repeated=")(\d+)"')


def drawn_together(package: Package) -> bytes | None:
    """Return a workbook without the empty space in it; ``None`` where it can be read as it is.

    Raises
    ------
    DocumentError
        Its cells lie too far apart even so.
    """
    if "content.xml" in package:
        changed = _ods(package)
    else:
        sheets = (n for n in package.names() if re.fullmatch(r"xl/worksheets/[^/]*\.xml", n))
        found = ((name, _xlsx(package.read(name) or b"")) for name in sheets)
        changed = {name: data for name, data in found if data is not None}
    return packed(package, changed) if changed else None


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell of an XLSX sheet that holds something, by its start tag; counted from 1."""

    tag: re.Match[bytes]
    row: int
    column: int


def _xlsx(sheet: bytes) -> bytes | None:
    cells = list(_cells(sheet)) if _may_be_wide(sheet) else []
    if _area((cell.row, cell.column) for cell in cells) <= MAX_CELLS:
        return None
    rows = _closer({cell.row for cell in cells})
    columns = _closer({cell.column for cell in cells})
    places = [(rows[cell.row], columns[cell.column]) for cell in cells]
    if _area(places) > MAX_CELLS:  # such as a diagonal: each row begins at its first cell
        places = list(_packed_rows(row for row, _ in places))
    _check(_area(places))
    parts, end = [], 0
    for cell, (row, column) in zip(cells, places, strict=True):
        tag = cell.tag
        others = _PLACE.sub(b"", tag[3])
        parts += [sheet[end : tag.start()]]
        parts += [b'<%sc r="%s%d"%s>' % (tag[1], _letters(column), row, others)]
        end = tag.end()
    return _DIMENSION.sub(b"", b"".join([*parts, sheet[end:]]))


def _may_be_wide(sheet: bytes) -> bool:
    """Tell whether the cells can span too much: 16,384 columns are the most there are."""
    last = max(map(int, set(_NUMBER.findall(sheet))), default=0)
    return last * 16_384 > MAX_CELLS


def _cells(sheet: bytes) -> Iterator[_Cell]:
    row = column = 0
    for tag in _TAG.finditer(sheet):
        place = _PLACE.search(tag[3])
        if tag[2] == b"row":
            row, column = int(place[2] or 0) if place else row + 1, 0
            continue
        column += 1
        if place and place[1] and place[2]:
            row, column = int(place[2]), _column(place[1])
        if not tag[3].endswith(b"/"):
            yield _Cell(tag, row, column)


def _closer(numbers: Iterable[int]) -> dict[int, int]:
    """Return new numbers for those of rows or columns, with one left out where some were."""
    found: dict[int, int] = {}
    before = new = 0
    for number in sorted(numbers):
        new += min(number - before, 2)
        found[number] = new
        before = number
    return found


def _packed_rows(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
    widths: dict[int, int] = {}
    for row in rows:
        widths[row] = widths.get(row, 0) + 1
        yield row, widths[row]


def _area(places: Iterable[tuple[int, int]]) -> int:
    rows = columns = 0
    for row, column in places:
        rows, columns = max(rows, row), max(columns, column)
    return rows * columns


def _ods(package: Package) -> dict[str, bytes]:
    content = package.read("content.xml") or b""
    if _bound(content) <= MAX_CELLS or _ods_area(content, lambda times: times) <= MAX_CELLS:
        return {}
    _check(_ods_area(content, _fewer))
    return {
        "content.xml": _REPEATED.sub(
            lambda found: b'%s%d"' % (found[1], _fewer(int(found[2]))), content
        )
    }


def _bound(content: bytes) -> int:
    """Return a number that the cells of the largest table do not exceed, soon found."""
    rows = below = widest = 0
    for row in _ROW.split(content)[1:]:
        width, height = row.count(b"-cell"), 1
        if b"-repeated" in row:
            row = _EMPTY_END.sub(b"", row)  # what fills a row up to the sheet's width
            times = [int(number) for _, number in _REPEATED.findall(row)]
            width, height = row.count(b"-cell") + sum(times), 1 + max(times, default=0)
            if b"-cell" not in row:  # counts where something follows
                below += height
                continue
        rows, below, widest = rows + below + height, 0, max(widest, width)
    return rows * widest


def _fewer(times: int) -> int:
    return min(times, 2)


def _ods_area(content: bytes, counted: Callable[[int], int]) -> int:
    """Return the cells of the largest table, each row and cell repeated as often as ``counted``."""
    largest = last = widest = row = column = times = 0
    for tag in _ODS_TAG.finditer(content):
        repeated = _REPEATED.search(tag[2]) if b"-repeated" in tag[2] else None
        number = counted(int(repeated[2]) if repeated and len(repeated[2]) < 9 else 1)
        if tag[1] == b"table":
            row = column = times = last = widest = 0
        elif tag[1] == b"table-row":
            row, column, times = row + times, 0, number
        else:
            column += number
            if not tag[2].endswith(b"/") or b"value=" in tag[2]:
                last, widest = row + times, max(widest, column)
                largest = max(largest, last * widest)
    return largest


def _check(area: int) -> None:
    if area > MAX_CELLS:
        raise DocumentError("it can't be read: its cells lie too far apart")


def packed(package: Package, changed: dict[str, bytes]) -> bytes:
    """Return the package with some parts replaced."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member in package.members:
            key = member.filename.replace("\\", "/").lstrip("/").lower()
            data = changed.get(key) or package.read(member.filename)
            if data is not None:
                archive.writestr(member.filename, data)
    return output.getvalue()


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _letters(column: int) -> bytes:
    letters = b""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = bytes([65 + rest]) + letters
    return letters
