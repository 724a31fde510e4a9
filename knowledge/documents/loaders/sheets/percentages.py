"""Numbers that are shown as percentages; what reads their values does not tell."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

Decimals = Mapping[tuple[int, int], int]
"""Digits after the point by row and column, counted from 0."""

BUILT_IN = {9: "0%", 10: "0.00%"}
"""Formats that have a number and no text."""
_ASIDE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
"""Text, spaces, fillings, colours and conditions in a number format."""
_PERCENT = re.compile(r"^[^.;]*(?:\.([0#?]*))?[^.;]*%")


def shown(value: float, decimals: int) -> str:
    """Return a percentage as its cell shows it."""
    return f"{100 * value:.{decimals}f}%"


def decimals_of(format_: str) -> int | None:
    """Return the digits after the point of a format such as ``0.0%``; ``None`` for others."""
    match = _PERCENT.match(_ASIDE.sub("", format_))
    return min(len(match[1] or ""), 15) if match else None


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
