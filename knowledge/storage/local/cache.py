"""The embedding cache: no text is paid for twice, whatever dies after its vector came."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.storage.local.catalog.database import connect, migrate, transaction, translated
from knowledge.storage.reports import CachedModel, CacheStats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAGE = 5_000
SHRINK_TO = 0.8  # of the limit, so that shrinking is rare

_MIGRATIONS = (
    """
    CREATE TABLE models (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE);
    CREATE TABLE vectors (
        model INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
        key BLOB NOT NULL,
        vector BLOB NOT NULL,
        stored_at INTEGER NOT NULL,
        PRIMARY KEY (model, key)
    ) WITHOUT ROWID;
    CREATE TABLE size (bytes INTEGER NOT NULL);
    INSERT INTO size VALUES (0);
    CREATE TRIGGER vectors_insert AFTER INSERT ON vectors BEGIN
        UPDATE size SET bytes = bytes + length(new.vector) + 64;
    END;
    CREATE TRIGGER vectors_delete AFTER DELETE ON vectors BEGIN
        UPDATE size SET bytes = bytes - length(old.vector) - 64;
    END;
    """,
)


class EmbeddingCache:
    """Vectors by model fingerprint and text hash, in SQLite; safe to use from several threads.

    Parameters
    ----------
    path:
        The database; made when missing.
    limit:
        Most bytes of vectors; the oldest go first.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._lock = threading.Lock()
        self._connection = connect(path)
        try:
            migrate(self._connection, path, _MIGRATIONS)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def get_many(self, model: str, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are there, by key."""
        import numpy as np

        found: dict[bytes, NDArray[np.float32]] = {}
        remaining = iter(keys)
        with self._lock, translated(self._path):
            while page := list(islice(remaining, PAGE)):
                marks = ", ".join("?" * len(page))
                rows = self._connection.execute(
                    "SELECT key, vector FROM vectors "
                    "WHERE model = (SELECT id FROM models WHERE fingerprint = ?) "
                    f"AND key IN ({marks})",
                    (model, *page),
                )
                found |= {row["key"]: np.frombuffer(row["vector"], np.float32) for row in rows}
        return found

    def known(self, model: str, keys: Iterable[bytes]) -> set[bytes]:
        """Return those of ``keys`` that are there."""
        found: set[bytes] = set()
        remaining = iter(keys)
        with self._lock, translated(self._path):
            while page := list(islice(remaining, PAGE)):
                rows = self._connection.execute(
                    "SELECT key FROM vectors "
                    "WHERE model = (SELECT id FROM models WHERE fingerprint = ?) "
                    f"AND key IN ({', '.join('?' * len(page))})",
                    (model, *page),
                )
                found |= {row["key"] for row in rows}
        return found

    def put_many(self, model: str, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors; committed when this returns."""
        import numpy as np

        moment = time.time_ns()
        with self._lock, transaction(self._connection, self._path):
            self._connection.execute(
                "INSERT INTO models (fingerprint) VALUES (?) ON CONFLICT DO NOTHING", (model,)
            )
            model_id = self._connection.execute(
                "SELECT id FROM models WHERE fingerprint = ?", (model,)
            ).fetchone()["id"]
            self._connection.executemany(
                "INSERT INTO vectors VALUES (?, ?, ?, ?) "
                "ON CONFLICT (model, key) DO UPDATE SET vector = excluded.vector",
                [
                    (model_id, key, np.ascontiguousarray(vector, np.float32).tobytes(), moment)
                    for key, vector in vectors.items()
                ],
            )
            self._shrink(self._connection)

    def stats(self) -> CacheStats:
        """Count what is kept."""
        with self._lock, translated(self._path):
            rows = self._connection.execute(
                "SELECT fingerprint, count(*) AS vectors, sum(length(vector) + 64) AS bytes "
                "FROM vectors JOIN models ON models.id = vectors.model "
                "GROUP BY models.id ORDER BY fingerprint"
            ).fetchall()
        models = tuple(
            CachedModel(row["fingerprint"], row["vectors"], row["bytes"]) for row in rows
        )
        return CacheStats(self._path, self._limit, models)

    def clear(self) -> None:
        """Forget everything, and give the room back to the disk."""
        with self._lock:
            with transaction(self._connection, self._path):
                self._connection.execute("DELETE FROM vectors")
                self._connection.execute("DELETE FROM models")
            with translated(self._path):
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _shrink(self, connection: sqlite3.Connection) -> None:
        size = connection.execute("SELECT bytes FROM size").fetchone()["bytes"]
        while size > self._limit:
            oldest = connection.execute(
                "SELECT model, key, length(vector) + 64 AS bytes FROM vectors "
                "ORDER BY stored_at LIMIT 10000"
            ).fetchall()
            if not oldest:
                return
            dropped = []
            for row in oldest:
                if size <= self._limit * SHRINK_TO:
                    break
                dropped.append((row["model"], row["key"]))
                size -= row["bytes"]
            connection.executemany("DELETE FROM vectors WHERE model = ? AND key = ?", dropped)
