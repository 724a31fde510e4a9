"""The catalog's side of a write run: rows of the next generation."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from knowledge.errors import DatasetNotFoundError
from knowledge.model import Chunk, Dataset, EmbedderSpec, SourceFile, SplitterSpec
from knowledge.storage.changes import FileChange
from knowledge.storage.local.catalog.database import translated
from knowledge.storage.local.catalog.fulltext import in_dataset
from knowledge.storage.local.catalog.rows import (
    CHUNK_COLUMNS,
    FILE_COLUMNS,
    chunk_of,
    chunk_values,
    dump,
    file_values,
    now,
)
from knowledge.storage.local.layout import HIDDEN
from knowledge.storage.terms import language_of, terms_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.local.catalog.catalog import Catalog

_INSERT_FILE = f"INSERT INTO files (dataset, added, {FILE_COLUMNS}) VALUES (?, ?{', ?' * 12})"
_INSERT_CHUNK = (
    f"INSERT INTO chunks (row, dataset, added, language, {CHUNK_COLUMNS}) "
    f"VALUES (?, ?, ?, ?{', ?' * 14})"
)
_KEEP_SPARSE = (
    "INSERT OR IGNORE INTO sparse SELECT new.row, sparse.terms, sparse.weights "
    "FROM chunks AS new JOIN chunks AS old USING (dataset, id) JOIN sparse ON sparse.row = old.row "
    "WHERE new.dataset = ? AND new.id = ? AND new.added = ? AND old.row < new.row"
)
"""A chunk that moved takes over the vector of its former row."""
_INSERT_TERMS = "INSERT INTO chunks_fts (rowid, terms) VALUES (?, ?)"


def facts_of(dataset: Dataset, embedding: EmbedderSpec, splitter: SplitterSpec) -> dict[str, Any]:
    """Return what the next version of an index says of its dataset."""
    return {
        "key": dataset.key,
        "name": "" if dataset.name.startswith(HIDDEN) else dataset.name,
        "generation": dataset.generation + 1,
        "provider": embedding.provider,
        "model": embedding.model,
        "dimensions": embedding.dimensions,
        "model_options": dump(embedding.options),
        "chunk_size": splitter.chunk_size,
        "chunk_overlap": splitter.chunk_overlap,
        "metadata": dump(dataset.metadata),
        "created_at": dataset.created_at.isoformat(),
    }


class Staging:
    """Writes rows that belong to the generation after the dataset's published one."""

    def __init__(self, catalog: Catalog, dataset: Dataset) -> None:
        self._catalog = catalog
        self._sql = catalog.connection
        self._published = dataset.generation
        self._next = dataset.generation + 1
        with translated(catalog.folder.catalog):
            row = self._sql.execute(
                "SELECT id FROM datasets WHERE key = ?", (dataset.key,)
            ).fetchone()
        if row is None:
            raise DatasetNotFoundError(f"dataset {dataset.name!r} was deleted by another process")
        self._dataset = int(row["id"])

    def has_leftovers(self) -> bool:
        """Tell whether there are rows for :meth:`sweep`."""
        row = self._leftovers()
        return bool(row["staged"] or row["old"])

    def sweep(self) -> None:
        """Undo rows of a run that was not published; drop rows that no reader can see."""
        row = self._leftovers()
        if not (row["staged"] or row["old"]):
            return
        with self._catalog.transaction():
            for table in ("files", "chunks"):
                # A reader may still be on the generation before the published one.
                self._sql.execute(
                    f"DELETE FROM {table} WHERE dataset = ? AND removed < ?",
                    (self._dataset, self._published),
                )
                if row["staged"]:
                    self._sql.execute(
                        f"DELETE FROM {table} WHERE dataset = ? AND added > ?",
                        (self._dataset, self._published),
                    )
                    self._sql.execute(
                        f"UPDATE {table} SET removed = NULL WHERE dataset = ? AND removed > ?",
                        (self._dataset, self._published),
                    )
            self._sql.execute("UPDATE datasets SET staged = 0 WHERE id = ?", (self._dataset,))

    def write_files(self, changes: Iterable[FileChange]) -> None:
        """Stage files with their chunks, in one transaction."""
        with self._catalog.transaction():
            self._mark()
            rows = self._free_rows()
            for change in changes:
                written = [*change.diff.added, *change.diff.moved]
                if self._is_stored(change.file):
                    self._remove_rows("files", "id", [change.file.id])
                    replaced = [chunk.id for chunk in written]  # moved, or added again by force
                    self._remove_rows("chunks", "id", [*change.diff.removed, *replaced])
                self._sql.execute(
                    _INSERT_FILE, (self._dataset, self._next, *file_values(change.file))
                )
                self._insert_chunks(change, written, rows)
                self._sql.executemany(
                    _KEEP_SPARSE,
                    [(self._dataset, chunk.id, self._next) for chunk in change.diff.moved],
                )

    def remove_file(self, file_id: str) -> list[str]:
        """Stage a file's removal; return the ids of its chunks."""
        with self._catalog.transaction():
            self._mark()
            rows = self._sql.execute(
                "SELECT id FROM chunks WHERE dataset = ? AND file_id = ? AND removed IS NULL",
                (self._dataset, file_id),
            ).fetchall()
            self._remove_rows("files", "id", [file_id])
            self._remove_rows("chunks", "file_id", [file_id])
        return [row["id"] for row in rows]

    def touch_file(self, file: SourceFile) -> None:
        """Change the row of a file in place."""
        with self._catalog.transaction():
            self._sql.execute(
                "UPDATE files SET path = ?, name = ?, size = ?, mtime_ns = ?, metadata = ?, "
                "given = ?, remembered = ? WHERE dataset = ? AND id = ? AND removed IS NULL",
                (
                    file.path,
                    file.name,
                    file.size,
                    file.mtime_ns,
                    dump(file.metadata),
                    dump(file.given),
                    dump(file.remembered) if file.remembered else None,
                    self._dataset,
                    file.id,
                ),
            )

    def without_sparse(self, limit: int) -> list[tuple[int, str]]:
        """Return rows and embedded texts of chunks that have no sparse vector.

        Vectors of a dataset that names no model are of one that nobody knows any more, and go.
        """
        with self._catalog.transaction():
            self._sql.execute(
                "DELETE FROM sparse WHERE row IN (SELECT row FROM chunks WHERE dataset = ?1) "
                "AND (SELECT sparse FROM datasets WHERE id = ?1) IS NULL",
                (self._dataset,),
            )
        rows = self._sql.execute(
            f"SELECT row, {CHUNK_COLUMNS} FROM chunks WHERE dataset = ? AND removed IS NULL "
            "AND NOT EXISTS (SELECT 1 FROM sparse WHERE sparse.row = chunks.row) "
            "ORDER BY row LIMIT ?",
            (self._dataset, limit),
        )
        return [(row["row"], chunk_of(row).passage.embedding_text) for row in rows]

    def write_sparse(
        self,
        model: EmbedderSpec,
        vectors: Mapping[int, tuple[NDArray[np.uint32], NDArray[np.float32]]],
    ) -> None:
        """Record the sparse model, and the vectors of some rows."""
        with self._catalog.transaction():
            self._sql.execute(
                "UPDATE datasets SET sparse = ?, touched = touched + 1 WHERE id = ?",
                (dump(asdict(model)), self._dataset),
            )
            self._sql.executemany(
                "INSERT OR REPLACE INTO sparse (row, terms, weights) VALUES (?, ?, ?)",
                [
                    (row, terms.astype("<u4").tobytes(), weights.astype("<f2").tobytes())
                    for row, (terms, weights) in vectors.items()
                ],
            )

    def live_chunks(self) -> int:
        """Count the chunks that the next generation will show."""
        return self._count("chunks")

    def live_chunk_ids(self) -> list[str]:
        """Return the ids of the chunks that the next generation will show, sorted."""
        rows = self._sql.execute(
            "SELECT id FROM chunks WHERE dataset = ? AND removed IS NULL ORDER BY id",
            (self._dataset,),
        )
        return [row["id"] for row in rows]

    def dead_vectors(self) -> int:
        """Return how many deleted vectors the published index still carries."""
        row = self._sql.execute("SELECT dead FROM datasets WHERE id = ?", (self._dataset,))
        return int(row.fetchone()["dead"])

    def publish(
        self, embedding: EmbedderSpec, splitter: SplitterSpec, dead: int, *, new_vectors: bool
    ) -> None:
        """Set the dataset's generation to the next; durable when this returns.

        ``dead`` counts deleted vectors that the index carries; with ``new_vectors`` the next
        generation has a folder of its own.
        """
        with self._catalog.transaction(durable=True):
            self._sql.execute(
                "UPDATE datasets SET generation = ?1, "
                "vectors = CASE WHEN ?2 THEN ?1 ELSE vectors END, files = ?, chunks = ?, dead = ?, "
                "provider = ?, model = ?, dimensions = ?, model_options = ?, "
                "chunk_size = ?, chunk_overlap = ?, "
                "staged = 0, updated_at = ? WHERE id = ?",
                (
                    self._next,
                    new_vectors,
                    self._count("files"),
                    self._count("chunks"),
                    dead,
                    embedding.provider,
                    embedding.model,
                    embedding.dimensions,
                    dump(embedding.options),
                    splitter.chunk_size,
                    splitter.chunk_overlap,
                    now(),
                    self._dataset,
                ),
            )

    def _leftovers(self) -> sqlite3.Row:
        with translated(self._catalog.folder.catalog):
            row: sqlite3.Row = self._sql.execute(
                "SELECT staged, EXISTS (SELECT 1 FROM files WHERE dataset = ?1 AND removed < ?2) "
                "OR EXISTS (SELECT 1 FROM chunks WHERE dataset = ?1 AND removed < ?2) AS old "
                "FROM datasets WHERE id = ?1",
                (self._dataset, self._published),
            ).fetchone()
        return row

    def _mark(self) -> None:
        self._sql.execute("UPDATE datasets SET staged = 1 WHERE id = ?", (self._dataset,))

    def _remove_rows(self, table: str, column: str, values: Sequence[str]) -> None:
        self._sql.executemany(
            f"UPDATE {table} SET removed = ? "
            f"WHERE dataset = ? AND {column} = ? AND removed IS NULL",
            [(self._next, self._dataset, value) for value in values],
        )

    def _insert_chunks(
        self, change: FileChange, chunks: Sequence[Chunk], free: Iterator[int]
    ) -> None:
        rows = list(islice(free, len(chunks)))
        told = (change.file.given, change.file.metadata)
        languages = [language_of(chunk.passage.metadata, *told) for chunk in chunks]
        terms = [
            change.terms.get(chunk.id)
            or terms_of(language, chunk.passage.heading, chunk.passage.text)
            for chunk, language in zip(chunks, languages, strict=True)
        ]
        self._sql.executemany(
            _INSERT_CHUNK,
            [
                (row, self._dataset, self._next, language, *chunk_values(chunk))
                for row, language, chunk in zip(rows, languages, chunks, strict=True)
            ],
        )
        self._sql.executemany(
            _INSERT_TERMS,
            [(row, in_dataset(self._dataset, one)) for row, one in zip(rows, terms, strict=True)],
        )

    def _free_rows(self) -> Iterator[int]:
        last = self._sql.execute("SELECT coalesce(max(row), 0) FROM chunks").fetchone()[0]
        return count(last + 1)

    def _is_stored(self, file: SourceFile) -> bool:
        found = self._sql.execute(
            "SELECT 1 FROM files WHERE dataset = ? AND id = ? AND removed IS NULL",
            (self._dataset, file.id),
        )
        return found.fetchone() is not None

    def _count(self, table: str) -> int:
        row = self._sql.execute(
            f"SELECT count(*) FROM {table} WHERE dataset = ? AND removed IS NULL",
            (self._dataset,),
        )
        return int(row.fetchone()[0])
