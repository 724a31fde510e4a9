"""The table of docs/formats.md, made from the formats' rows.

Run ``python -m tests.docs.formats_page`` after a row has changed: it writes the table.
"""

from __future__ import annotations

import re
from pathlib import Path

from knowledge.documents.format_row import Format
from knowledge.documents.formats import FORMATS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
MOST_EXTENSIONS = 20
HEADER = "| format | extensions | engine | a citation names | lost |\n|---|---|---|---|---|\n"
_TABLE = re.compile(rf"{re.escape(HEADER)}(?:\|.*\n)*")


def page() -> str:
    """Return docs/formats.md with the table that the rows give."""
    table = HEADER + "".join(map(_row, FORMATS))
    return _TABLE.sub(lambda _: table, PAGE.read_text(encoding="utf-8"), count=1)


def _row(row: Format) -> str:
    extensions = row.extensions.split()
    more = " …" if len(extensions) > MOST_EXTENSIONS else ""
    listed = " ".join(extensions[:MOST_EXTENSIONS]) + more
    engine = f"{row.engine}, with the extra `{row.extra}`" if row.extra else row.engine
    cells = row.title, listed or "json of the shape below", engine, row.cites, row.lost
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
