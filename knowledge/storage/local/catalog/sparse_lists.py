"""Sparse vectors as lists by term: for each, the rows that have it and their weights.

``sparse`` holds each chunk's own vector: copies, archives and chunks that move take it from there.
The lists are made of it, in parts of many vectors, so that a question reads its own terms' lists
instead of all vectors. A part never changes: rows that are gone since are passed over, which needs
that no later chunk gets their number. The few vectors that came since the last part are read whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.relational.catalog import SqlCatalog

LEAST = 1_000
"""Vectors without a list that are worth a part."""
MOST = 50_000
"""Vectors of one part: their postings are in memory at once."""
MOST_PARTS = 16
"""Parts beyond the least number there can be, after which all are made anew."""
_PAGE = 500

_LIVE = "SELECT count(*) AS live FROM sparse JOIN chunks USING (row) WHERE dataset = ?"
_UNLISTED = (
    "SELECT row, sparse.terms, weights FROM sparse INDEXED BY sparse_unlisted JOIN chunks "
    "USING (row) WHERE listed = 0 AND dataset = ? ORDER BY row LIMIT ?"
)

Vector = tuple[int, bytes, bytes]
"""The row of a chunk, its terms (uint32) and their weights (float16), little-endian."""


def unlisted(sql: sqlite3.Connection, dataset: int) -> list[Vector]:
    """Return the vectors that no part lists, by row."""
    cursor = sql.cursor()
    cursor.row_factory = None
    return cursor.execute(_UNLISTED, (dataset, -1)).fetchall()


def lists(
    sql: sqlite3.Connection, dataset: int, terms: Sequence[int]
) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (term, rows as uint32, weights as float16) of each part that lists a term, by term."""
    cursor = sql.cursor()
    cursor.row_factory = None
    for start in range(0, len(terms), _PAGE):
        page = terms[start : start + _PAGE]
        marks = ", ".join("?" * len(page))
        yield from cursor.execute(
            "SELECT term, rows, weights FROM sparse_lists "
            f"WHERE dataset = ? AND term IN ({marks}) ORDER BY term, part",
            (dataset, *page),
        ).fetchall()


def last_row(catalog: SqlCatalog, dataset: int) -> int:
    """Return the last row that a part lists, whether it is there or not."""
    [found] = catalog.records(
        "SELECT coalesce(max(last), 0) AS last FROM sparse_parts WHERE dataset = ?", (dataset,)
    )
    return int(found["last"])


def extend(catalog: SqlCatalog, dataset: int) -> None:
    """Make parts of the vectors that no part lists, where they are many; inside a transaction.

    All parts are made again where they are too many, or half of what they list is gone.
    """
    live = int(catalog.records(_LIVE, (dataset,))[0]["live"])
    [known] = catalog.records(
        "SELECT count(*) AS parts, coalesce(sum(vectors), 0) AS vectors, "
        "coalesce(max(part), 0) AS last FROM sparse_parts WHERE dataset = ?",
        (dataset,),
    )
    part = int(known["last"])
    again = known["parts"] > MOST_PARTS + live // MOST or known["vectors"] > max(2 * live, LEAST)
    if not again and len(catalog.records(_UNLISTED, (dataset, LEAST))) < LEAST:
        return
    if again:
        _forget(catalog, dataset)
    while vectors := catalog.records(_UNLISTED, (dataset, MOST)):
        part += 1
        listed = [(one["row"], one["terms"], one["weights"]) for one in vectors]
        _add(catalog, dataset, part, listed)


def _forget(catalog: SqlCatalog, dataset: int) -> None:
    """Remove the lists of a dataset; its vectors stay."""
    for table in ("sparse_lists", "sparse_parts"):
        catalog.change(f"DELETE FROM {table} WHERE dataset = ?", (dataset,))
    catalog.change(
        "UPDATE sparse SET listed = 0 WHERE listed AND row IN "
        "(SELECT row FROM chunks WHERE dataset = ?)",
        (dataset,),
    )


def _add(catalog: SqlCatalog, dataset: int, part: int, vectors: Sequence[Vector]) -> None:
    broken = {row for row, terms, weights in vectors if len(terms) != 2 * len(weights)}
    if broken:  # the next ingest makes them again
        catalog.change_many("DELETE FROM sparse WHERE row = ?", [(row,) for row in broken])
        vectors = [one for one in vectors if one[0] not in broken]
    if not vectors:
        return
    rows = [row for row, _, _ in vectors]
    catalog.change_many(
        "INSERT INTO sparse_lists VALUES (?, ?, ?, ?, ?)",
        [(dataset, term, part, of, weights) for term, of, weights in _inverted(vectors)],
    )
    facts = (dataset, part, len(rows), rows[-1])
    catalog.change("INSERT INTO sparse_parts VALUES (?, ?, ?, ?)", facts)
    catalog.change_many("UPDATE sparse SET listed = ? WHERE row = ?", [(part, row) for row in rows])


def _inverted(vectors: Sequence[Vector]) -> Iterator[tuple[int, bytes, bytes]]:
    import numpy as np

    lengths = [len(terms) // 4 for _, terms, _ in vectors]
    terms = np.frombuffer(b"".join(terms for _, terms, _ in vectors), "<u4")
    weights: NDArray[np.float16] = np.frombuffer(b"".join(one for _, _, one in vectors), "<f2")
    rows = np.repeat(np.array([row for row, _, _ in vectors], "<u4"), lengths)
    order = np.argsort(terms, kind="stable")
    terms, weights, rows = terms[order], weights[order], rows[order]
    ends = [*(np.flatnonzero(terms[1:] != terms[:-1]) + 1).tolist(), len(terms)]
    for start, end in pairwise([0, *ends] if len(terms) else []):
        yield int(terms[start]), rows[start:end].tobytes(), weights[start:end].tobytes()
