"""Which cells of a workbook are shown as percentages; what reads the values does not tell."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from knowledge.documents.loaders.office.xml_package import (
    Package,
    attribute,
    local_name,
    main_part,
    reference,
)
from knowledge.errors import DocumentError

Decimals = Mapping[tuple[int, int], int]
"""Digits after the point by row and column, counted from 0."""

_BUILT_IN = {9: "0%", 10: "0.00%"}
_ASIDE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
"""Text, spaces, fillings, colours and conditions in a number format."""
_PERCENT = re.compile(r"^[^.;]*(?:\.([0#?]*))?[^.;]*%")
_CELL = re.compile(rb"<(?:\w+:)?c\s([^>]*)>")
_PLACE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_STYLE = re.compile(rb'\bs="(\d{1,6})"')
_IN_ODS = b'value-type="percentage"'
_DIGITS = re.compile(r"\d[.,](\d+)\s*%")
_MOST_REPEATED = 10_000


def shown(value: float, decimals: int) -> str:
    """Return a percentage as its cell shows it."""
    return f"{100 * value:.{decimals}f}%"


def decimals_of(format_: str) -> int | None:
    """Return the digits after the point of a format such as ``0.0%``; ``None`` for others."""
    match = _PERCENT.match(_ASIDE.sub("", format_))
    return min(len(match[1] or ""), 15) if match else None


class Percentages:
    """The percentages of an XLSX workbook or an OpenDocument one, by sheet."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._styles = dict(_styles(package))
        self._parts = dict(_parts(package)) if self._styles else {}
        content = package.read("content.xml") or b""
        self._ods = dict(_of_ods(content)) if _IN_ODS in content else {}

    def of(self, sheet: str) -> Decimals:
        """Return those of a sheet."""
        if sheet in self._parts:
            return dict(self._cells(self._package.read(self._parts[sheet]) or b""))
        return self._ods.get(sheet, {})

    def _cells(self, data: bytes) -> Iterator[tuple[tuple[int, int], int]]:
        for cell in _CELL.finditer(data):
            style, place = _STYLE.search(cell[1]), _PLACE.search(cell[1])
            decimals = self._styles.get(int(style[1])) if style else None
            if decimals is not None and place:
                yield (int(place[2]) - 1, _column(place[1])), decimals


def of_xls(book: Any, data: bytes) -> list[Decimals]:
    """Return the percentages of each sheet of a workbook of Excel 97; empty where there are none.

    Parameters
    ----------
    book:
        The open workbook, which knows the styles, but not which cells have them.
    """
    import xlrd

    if not any(_xls_styles(book)):
        return []
    with xlrd.open_workbook(
        file_contents=data, logfile=io.StringIO(), formatting_info=True, ragged_rows=True
    ) as book:
        styles = dict(_xls_styles(book))
        return [
            {
                (row, column): styles[sheet.cell_xf_index(row, column)]
                for row in range(sheet.nrows)
                for column in range(sheet.row_len(row))
                if sheet.cell_xf_index(row, column) in styles
            }
            for sheet in book.sheets()
        ]


def _xls_styles(book: Any) -> Iterator[tuple[int, int]]:
    for number, style in enumerate(book.xf_list):
        format_ = book.format_map.get(style.format_key)
        decimals = decimals_of(format_.format_str) if format_ else None
        if decimals is not None:
            yield number, decimals


def _styles(package: Package) -> Iterator[tuple[int, int]]:
    """Yield (number of the style, digits after the point) of styles that show percentages."""
    root = package.tree("xl/styles.xml")
    if root is None:
        return
    formats = {
        e.get("numFmtId", ""): e.get("formatCode", "")
        for e in root.iter()
        if local_name(e) == "numFmt"
    }
    used = next((e for e in root.iter() if local_name(e) == "cellXfs"), ())
    for number, style in enumerate(e for e in used if local_name(e) == "xf"):
        key = style.get("numFmtId", "")
        built_in = _BUILT_IN.get(int(key), "") if key.isdigit() else ""
        decimals = decimals_of(formats.get(key, built_in))
        if decimals is not None:
            yield number, decimals


def _parts(package: Package) -> Iterator[tuple[str, str]]:
    """Yield name and part of each sheet of an XLSX workbook."""
    try:
        main = main_part(package, "xl/workbook.xml")
    except DocumentError:
        return
    root, relations = package.tree(main), package.relations(main)
    for element in root.iter() if root is not None else ():
        relation = relations.get(reference(element)) if local_name(element) == "sheet" else None
        if relation is not None and not relation.external:
            yield str(element.get("name", "")), relation.target


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _of_ods(content: bytes) -> Iterator[tuple[str, Decimals]]:
    from lxml import etree

    rows, found = 0, dict[tuple[int, int], int]()
    steps = etree.iterparse(
        io.BytesIO(content), events=("start", "end"), recover=True, resolve_entities=False
    )
    for event, element in steps:
        name = local_name(element)
        if name == "table" and event == "start":
            rows, found = 0, {}
        elif name == "table":
            yield attribute(element, "name"), found
        elif name == "table-row" and event == "end":
            times = _repeated(element, "rows")
            for column, decimals in _of_row(element):
                for row in range(rows, rows + min(times, _MOST_REPEATED)):
                    found[row, column] = decimals
            rows += times
            element.clear()


def _of_row(row: Any) -> Iterator[tuple[int, int]]:
    column = 0
    for cell in row:
        times = _repeated(cell, "columns")
        if attribute(cell, "value-type") == "percentage":
            digits = _DIGITS.search("".join(cell.itertext()))
            for number in range(column, column + min(times, _MOST_REPEATED)):
                yield number, len(digits[1]) if digits else 0
        column += times


def _repeated(element: Any, what: str) -> int:
    times = attribute(element, f"number-{what}-repeated")
    return int(times) if times.isdigit() and len(times) < 9 else 1
