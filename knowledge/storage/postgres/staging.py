"""Rows of the next generation in Postgres, with their full-text lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from knowledge.model import Chunk, Dataset, EmbedderSpec, SourceFile, SplitterSpec
from knowledge.storage.changes import FileChange
from knowledge.storage.postgres import postings
from knowledge.storage.relational.rows import (
    CHUNK_COLUMNS,
    FILE_COLUMNS,
    chunk_values,
    file_values,
)
from knowledge.storage.relational.staging import KEEP_SPARSE, Staging, by_file, with_terms
from knowledge.storage.terms import name_terms_of

if TYPE_CHECKING:
    from knowledge.storage.postgres.catalog import PostgresCatalog

_FILE_COLUMNS = ("dataset", "added", "terms", *FILE_COLUMNS.split(", "))
_FILE_TYPES = (
    *("int8", "int4", "text[]"),
    *("text", "text", "text", "int8", "int8", "text"),
    *("int4", "int8", "text", "text", "text", "text"),
)
_CHUNK_COLUMNS = ('"row"', "dataset", "added", "language", *CHUNK_COLUMNS.split(", "))
_CHUNK_TYPES = (
    *("int8", "int8", "int4", "text"),
    *("text", "text", "int4", "text", "text", "int4", "int4"),
    *("int4", "int4", "int4", "int4", "int4", "text", "text"),
)


def name_terms(dataset: int, file: SourceFile) -> list[str]:
    """Return the terms of a file's name and title, each with its dataset's number before it."""
    titles = (file.given.get("title"), file.metadata.get("title"))
    found = name_terms_of(file.name, next((t for t in titles if isinstance(t, str) and t), ""))
    return [f"{dataset}~{term}" for term in found.split()]


class PostgresStaging(Staging):
    """Writes rows that belong to the generation after the dataset's published one."""

    def __init__(self, catalog: PostgresCatalog, dataset: Dataset) -> None:
        super().__init__(catalog, dataset)
        self._session = catalog.session
        self._postings = postings.PostingsWriter(self._session, self._dataset, self._next)

    def sweep(self) -> None:
        """Undo rows of a run that was not published; drop rows that no reader can see."""
        self._postings.clear()
        with self._catalog.transaction():
            postings.sweep(self._session, self._dataset, self._published)
            super().sweep()

    def write_files(self, changes: Iterable[FileChange]) -> None:
        """Stage files with their chunks, in one transaction."""
        with self._catalog.transaction():
            self._mark()
            for batch in by_file(changes):
                self._write(batch)
            if self._postings.is_full:
                self._postings.flush()

    def touch_file(self, file: SourceFile) -> None:
        """Change the row of a file in place."""
        with self._catalog.transaction():
            super().touch_file(file)
            self._catalog.change(
                "UPDATE files SET terms = ? WHERE dataset = ? AND id = ? AND removed IS NULL",
                (name_terms(self._dataset, file), self._dataset, file.id),
            )
            self._catalog.change(
                "UPDATE datasets SET touched = touched + 1 WHERE id = ?", (self._dataset,)
            )

    def publish(
        self, embedding: EmbedderSpec, splitter: SplitterSpec, dead: int, *, new_vectors: bool
    ) -> None:
        """Set the dataset's generation to the next; durable when this returns."""
        with self._catalog.transaction(durable=True):
            self._postings.flush()
            postings.merge(self._session, self._dataset, self._next)
            super().publish(embedding, splitter, dead, new_vectors=new_vectors)

    def _write(self, changes: list[FileChange]) -> None:
        """Write changes of different files."""
        written = [(change, [*change.diff.added, *change.diff.moved]) for change in changes]
        stored = self._stored([change.file.id for change in changes])
        gone = [
            id
            for change, chunks in written
            if change.file.id in stored  # moved, or added again by force
            for id in (*change.diff.removed, *(chunk.id for chunk in chunks))
        ]
        self._remove("files", sorted(stored))
        self._remove("chunks", gone)
        self._session.copy(
            "files",
            _FILE_COLUMNS,
            _FILE_TYPES,
            (
                (
                    self._dataset,
                    self._next,
                    name_terms(self._dataset, change.file),
                    *file_values(change.file),
                )
                for change in changes
            ),
        )
        self._copy_chunks(written)
        self._catalog.change_many(
            KEEP_SPARSE,
            [
                (self._dataset, chunk.id, self._next)
                for change in changes
                for chunk in change.diff.moved
            ],
        )

    def _copy_chunks(self, written: list[tuple[FileChange, list[Chunk]]]) -> None:
        numbers = self._free_rows(sum(len(chunks) for _, chunks in written))
        free = iter(numbers)

        def rows() -> Iterator[tuple[Any, ...]]:
            for change, chunks in written:
                told = with_terms(change, chunks)
                for (language, terms), chunk, row in zip(told, chunks, free, strict=False):
                    self._postings.add(row, terms)
                    yield (row, self._dataset, self._next, language, *chunk_values(chunk))

        self._session.copy("chunks", _CHUNK_COLUMNS, _CHUNK_TYPES, rows())
        used = iter(numbers)
        for change, chunks in written:
            own = zip(chunks, used, strict=False)
            self._write_known_sparse(change, [(row, chunk) for chunk, row in own])

    def _free_rows(self, count: int) -> list[int]:
        found = self._session.rows(
            "SELECT nextval(pg_get_serial_sequence('chunks', 'row')) FROM generate_series(1, ?)",
            (count,),
        )
        return sorted(row for (row,) in found)

    def _stored(self, ids: list[str]) -> set[str]:
        found = self._session.rows(
            "SELECT id FROM files WHERE dataset = ? AND id = ANY(?) AND removed IS NULL",
            (self._dataset, ids),
        )
        return {id for (id,) in found}

    def _remove(self, table: str, ids: list[str]) -> None:
        if ids:
            self._catalog.change(
                f"UPDATE {table} SET removed = ? "
                "WHERE dataset = ? AND id = ANY(?) AND removed IS NULL",
                (self._next, self._dataset, ids),
            )
