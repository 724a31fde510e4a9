"""docs/formats.md says in a table what each format keeps, and each cell of it is true."""

import re
from pathlib import Path

import pytest

from knowledge.documents.formats import FORMATS
from knowledge.documents.loading import load
from tests.documents.kept import office, web

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
SAMPLES = {**office.SAMPLES, **web.SAMPLES}


def table():
    """The cells of the table by (format, column)."""
    section = PAGE.read_text(encoding="utf-8").partition("## What is kept\n")[2]
    lines = re.findall(r"^\| (.*) \|$", section.partition("\n## ")[0], re.MULTILINE)
    header, *rows = (line.split(" | ") for line in lines)
    return {
        (row[0], column): cell
        for row in rows
        for column, cell in zip(header[1:], row[1:], strict=True)
    }


CELLS = table()


def test_rows_are_formats_and_each_cell_has_a_sample():
    assert {title for title, _ in CELLS} <= {row.title for row in FORMATS}
    assert set(CELLS.values()) <= {"yes", "no", "–"}
    assert set(SAMPLES) == {place for place, cell in CELLS.items() if cell != "–"}


@pytest.mark.parametrize("place", sorted(SAMPLES), ids=" ".join)
def test_a_format_keeps_what_the_table_says(place):
    sample = SAMPLES[place]
    text = "\n".join(document.text for document in load(sample.data, sample.name).documents)
    missing = [shown for shown in sample.shown if shown not in text]
    assert bool(missing) == (CELLS[place] == "no"), f"missing {missing} in {text!r}"
