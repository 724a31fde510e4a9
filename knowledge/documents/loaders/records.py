"""Sheets as delimited text, and how large a table a sheet would fill."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from knowledge.documents.loaders.package import Package

MAX_CELLS = 20_000_000
"""Cells of the rectangle that a sheet's cells span; a reader that fills it needs 32 bytes each."""

_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]{0,300}?\br=\"(\d{1,9})\"")
_CELL = re.compile(rb"<(?:\w+:)?c\b[^>]{0,300}?\br=\"([A-Z]{1,3})\d{1,9}\"")
_MOST_COLUMNS = 16_384


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as comma-separated lines, empty cells at their ends left out."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    for row in rows:
        end = len(row)
        while end and not row[end - 1]:
            end -= 1
        writer.writerow(row[:end])
    return output.getvalue()


def area(package: Package) -> int:
    """Return the cells of the largest rectangle that the cells of an XLSX sheet span."""
    largest = 0
    for name in package.names():
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            sheet = package.read(name) or b""
            rows = max((int(match[1]) for match in _ROW.finditer(sheet)), default=0)
            if rows * _MOST_COLUMNS > MAX_CELLS:
                columns = max((_column(match[1]) for match in _CELL.finditer(sheet)), default=0)
                largest = max(largest, rows * columns)
    return largest


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
