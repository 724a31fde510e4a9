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
from knowledge.storage.relational.packing import unpacked
from knowledge.storage.terms import name_terms_of, terms_of

TABLES = ("chunks_fts", "files_fts")
"""The lists of the chunks' texts, and of the files' names and titles."""


def rebuild(connection: sqlite3.Connection) -> None:
    """Rebuild both indexes, of the chunks and of the files."""
    for table in TABLES:
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that make the terms of a chunk's and of a file's row.

    SQLite's own ``lower`` knows no letters but those of ASCII.
    """
    add_function(connection, "lower", 1, lambda text: str(text).lower())
    add_function(connection, "fulltext_terms", 4, _terms)
    add_function(connection, "name_terms", 4, _name_terms)


def files_named(connection: sqlite3.Connection, dataset: int, term: str) -> str | None:
    """Return the rows of a dataset's files whose name or title holds a term, with commas."""
    return _rows(connection, "files_fts", f"{dataset}~{term}")


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
    return _rows(connection, "chunks_fts", wanted)


def _rows(connection: sqlite3.Connection, table: str, term: str) -> str | None:
    found: str | None = (
        _cursor(connection)
        .execute(f"SELECT group_concat(rowid) FROM {table} WHERE {table} MATCH ?", (_quoted(term),))
        .fetchone()[0]
    )
    return found


def vocabulary(connection: sqlite3.Connection, dataset: int, least: int) -> list[str]:
    """Return the terms of a dataset's chunks that have at least so many characters, in order."""
    before = f"{dataset}~"
    _cursor(connection).execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.chunks_vocabulary "
        "USING fts5vocab (main, chunks_fts, row)"
    )
    found = _cursor(connection).execute(
        "SELECT group_concat(substr(term, ?), char(10)) FROM temp.chunks_vocabulary "
        "WHERE term >= ? AND term < ? AND length(term) >= ?",
        (len(before) + 1, before, f"{dataset}\x7f", len(before) + least),
    )
    return sorted((found.fetchone()[0] or "").split("\n"))


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
            text if isinstance(text := unpacked(text), str) else "",
        ),
    )


def _name_terms(dataset: int, name: Any, metadata: Any, given: Any) -> str:
    """Return what the table holds for a file's row; of a damaged one, what can be read."""
    title = _title(given) or _title(metadata)
    return in_dataset(dataset, name_terms_of(name if isinstance(name, str) else "", title))


def _title(metadata: Any) -> str:
    if not isinstance(metadata, str) or '"title"' not in metadata:
        return ""
    try:
        found = json.loads(metadata)
    except ValueError:
        return ""
    title = found.get("title") if isinstance(found, dict) else None
    return title if isinstance(title, str) else ""
