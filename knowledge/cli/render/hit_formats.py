"""Hits as JSON Lines, Markdown, XML, CSV or a list of files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

from knowledge.cli.render.json_output import json_text
from knowledge.cli.render.summary import one_line
from knowledge.model import Hit
from knowledge.records.nouns import hit_record
from knowledge.text.escaping import cleaned, flat

_COLUMNS = (
    "rank",
    "score",
    "relevance",
    "cosine",
    "dataset",
    "file",
    "citation",
    "heading",
    "text",
)


def as_json_lines(hits: Sequence[Hit]) -> Iterator[str]:
    """Yield one object a line, as in ``hits`` of ``knowledge.retrieve/1``."""
    for hit in hits:
        yield json_text(hit_record(hit)) + "\n"


def as_markdown(hits: Sequence[Hit]) -> Iterator[str]:
    """Yield quotations, each below its citation."""
    for hit in hits:
        heading = flat(" > ".join(hit.passage.heading))
        yield f"**[{hit.rank}]** `{one_line(hit.citation)}`{' — ' + heading if heading else ''}\n\n"
        quoted = "\n".join(f"> {line}".rstrip() for line in hit.text.strip("\n").split("\n"))
        yield quoted + "\n\n"


def as_xml(hits: Sequence[Hit]) -> Iterator[str]:
    """Yield documents in the shape that prompts of language models use.

    XML has no way to hold control characters: they are cleaned here, as on all ways to a reader.
    """
    from html import escape

    yield "<documents>\n"
    for hit in hits:
        heading = " > ".join(hit.passage.heading)
        yield f'<document index="{hit.rank}" source={_attribute(hit.citation)}'
        yield "" if hit.relevance is None else f' relevance="{hit.relevance:.2f}"'
        yield f" heading={_attribute(heading)}>\n" if heading else ">\n"
        yield escape(cleaned(hit.text.strip("\n")), quote=False) + "\n</document>\n"
    yield "</documents>\n"


def as_files(hits: Sequence[Hit]) -> Iterator[str]:
    """Yield each file once, best first."""
    for file in dict.fromkeys(hit.file for hit in hits):
        yield one_line(file) + "\n"


def as_csv(hits: Sequence[Hit]) -> Iterator[str]:
    """Yield a table with a header."""
    import csv

    for row in [_COLUMNS, *map(_row, hits)]:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        yield line.getvalue()


FORMATS: dict[str, Callable[[Sequence[Hit]], Iterator[str]]] = {
    "jsonl": as_json_lines,
    "markdown": as_markdown,
    "xml": as_xml,
    "files": as_files,
    "csv": as_csv,
}


def _row(hit: Hit) -> tuple[object, ...]:
    return (
        hit.rank,
        round(hit.score, 6),
        "" if hit.relevance is None else hit.relevance,
        "" if hit.cosine is None else round(hit.cosine, 6),
        hit.dataset,
        hit.file,
        hit.citation,
        " > ".join(hit.passage.heading),
        hit.text.strip("\n"),
    )


def _attribute(text: str) -> str:
    from html import escape

    return f'"{escape(flat(text))}"'
