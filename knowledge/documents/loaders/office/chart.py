"""Charts of office files (DrawingML) to Markdown: the titles and the numbers they keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from knowledge.documents.loaders.office.xml_package import local_name
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.text.cleaning import clean

_MOST_ROWS = 1_000


def chart_blocks(root: Any) -> Iterator[str]:
    """Yield the chart's title, and a table with a row for each category."""
    series = [element for element in root.iter() if local_name(element) == "ser"]
    for element in root.iter():
        if local_name(element) == "title":
            title = "".join(e.text or "" for e in element.iter() if local_name(e) == "t")
            if title.strip():
                yield clean(title).strip()
    yield markdown.table(_rows(series))


def _rows(series: list[Any]) -> list[list[str]]:
    names = [" ".join(_points(one, "tx").values()) for one in series]
    categories: dict[int, str] = {}
    for one in series:
        categories |= _points(one, "cat") or _points(one, "xVal")
    columns = [_points(one, "val") or _points(one, "yVal") for one in series]
    numbers = sorted(set(categories).union(*columns))[:_MOST_ROWS]
    rows = [
        [categories.get(number, ""), *(column.get(number, "") for column in columns)]
        for number in numbers
    ]
    return [["", *names], *rows]


def _points(series: Any, name: str) -> dict[int, str]:
    """Return the points of one part of a series: the values that the file keeps, by number."""
    points: dict[int, str] = {}
    for part in series:
        if local_name(part) != name:
            continue
        for point in part.iter():
            number = str(point.get("idx", "")) if local_name(point) == "pt" else ""
            if number.isdigit() and len(number) < 7:
                text = "".join(e.text or "" for e in point if local_name(e) == "v")
                points.setdefault(int(number), clean(text).strip())
    return points
