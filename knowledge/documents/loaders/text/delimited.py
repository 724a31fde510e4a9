"""CSV and TSV: as they are; the splitter keeps their records whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from knowledge.documents.encodings import decode
from knowledge.documents.loading import Source
from knowledge.documents.options import RowOptions
from knowledge.documents.splitting.rows import SAMPLE_ROWS, header_of, sniff_delimiter
from knowledge.errors import DocumentError
from knowledge.model import Document, TextKind


def load(source: Source) -> Document:
    """Read a table of records; its lines are the file's."""
    text, warnings = decode(source.data)
    has_lines = True
    if source.options.rows is not None:
        lines = text.rstrip("\n").count("\n") + 1
        text = _chosen(text, source.options.rows)
        has_lines = text.count("\n") == lines
    return Document(text, TextKind.ROWS, has_lines=has_lines, loader="rows", warnings=warnings)


def _chosen(text: str, options: RowOptions) -> str:
    """Return the columns that are wanted, with commas between.

    Raises
    ------
    DocumentError
        There is no such column, or it can't be read with the separator.
    """
    separator = options.separator or sniff_delimiter(text)
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error as error:
        raise DocumentError(
            f"it can't be read with the separator {separator!r}: {error}"
        ) from error
    if not options.columns:
        return csv_lines(rows)
    filled = [at for at, row in enumerate(rows[:SAMPLE_ROWS]) if any(row)]
    top = filled[header_of([rows[at] for at in filled])] if filled else 0
    header = rows[top] if filled else []
    unknown = [name for name in options.columns if name not in header]
    if unknown:
        raise DocumentError(f"it has no column {unknown[0]!r}", hint=f"It has {', '.join(header)}")
    places = [header.index(name) for name in options.columns]
    chosen = ([row[at] if at < len(row) else "" for at in places] for row in rows[top:])
    return "\n" * top + csv_lines(chosen)


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
