"""Vectors by pgvector: for each model of a dataset a table, which holds several versions.

A row says which run added it and which one removed it; a version names its table and its run, and
shows the rows with ``added <= run`` and ``removed`` null or above that. So the next version of a
large index costs what changed. A new set of vectors (another model, a compaction) is another table.

A reader holds the versions that it reads by a shared advisory lock, which ends with its connection;
whoever sweeps takes that lock alone first. All vectors are compared up to a size, and above it an
HNSW index chooses whom to compare.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from knowledge.errors import DamagedStoreError, KnowledgeError, VectorsElsewhereError
from knowledge.storage.postgres.marks import mark_of
from knowledge.storage.postgres.nearest import (
    EXACT_BYTES,
    MOST_INDEXED,
    has_hnsw,
    indexed,
    literal,
    search,
)
from knowledge.storage.postgres.session import Session, Sessions
from knowledge.storage.postgres.sweeping import Versions
from knowledge.storage.postgres.versions import (
    CANDIDATE,
    PAGE,
    Version,
    VersionHold,
    damage,
    fetched,
    owned,
    version_of,
)
from knowledge.storage.servers.marks import told_elsewhere
from knowledge.storage.store import REPAIR_INDEX
from knowledge.storage.unit_vectors import exact_unit, unit_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.vector_index import ChunkFacts

_PLAIN_MOST = 1_900
"""Dimensions of a vector that fits into a page with its row."""
_BUILD_MEMORY = "256MB"
_ANALYSED = 5
"""Where one row in so many is new, Postgres analyses a table again."""


class PostgresVectors(Versions):
    """The index of one dataset."""

    def check_place(self, version: int) -> None:
        """Raise :class:`VectorsElsewhereError` where a server keeps a version's vectors."""
        with self._writing() as session:
            found = version_of(session, self.key, version)
        if found is not None:
            self._check_here(found)

    def open(self, version: int, dimensions: int | None = None) -> PostgresReader:
        """Open a published version; it is not swept before it is closed.

        Raises
        ------
        DamagedStoreError
            It is not there, or belongs to another dataset, version or model.
        VectorsElsewhereError
            A server keeps it.
        """
        hold = VersionHold(self._sessions, self.key, version)
        try:
            self._check_here(hold.version)
            _check_dimensions(hold.version, dimensions)
        except BaseException:
            hold.release()
            raise
        return PostgresReader(hold)

    def complete(self, version: int, chunks: ChunkFacts) -> bool:  # noqa: ARG002
        """Return true: vectors are all that is kept here."""
        return True

    def candidate(self, version: int, chunks: ChunkFacts | None = None) -> PostgresWriter:  # noqa: ARG002
        """Begin the next version: with the vectors of a published one, or none of 0."""
        with self._writing() as session:
            base = owned(session, self.key, version) if version else None
            if base is not None:
                self._check_here(base)
            self._make_way(session, CANDIDATE)
        if self._session is not None:
            return PostgresWriter(self._session, self.key, base, None)
        return PostgresWriter(self._sessions.take(), self.key, base, self._sessions)

    def check(self, version: int, ids: Sequence[str], dimensions: int | None) -> str:
        """Return what is wrong with a version, in words; empty when it is whole."""
        try:
            with self._writing() as session:
                found = owned(session, self.key, version)
                self._check_here(found)
                return damage(session, found, ids, dimensions)
        except (DamagedStoreError, VectorsElsewhereError) as error:
            return error.message

    def proven(self, version: int) -> Callable[[Sequence[str]], Mapping[str, NDArray[np.float32]]]:
        """Return what gives the unit vectors of ids that are there."""

        def proven(ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
            found: dict[str, NDArray[np.float32]] = {}
            with contextlib.suppress(KnowledgeError), self._sessions.lent() as session:
                whole = owned(session, self.key, version)
                for listed, vectors in fetched(session, whole, ids):
                    rows = zip(listed, vectors, unit_rows(vectors), strict=True)
                    found |= {id: row for id, row, right in rows if right}
            return found

        return proven

    def _check_here(self, version: Version) -> None:
        if (mark := mark_of(version)) is not None:
            raise VectorsElsewhereError(
                told_elsewhere(self.key, f"at {mark.place}", "in the database")
            )


class PostgresReader:
    """A version, open."""

    by_file = False

    def __init__(self, hold: VersionHold) -> None:
        self._hold = hold

    def matrix(self) -> None:
        """Return nothing: the vectors are in the database."""

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,  # noqa: ARG002
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, cosine similarity), most similar first."""
        version = self._hold.version
        if not version.number or top_k < 1:
            return []
        return self._hold.ask(partial(search, version, literal(query), top_k, among))

    def sparse(self, model: str) -> None:
        """Return nothing: sparse vectors are in the catalog."""

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds."""
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            yield from self._hold.ask(partial(_pages, self._hold.version, page))

    def close(self) -> None:
        """Let go of it; a second call does nothing."""
        self._hold.release()


def _check_dimensions(version: Version, dimensions: int | None) -> None:
    if version.vectors and dimensions not in (None, version.dimensions):
        raise DamagedStoreError(
            f"the index is another model's: its vectors have {version.dimensions} dimensions, "
            f"not {dimensions}",
            hint=REPAIR_INDEX,
        )


class PostgresWriter:
    """The next version, which no reader can see.

    Parameters
    ----------
    base:
        The version that it begins with.
    sessions:
        To them the connection goes back at the end; ``None`` where it is the caller's.
    """

    def __init__(
        self, session: Session, key: str, base: Version | None, sessions: Sessions | None
    ) -> None:
        self._session = session
        self._key = key
        self._sessions = sessions
        self._number = base.number if base else None
        self._dimensions = base.dimensions if base else 0
        self._run = 1
        self._added = 0
        if base is not None and base.number:
            [last] = session.one(
                "SELECT max(run) FROM versions WHERE vector_table = ?", (base.number,)
            )
            self._run = last + 1
            if last > base.run:  # another version goes on from there
                self._copy(base.shown)

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add or replace vectors, shape (len(ids), dimensions); ids must be unique."""
        if not len(ids):
            return
        exact = exact_unit(vectors)
        with self._session.transaction():
            if not self._number:
                self._make_table(exact.shape[1])
            else:
                self.delete(ids)
            self._session.copy_packed(
                self._table, ("id", "added", "vector"), _packed(ids, self._run, exact)
            )
        self._added += len(ids)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors by id; ids that are not there are passed over."""
        if not self._number or not len(ids):
            return
        listed = list(ids)
        with self._session.transaction():
            self._session.change(
                f"DELETE FROM {self._table} WHERE id = ANY(?) AND added = ?", (listed, self._run)
            )
            self._session.change(
                f"UPDATE {self._table} SET removed = ? WHERE id = ANY(?) AND removed IS NULL",
                (self._run, listed),
            )

    def rebuild(self, ids: Sequence[str]) -> None:
        """Copy the vectors of ``ids`` to a table of their own; the old one goes later."""
        if not self._number:
            return
        old, run = self._table, self._run
        with self._session.transaction():
            self._copy("removed IS NULL AND id = ANY(?)", list(ids))
            self._session.change(f"DELETE FROM {old} WHERE added = ?", (run,))
            self._session.change(f"UPDATE {old} SET removed = NULL WHERE removed = ?", (run,))

    def flush(self) -> int:
        """Index what is to be found, and note the candidate; return how many vectors it holds."""
        vectors = 0
        if self._number:
            [vectors] = self._session.one(
                f"SELECT count(*) FROM {self._table} WHERE removed IS NULL"
            )
            with self._session.transaction():
                self._index(vectors)
        with self._session.transaction():
            self._session.change(
                "DELETE FROM versions WHERE key = ? AND version = ?", (self._key, CANDIDATE)
            )
            self._session.change(
                "INSERT INTO versions (key, version, vector_table, run, vectors, facts) "
                "VALUES (?, ?, ?, ?, ?, '{}')",
                (self._key, CANDIDATE, self._number, self._run, vectors),
            )
        if self._added * _ANALYSED > vectors:
            self._session.script(f"ANALYZE {self._table}")
        self.close()
        return int(vectors)

    def close(self) -> None:
        """Let go of it; a second call does nothing."""
        if self._sessions is not None:
            self._sessions.give(self._session)
            self._sessions = None

    @property
    def _table(self) -> str:
        return f"vectors_{self._number}"

    def _make_table(self, dimensions: int) -> None:
        [self._number] = self._session.one(
            "INSERT INTO vector_tables (key, dimensions) VALUES (?, ?) RETURNING id",
            (self._key, dimensions),
        )
        self._dimensions = dimensions
        self._session.script(
            f'CREATE TABLE {self._table} (id text COLLATE "C" NOT NULL, added integer NOT NULL, '
            f"removed integer, vector vector({dimensions}) NOT NULL)"
        )
        if dimensions <= _PLAIN_MOST:  # read where it lies
            self._session.script(f"ALTER TABLE {self._table} ALTER COLUMN vector SET STORAGE PLAIN")
        for columns in ("(id)", "(added)", "(removed) WHERE removed IS NOT NULL"):
            self._session.script(f"CREATE INDEX ON {self._table} {columns}")

    def _copy(self, condition: str, *values: Any) -> None:
        """Go on in a table of its own, with some vectors of the one until now."""
        old = self._table
        with self._session.transaction():
            self._make_table(self._dimensions)
            self._run = 1
            self._added += self._session.change(
                f"INSERT INTO {self._table} (id, added, vector) SELECT id, 1, vector FROM {old} "
                f"WHERE {condition}",
                values,
            )

    def _index(self, vectors: int) -> None:
        """Make the HNSW index where there is none, and there are many vectors."""
        if vectors * self._dimensions * 4 <= EXACT_BYTES or self._dimensions > MOST_INDEXED:
            return
        if has_hnsw(self._session, self._table):
            return
        self._session.script(f"SET LOCAL maintenance_work_mem = '{_BUILD_MEMORY}'")
        self._session.script(
            f"CREATE INDEX {self._table}_hnsw ON {self._table} "
            f"USING hnsw ({indexed(self._dimensions)})"
        )


def _pages(
    version: Version, ids: Sequence[str], session: Session
) -> list[tuple[list[str], NDArray[np.float32]]]:
    return list(fetched(session, version, ids))


def _packed(ids: Sequence[str], run: int, vectors: NDArray[np.float32]) -> bytes:
    """Return rows of (id, added, vector) as ``COPY`` takes them in the binary form.

    A field is its length and its bytes; a vector is its dimensions, two bytes of nothing, and
    float32, all with the high byte first (``vector_send`` of pgvector).
    """
    named = [id.encode() for id in ids]
    dimensions = vectors.shape[1]
    flat = vectors.astype(">f4").tobytes()
    width = 4 * dimensions
    added = b"\0\0\0\x04" + run.to_bytes(4, "big")
    head = added + (width + 4).to_bytes(4, "big") + dimensions.to_bytes(2, "big") + b"\0\0"
    return b"".join(
        b"\0\x03" + len(id).to_bytes(4, "big") + id + head + flat[at * width : (at + 1) * width]
        for at, id in enumerate(named)
    )
