"""The catalog's side of a write run: rows of the next generation."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from knowledge.errors import DatasetNotFoundError
from knowledge.model import Chunk, Dataset, EmbedderSpec, SourceFile, SplitterSpec
from knowledge.storage.changes import FileChange, SparseBytes, Unweighed
from knowledge.storage.dataset_names import HIDDEN
from knowledge.storage.relational.rows import CHUNK_COLUMNS, Record, chunk_of, dump, now
from knowledge.storage.terms import language_of, terms_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.relational.catalog import SqlCatalog

PAGE = 5_000
"""Ids in one statement."""
KEEP_SPARSE = (
    'INSERT INTO sparse ("row", terms, weights) '
    'SELECT fresh."row", sparse.terms, sparse.weights '
    "FROM chunks AS fresh JOIN chunks AS former USING (dataset, id) "
    'JOIN sparse ON sparse."row" = former."row" '
    'WHERE dataset = ? AND id = ? AND fresh.added = ? AND former."row" < fresh."row" '
    "ON CONFLICT DO NOTHING"
)
"""A chunk that moved takes over the vector of its former row."""


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


def with_terms(change: FileChange, chunks: Sequence[Chunk]) -> list[tuple[str | None, str]]:
    """Return the language and the full-text terms of some chunks of a changed file."""
    told = (change.file.given, change.file.metadata)
    found = []
    for chunk in chunks:
        passage = chunk.passage
        language = language_of(passage.metadata, *told)
        terms = change.terms.get(chunk.id) or terms_of(language, passage.heading, passage.text)
        found.append((language, terms))
    return found


def by_file(changes: Iterable[FileChange]) -> Iterator[list[FileChange]]:
    """Yield batches of changes in which no file stands twice."""
    batch: dict[str, FileChange] = {}
    for change in changes:
        if change.file.id in batch:
            yield list(batch.values())
            batch = {}
        batch[change.file.id] = change
    if batch:
        yield list(batch.values())


class Staging:
    """Writes rows that belong to the generation after the dataset's published one."""

    def __init__(self, catalog: SqlCatalog, dataset: Dataset) -> None:
        self._catalog = catalog
        self._published = dataset.generation
        self._next = dataset.generation + 1
        rows = catalog.records("SELECT id FROM datasets WHERE key = ?", (dataset.key,))
        if not rows:
            raise DatasetNotFoundError(f"dataset {dataset.name!r} was deleted by another process")
        self._dataset = int(rows[0]["id"])

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
                self._change(f"DELETE FROM {table} WHERE dataset = ? AND removed < ?")
                if row["staged"]:
                    self._change(f"DELETE FROM {table} WHERE dataset = ? AND added > ?")
                    self._change(
                        f"UPDATE {table} SET removed = NULL WHERE dataset = ? AND removed > ?"
                    )
            self._catalog.change("UPDATE datasets SET staged = 0 WHERE id = ?", (self._dataset,))

    @abstractmethod
    def write_files(self, changes: Iterable[FileChange]) -> None:
        """Stage files with their chunks, in one transaction."""

    def remove_file(self, file_id: str) -> list[str]:
        """Stage a file's removal; return the ids of its chunks."""
        with self._catalog.transaction():
            self._mark()
            rows = self._catalog.records(
                "SELECT id FROM chunks WHERE dataset = ? AND file_id = ? AND removed IS NULL",
                (self._dataset, file_id),
            )
            for table, column in (("files", "id"), ("chunks", "file_id")):
                self._catalog.change(
                    f"UPDATE {table} SET removed = ? "
                    f"WHERE dataset = ? AND {column} = ? AND removed IS NULL",
                    (self._next, self._dataset, file_id),
                )
        return [row["id"] for row in rows]

    def touch_file(self, file: SourceFile) -> None:
        """Change the row of a file in place."""
        with self._catalog.transaction():
            self._catalog.change(
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

    def without_sparse(self, limit: int, after: int = 0) -> list[Unweighed]:
        """Return chunks that have no sparse vector, in rows after one, in order.

        Vectors of a dataset that names no model are of one that nobody knows any more, and go.
        """
        with self._catalog.transaction():
            self._catalog.change(
                'DELETE FROM sparse WHERE "row" IN (SELECT "row" FROM chunks WHERE dataset = ?) '
                "AND (SELECT sparse FROM datasets WHERE id = ?) IS NULL",
                (self._dataset, self._dataset),
            )
        rows = self._catalog.records(
            f'SELECT "row", {CHUNK_COLUMNS}, (SELECT path FROM files WHERE '
            "files.dataset = chunks.dataset AND files.id = chunks.file_id AND removed IS NULL) "
            "AS path FROM chunks WHERE dataset = ? AND removed IS NULL "
            'AND NOT EXISTS (SELECT 1 FROM sparse WHERE sparse."row" = chunks."row") '
            'AND "row" > ? ORDER BY "row" LIMIT ?',
            (self._dataset, after, limit),
        )
        return [
            Unweighed(row["row"], row["path"] or "", chunk_of(row).passage.embedding_text)
            for row in rows
        ]

    def write_sparse(
        self,
        model: EmbedderSpec,
        vectors: Mapping[int, tuple[NDArray[np.uint32], NDArray[np.float32]]],
    ) -> None:
        """Record the sparse model, and the vectors of some rows, which no list has yet."""
        with self._catalog.transaction():
            self._catalog.change(
                "UPDATE datasets SET sparse = ?, touched = touched + 1 WHERE id = ?",
                (dump(asdict(model)), self._dataset),
            )
            self._catalog.change_many(
                'INSERT INTO sparse ("row", terms, weights) VALUES (?, ?, ?) '
                'ON CONFLICT ("row") DO UPDATE SET '
                "terms = excluded.terms, weights = excluded.weights",
                [
                    (row, terms.astype("<u4").tobytes(), weights.astype("<f2").tobytes())
                    for row, (terms, weights) in vectors.items()
                ],
            )

    def sparse_model(self) -> str:
        """Return the fingerprint of the dataset's sparse model; empty where it has none."""
        [row] = self._catalog.records("SELECT sparse FROM datasets WHERE id = ?", (self._dataset,))
        return EmbedderSpec(**json.loads(row["sparse"])).fingerprint if row["sparse"] else ""

    def files(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the id of the file of each of some chunks of the next generation."""
        return {row["id"]: row["file_id"] for row in self._of_ids("chunks.id, file_id", "", ids)}

    def sparse(self, ids: Sequence[str]) -> dict[str, SparseBytes]:
        """Return the sparse vectors of those of these chunks that have one already."""
        rows = self._of_ids("chunks.id, sparse.terms, weights", 'JOIN sparse USING ("row") ', ids)
        return {row["id"]: (row["terms"], row["weights"]) for row in rows}

    def _of_ids(self, columns: str, joined: str, ids: Sequence[str]) -> Iterator[Record]:
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            yield from self._catalog.records(
                f"SELECT {columns} FROM chunks {joined}WHERE dataset = ? AND removed IS NULL "
                f"AND chunks.id IN ({', '.join('?' * len(page))})",
                (self._dataset, *page),
            )

    def list_sparse(self) -> None:
        """Bring the lists that questions read of sparse vectors up to date, where there are any."""

    def _write_known_sparse(self, change: FileChange, rows: Iterable[tuple[int, Chunk]]) -> None:
        """Write the sparse vectors that a change brings, for the rows of its chunks."""
        if change.sparse:
            self._catalog.change_many(
                'INSERT INTO sparse ("row", terms, weights) VALUES (?, ?, ?)',
                [(row, *change.sparse[one.id]) for row, one in rows if one.id in change.sparse],
            )

    def live_chunks(self) -> int:
        """Count the chunks that the next generation will show."""
        return self._count("chunks")

    def live_chunk_ids(self) -> list[str]:
        """Return the ids of the chunks that the next generation will show, sorted."""
        rows = self._catalog.records(
            "SELECT id FROM chunks WHERE dataset = ? AND removed IS NULL ORDER BY id",
            (self._dataset,),
        )
        return [row["id"] for row in rows]

    def chunks_after(self, last: str, page: int) -> list[Chunk]:
        """Return so many of these chunks, by id, from the one after ``last``."""
        rows = self._catalog.records(
            f"SELECT {CHUNK_COLUMNS} FROM chunks "
            "WHERE dataset = ? AND removed IS NULL AND id > ? ORDER BY id LIMIT ?",
            (self._dataset, last, page),
        )
        return [chunk_of(row) for row in rows]

    def dead_vectors(self) -> int:
        """Return how many deleted vectors the published index still carries."""
        [row] = self._catalog.records("SELECT dead FROM datasets WHERE id = ?", (self._dataset,))
        return int(row["dead"])

    def publish(
        self, embedding: EmbedderSpec, splitter: SplitterSpec, dead: int, *, new_vectors: bool
    ) -> None:
        """Set the dataset's generation to the next; durable when this returns.

        ``dead`` counts deleted vectors that the index carries; with ``new_vectors`` the next
        generation has a version of the index of its own.
        """
        with self._catalog.transaction(durable=True):
            self._catalog.change(
                "UPDATE datasets SET generation = ?, "
                "vectors = CASE WHEN ? = 1 THEN ? ELSE vectors END, "
                "files = ?, chunks = ?, dead = ?, "
                "provider = ?, model = ?, dimensions = ?, model_options = ?, "
                "chunk_size = ?, chunk_overlap = ?, "
                "staged = 0, updated_at = ? WHERE id = ?",
                (
                    self._next,
                    int(new_vectors),
                    self._next,
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

    def _leftovers(self) -> Record:
        mine = (self._dataset, self._published)
        [row] = self._catalog.records(
            "SELECT staged, EXISTS (SELECT 1 FROM files WHERE dataset = ? AND removed < ?) "
            "OR EXISTS (SELECT 1 FROM chunks WHERE dataset = ? AND removed < ?) AS old "
            "FROM datasets WHERE id = ?",
            (*mine, *mine, self._dataset),
        )
        return row

    def _mark(self) -> None:
        self._catalog.change("UPDATE datasets SET staged = 1 WHERE id = ?", (self._dataset,))

    def _change(self, statement: str) -> None:
        self._catalog.change(statement, (self._dataset, self._published))

    def _count(self, table: str) -> int:
        [row] = self._catalog.records(
            f"SELECT count(*) AS counted FROM {table} WHERE dataset = ? AND removed IS NULL",
            (self._dataset,),
        )
        return int(row["counted"])
