"""The full-text index: an FTS5 table of terms, which retrieval reads as lists of chunks.

FTS5 keeps, for each term, the chunks that hold it. What a term is, is decided in
:mod:`knowledge.storage.terms`, since FTS5's own tokenizers know one language and neither
identifiers nor scripts without spaces. Scores are computed where questions are answered: FTS5's own
``bm25()`` counts all datasets as one collection, and the rows of unpublished generations too, and
takes some ten times as long.

A term in the table is ``<dataset>~<term>``, so that a search reads its own datasets' lists alone.

Terms are not stored a second time: the table's content is a view that makes them of the chunk's
text again, where a row is deleted or the table is checked.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from knowledge.storage.local.catalog.database import add_function
from knowledge.storage.terms import terms_of

REBUILD = "INSERT INTO chunks_fts (chunks_fts) VALUES ('rebuild')"
"""SQL: makes the whole index anew of the chunks."""


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the function that makes the terms of a chunk's row."""
    add_function(connection, "fulltext_terms", 4, _terms)


def rows_with(
    connection: sqlite3.Connection, dataset: int, term: str, count: int = 1
) -> str | None:
    """Return the rows of a dataset's chunks that hold a term, as one text with commas.

    Parameters
    ----------
    count:
        One of ``terms.COUNTS``: how often they must hold it at least.
    """
    wanted = f"{dataset}~{term}" if count == 1 else f"{dataset}~{term}={count}"
    found: str | None = (
        _cursor(connection)
        .execute(
            "SELECT group_concat(rowid) FROM chunks_fts WHERE chunks_fts MATCH ?",
            (_quoted(wanted),),
        )
        .fetchone()[0]
    )
    return found


def languages(connection: sqlite3.Connection, dataset: int) -> list[str]:
    """Return the languages of a dataset's texts, English first."""
    from knowledge.text.languages import DEFAULT, KNOWN

    return [
        DEFAULT,
        *(name for name in KNOWN if name != DEFAULT and _marked(connection, dataset, name)),
    ]


def _marked(connection: sqlite3.Connection, dataset: int, language: str) -> bool:
    found = _cursor(connection).execute(
        "SELECT rowid FROM chunks_fts WHERE chunks_fts MATCH ? LIMIT 1",
        (_quoted(f"{dataset}~={language}"),),
    )
    return found.fetchone() is not None


def _quoted(term: str) -> str:
    """Return a term as FTS5 takes it for a string, in which nothing has a meaning."""
    return '"' + term.replace('"', '""') + '"'


def _cursor(connection: sqlite3.Connection) -> sqlite3.Cursor:
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor


def in_dataset(dataset: int, terms: str) -> str:
    """Return terms as the table holds them."""
    return f"{dataset}~" + terms.replace(" ", f" {dataset}~") if terms else ""


def _terms(dataset: int, language: Any, heading: Any, text: Any) -> str:
    """Return what the table holds for a row; of a damaged one, what can be read."""
    try:
        headings = [str(one) for one in json.loads(heading)]
    except (ValueError, TypeError):
        headings = []
    return in_dataset(
        dataset,
        terms_of(
            language if isinstance(language, str) else None,
            headings,
            text if isinstance(text, str) else "",
        ),
    )
