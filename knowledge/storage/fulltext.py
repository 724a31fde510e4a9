"""The full-text index: an FTS5 table of terms, which retrieval reads as lists of chunks.

FTS5 keeps, for each term, the chunks that hold it. What a term is, is decided here and in
``fulltext_words.py``, since FTS5's own tokenizers know one language and neither identifiers nor
scripts without spaces. Scores are computed where questions are answered: FTS5's own ``bm25()``
counts all datasets as one collection, and the rows of unpublished generations too, and takes some
ten times as long.

A term in the table is ``<dataset>~<term>``, so that a search reads its own datasets' lists alone.
The table keeps no counts: a chunk that holds a term at least 2, 3, 5 or 8 times also holds
``<dataset>~<term>=2`` and so on. ``<dataset>~=german`` marks a text in another language than
English.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from knowledge.errors import DamagedStoreError
from knowledge.storage.database import REPAIR, add_function

COUNTS = (1, 2, 3, 5, 8)
"""Numbers of occurrences that are told apart; between two of them, the lower one counts."""


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the function by which the catalog's triggers fill the index."""
    add_function(connection, "fulltext_terms", 4, _terms)


def rows_with(
    connection: sqlite3.Connection, dataset: int, term: str, count: int = 1
) -> str | None:
    """Return the rows of a dataset's chunks that hold a term, as one text with commas.

    Parameters
    ----------
    count:
        One of ``COUNTS``: how often they must hold it at least.
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
    from knowledge.storage.fulltext_languages import DEFAULT, KNOWN

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


def _terms(dataset: int, language: Any, heading: str, text: str) -> str:
    """Return the terms of a chunk as the index takes them, separated by spaces."""
    from knowledge.storage import fulltext_languages, fulltext_words

    try:
        read = "\n".join([*json.loads(heading), text])
    except (ValueError, TypeError) as error:
        raise DamagedStoreError(
            f"the catalog holds a chunk that can't be read: {error}", hint=REPAIR
        ) from error
    words = fulltext_words.split(read)
    spoken = fulltext_languages.named(language) if isinstance(language, str) else None
    spoken = spoken or fulltext_languages.detect(words.natural)
    terms = fulltext_words.terms_of(words, spoken)
    found = list(terms)
    for count in COUNTS[1:]:
        found += [f"{term}={count}" for term, times in terms.items() if times >= count]
    if spoken != fulltext_languages.DEFAULT:
        found.append(f"={spoken}")
    separator = f" {dataset}~"
    return (separator + separator.join(found)).lstrip() if found else ""
