"""A new embedding cache from what can still be read of a damaged one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.storage.local.cache import EmbeddingCache
from knowledge.storage.local.catalog.database import FAILURES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAGE = 1_000
_KEY = 32  # bytes of SHA-256


def salvage_cache(source: Path, target: Path, limit: int) -> int:
    """Copy what can be read at ``source`` into a new cache; return how many vectors.

    Parameters
    ----------
    limit:
        Most bytes that the new cache may take.
    """
    saved = 0
    cache = EmbeddingCache(target, limit)
    try:
        with _reading(source) as old:
            for number, model in _models(old):
                for direction in ("ASC", "DESC"):  # up to what is damaged, from both ends
                    rows = _vectors(old, number, direction)
                    while page := dict(islice(rows, _PAGE)):
                        saved += len(page.keys() - cache.known(model, page))
                        cache.put_many(model, page)
    finally:
        cache.close()
    return saved


@contextmanager
def _reading(source: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(source)) as connection:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        yield connection


def _models(old: sqlite3.Connection) -> list[tuple[int, str]]:
    try:
        old.execute("PRAGMA writable_schema = ON")  # else one that was cut off is refused
        return old.execute("SELECT id, fingerprint FROM models").fetchall()
    except FAILURES:
        return []


def _vectors(
    old: sqlite3.Connection, model: int, direction: str
) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
    import numpy as np

    try:
        for key, vector in old.execute(
            f"SELECT key, vector FROM vectors WHERE model = ? ORDER BY key {direction}", (model,)
        ):
            if not (isinstance(key, bytes) and isinstance(vector, bytes)):
                continue
            if len(key) != _KEY or not vector or len(vector) % 4:
                continue
            numbers = np.frombuffer(vector, np.float32)
            if abs(np.linalg.norm(numbers) - 1.0) < 1e-3:  # false for what is no number
                yield key, numbers
    except FAILURES:
        return
