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

Terms are not stored a second time: the table's content is a view that makes them of the chunk's
text again, where a row is deleted or the table is checked.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from knowledge.storage.local.catalog.database import add_function

COUNTS = (1, 2, 3, 5, 8)
"""Numbers of occurrences that are told apart; between two of them, the lower one counts."""


REBUILD = "INSERT INTO chunks_fts (chunks_fts) VALUES ('rebuild')"
"""SQL: makes the whole index anew of the chunks."""


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the function by which the catalog tells the terms of a chunk's row."""
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


def terms_of(language: str | None, heading: Sequence[str], text: str) -> str:
    """Return the terms of a chunk, separated by spaces, as :func:`in_dataset` takes them.

    Parameters
    ----------
    language:
        What its metadata tells; else it is guessed.
    """
    from knowledge.text import languages as fulltext_languages
    from knowledge.text import terms as fulltext_words

    words = fulltext_words.split("\n".join([*heading, text]))
    spoken = fulltext_languages.named(language) if language else None
    spoken = spoken or fulltext_languages.detect(words.natural)
    terms = fulltext_words.terms_of(words, spoken)
    found = list(terms)
    repeated = [(term, times) for term, times in terms.items() if times > 1]
    for count in COUNTS[1:]:
        found += [f"{term}={count}" for term, times in repeated if times >= count]
    if spoken != fulltext_languages.DEFAULT:
        found.append(f"={spoken}")
    return " ".join(found)


def in_dataset(dataset: int, terms: str) -> str:
    """Return terms as the table holds them."""
    return f"{dataset}~" + terms.replace(" ", f" {dataset}~") if terms else ""


def language_of(*metadata: Mapping[str, Any]) -> str | None:
    """Return the language that metadata tells; the first that tells one counts."""
    for one in metadata:
        if (language := one.get("language")) is not None:
            return language if isinstance(language, str) else None
    return None


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
