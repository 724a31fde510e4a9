"""The nearest vectors of a version: all compared, or those that an HNSW index chooses.

The index is of the operator that is asked for (the negative inner product of unit vectors); with
another one Postgres would compare all, and say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from knowledge.storage.postgres.session import Session
from knowledge.storage.postgres.versions import Version, exists

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXACT_BYTES = 96 * 2**20
"""Up to so many bytes of vectors, a question is compared with each."""
MOST_INDEXED = 4_000
"""Dimensions of the vectors that an index takes, as half as exact numbers."""
_EF_SEARCH = 200
_MOST_EF = 1_000
DEEP = 20
"""Where one vector in so many is asked for, all are compared."""
HNSW_MOST = 2_000
"""Dimensions of the vectors that an index takes as they are."""


def search(
    version: Version, question: str, top_k: int, among: Sequence[str] | None, session: Session
) -> list[tuple[str, float]]:
    """Return the nearest vectors of a version, with their cosines, best first.

    Parameters
    ----------
    question:
        A unit vector as pgvector writes one.
    """
    exact = "SELECT id, -(vector <#> ?::vector) AS cosine FROM {} ORDER BY cosine DESC, id LIMIT ?"
    if among is not None:
        # Not the index, which would look for them among all.
        allowed = (
            f"WITH allowed AS MATERIALIZED (SELECT id, vector FROM {version.table} "
            f"WHERE id = ANY(?) AND {version.shown}) "
        )
        return _found(session, allowed + exact.format("allowed"), (list(among), question, top_k))
    if _is_deep(version, top_k) or not has_hnsw(session, version.table):
        shown = f"(SELECT id, vector FROM {version.table} WHERE {version.shown}) AS shown"
        return _found(session, exact.format(shown), (question, top_k))
    with session.transaction():
        use_index(session, top_k)
        found = _found(session, nearest(version), (question, 2 * top_k, question, top_k))
    if len(found) < min(top_k, version.vectors):
        shown = f"(SELECT id, vector FROM {version.table} WHERE {version.shown}) AS shown"
        return _found(session, exact.format(shown), (question, top_k))
    return found


def use_index(session: Session, top_k: int) -> None:
    """Let :func:`nearest` search the index until the transaction ends.

    Each other way to the same rows would be chosen silently where Postgres thinks it cheaper.
    """
    session.script(
        f"SET LOCAL hnsw.ef_search = {min(_MOST_EF, max(_EF_SEARCH, 2 * top_k))};"
        "SET LOCAL hnsw.iterative_scan = relaxed_order;"
        f"SET LOCAL hnsw.max_scan_tuples = {max(20_000, 20 * top_k)};"
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
        "SET LOCAL enable_sort = off"
    )


def nearest(version: Version) -> str:
    """Return SQL that takes candidates from the index, and puts them in their exact order."""
    column = "vector"
    cast = "vector"
    if version.dimensions > HNSW_MOST:
        cast = f"halfvec({version.dimensions})"
        column = f"vector::{cast}"
    return (
        f"WITH near AS MATERIALIZED (SELECT id, vector FROM {version.table} "
        f"WHERE {version.shown} ORDER BY ({column}) <#> ?::{cast} LIMIT ?) "
        "SELECT id, -(vector <#> ?::vector) AS cosine FROM near ORDER BY cosine DESC, id LIMIT ?"
    )


def indexed(dimensions: int) -> str:
    """Return what the index is of: with the class of the operator that :func:`nearest` uses."""
    if dimensions > HNSW_MOST:
        return f"(vector::halfvec({dimensions})) halfvec_ip_ops"
    return "vector vector_ip_ops"


def has_hnsw(session: Session, table: str) -> bool:
    """Return whether a table of vectors has an HNSW index."""
    return exists(session, f"{table}_hnsw")


def _is_deep(version: Version, top_k: int) -> bool:
    """Tell whether so much is asked for that comparing all is as quick."""
    return top_k * DEEP > version.vectors


def _found(session: Session, query: str, values: Sequence[Any]) -> list[tuple[str, float]]:
    return [(id, float(cosine)) for id, cosine in session.rows(query, values)]


def literal(query: NDArray[np.float32] | Sequence[float]) -> str:
    """Return a question, made of unit length, as pgvector reads one."""
    import numpy as np

    question = np.asarray(query, np.float32)
    question = question / max(float(np.linalg.norm(question)), 1e-12)
    return "[" + ",".join(map(str, question.tolist())) + "]"
