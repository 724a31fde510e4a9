"""The embedding cache in the database: what one machine embedded, no other one pays for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING

from knowledge.errors import KnowledgeError
from knowledge.storage.postgres.locks import hold_store, let_go_of_store
from knowledge.storage.postgres.schema import migrate
from knowledge.storage.postgres.session import Sessions, number_of
from knowledge.storage.reports import CachedModel, CacheStats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAGE = 5_000
_SHRINK_TO = 0.8  # of the limit, so that shrinking is rare
_ROW = 64
"""Bytes that a vector takes besides its own."""
_PUT = f"""
WITH put AS (
    INSERT INTO cache_vectors
    SELECT ?::int, key, vector, ?::bigint FROM unnest(?::bytea[], ?::bytea[]) AS t (key, vector)
    ON CONFLICT (model, key) DO UPDATE SET vector = excluded.vector
    RETURNING xmax = 0 AS fresh, length(vector) + {_ROW} AS bytes)
UPDATE cache_models SET bytes = bytes + (SELECT coalesce(sum(put.bytes), 0) FROM put WHERE fresh)
WHERE id = ?
"""


class PostgresCache:
    """Vectors by model fingerprint and text hash; safe to use from several threads.

    Parameters
    ----------
    limit:
        Most bytes of vectors; the oldest go first.
    """

    def __init__(self, sessions: Sessions, limit: int) -> None:
        self._sessions = sessions
        self._limit = limit
        self._lock = Lock()
        self._session = sessions.take()
        try:
            hold_store(self._session)
            migrate(self._session)
        except BaseException:
            self._session.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            with suppress(KnowledgeError):
                let_go_of_store(self._session)
            self._sessions.give(self._session)

    def get_many(self, model: str, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are there, by key."""
        import numpy as np

        rows = self._rows("key, vector", model, keys)
        return {key: np.frombuffer(vector, np.float32) for key, vector in rows}

    def known(self, model: str, keys: Iterable[bytes]) -> set[bytes]:
        """Return those of ``keys`` that are there."""
        return {key for (key,) in self._rows("key", model, keys)}

    def put_many(self, model: str, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors; committed when this returns."""
        import numpy as np

        pairs = sorted(
            (key, np.ascontiguousarray(vector, np.float32).tobytes())
            for key, vector in vectors.items()
        )  # sorted, so that two writers do not wait for each other
        keys, rows = [key for key, _ in pairs], [row for _, row in pairs]
        with self._lock:
            with self._session.transaction():
                self._hold("pg_advisory_xact_lock_shared")
                number = self._number(model)
                self._session.change(_PUT, (number, time.time_ns(), keys, rows, number))
            if self._size() > self._limit:
                self._shrink()

    def stats(self) -> CacheStats:
        """Count what is kept."""
        with self._lock:
            rows = self._session.rows(
                "SELECT fingerprint, count(*), sum(length(vector) + ?)::bigint FROM cache_vectors "
                "JOIN cache_models ON id = model GROUP BY id ORDER BY fingerprint",
                (_ROW,),
            )
        return CacheStats(
            self._sessions.address.place, self._limit, tuple(CachedModel(*row) for row in rows)
        )

    def clear(self) -> None:
        """Forget everything."""
        with self._lock, self._session.transaction():
            self._hold("pg_advisory_xact_lock")
            self._session.script("TRUNCATE cache_vectors, cache_models")

    def _rows(self, columns: str, model: str, keys: Iterable[bytes]) -> list[tuple[bytes, ...]]:
        found: list[tuple[bytes, ...]] = []
        remaining = iter(keys)
        with self._lock:
            while page := list(islice(remaining, _PAGE)):
                found += self._session.rows(
                    f"SELECT {columns} FROM cache_vectors WHERE model = ("
                    "SELECT id FROM cache_models WHERE fingerprint = ?) AND key = ANY(?)",
                    (model, page),
                )
        return found

    def _number(self, model: str) -> int:
        self._session.change(
            "INSERT INTO cache_models (fingerprint) VALUES (?) ON CONFLICT DO NOTHING", (model,)
        )
        [number] = self._session.one("SELECT id FROM cache_models WHERE fingerprint = ?", (model,))
        return int(number)

    def _size(self) -> int:
        [size] = self._session.one("SELECT coalesce(sum(bytes), 0)::bigint FROM cache_models")
        return int(size)

    def _shrink(self) -> None:
        with self._session.transaction():
            self._hold("pg_advisory_xact_lock")
            if self._size() <= self._limit:  # another process did it
                return
            self._session.change(
                "WITH aged AS (SELECT model, key, stored_at, "
                "sum(length(vector) + ?) OVER (ORDER BY stored_at DESC, model, key) AS newer "
                "FROM cache_vectors), gone AS (DELETE FROM cache_vectors USING aged "
                "WHERE cache_vectors.model = aged.model AND cache_vectors.key = aged.key "
                "AND aged.newer > ? RETURNING cache_vectors.model, length(vector) + ? AS bytes), "
                "sums AS (SELECT model, sum(bytes) AS bytes FROM gone GROUP BY model) "
                "UPDATE cache_models SET bytes = cache_models.bytes - sums.bytes FROM sums "
                "WHERE sums.model = cache_models.id",
                (_ROW, int(self._limit * _SHRINK_TO), _ROW),
            )

    def _hold(self, function: str) -> None:
        """Lock the cache until the transaction ends: shared to put in order, alone to remove.

        Removed is in no order of keys, in which one who puts would wait for one who removes, and
        that one for him.
        """
        number = number_of("cache", self._sessions.address.schema)
        self._session.rows(f"SELECT {function}(?)", (number,))
