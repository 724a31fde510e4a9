"""Sheets as delimited text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


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
