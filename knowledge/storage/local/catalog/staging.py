"""Rows of the next generation in SQLite, with their full-text terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any

from knowledge.model import Chunk, SourceFile
from knowledge.storage.changes import FileChange
from knowledge.storage.local.catalog import sparse_lists
from knowledge.storage.local.catalog.fulltext import in_dataset
from knowledge.storage.relational.packing import packed
from knowledge.storage.relational.rows import (
    CHUNK_COLUMNS,
    FILE_COLUMNS,
    chunk_values,
    file_values,
)
from knowledge.storage.relational.staging import KEEP_SPARSE, Staging, by_file, with_terms

_INSERT_FILES = f"INSERT INTO files (dataset, added, {FILE_COLUMNS}) VALUES"
_FILES = 500
"""Files of one statement, of which SQLite takes 32,766 values."""
_INSERT_CHUNK = (
    f"INSERT INTO chunks (row, dataset, added, language, {CHUNK_COLUMNS}) "
    f"VALUES (?, ?, ?, ?{', ?' * 14})"
)
_TEXT = CHUNK_COLUMNS.split(", ").index("text")
_INSERT_TERMS = "INSERT INTO chunks_fts (rowid, terms) VALUES (?, ?)"


class LocalStaging(Staging):
    """Writes rows that belong to the generation after the dataset's published one."""

    def write_files(self, changes: Iterable[FileChange]) -> None:
        """Stage files with their chunks, in one transaction."""
        with self._catalog.transaction():
            self._mark()
            rows = self._free_rows()
            for batch in by_file(changes):
                self._write(batch, rows)

    def _write(self, changes: list[FileChange], rows: Iterator[int]) -> None:
        """Write changes of different files."""
        written = [(change, [*change.diff.added, *change.diff.moved]) for change in changes]
        for change, chunks in written:
            if self._is_stored(change.file):
                self._remove_rows("files", [change.file.id])
                replaced = [chunk.id for chunk in chunks]  # moved, or added again by force
                self._remove_rows("chunks", [*change.diff.removed, *replaced])
        self._insert_files([change.file for change in changes])
        for change, chunks in written:
            self._insert_chunks(change, chunks, rows)
            self._catalog.change_many(
                KEEP_SPARSE,
                [(self._dataset, chunk.id, self._next) for chunk in change.diff.moved],
            )

    def _insert_files(self, files: Sequence[SourceFile]) -> None:
        """Insert rows of files, many by one statement.

        A trigger lists their names, and FTS5 writes out what it holds back before each statement
        with a trigger: one for each file made a segment of both lists for each.
        """
        for start in range(0, len(files), _FILES):
            part = files[start : start + _FILES]
            rows = [(self._dataset, self._next, *file_values(file)) for file in part]
            marks = f"({', '.join('?' * len(rows[0]))})"
            self._catalog.change(
                f"{_INSERT_FILES} {', '.join([marks] * len(rows))}",
                [value for row in rows for value in row],
            )

    def list_sparse(self) -> None:
        """Bring the lists of sparse vectors up to date, where it is worth it."""
        with self._catalog.transaction():
            sparse_lists.extend(self._catalog, self._dataset)

    def _remove_rows(self, table: str, ids: Sequence[str]) -> None:
        self._catalog.change_many(
            f"UPDATE {table} SET removed = ? WHERE dataset = ? AND id = ? AND removed IS NULL",
            [(self._next, self._dataset, id) for id in ids],
        )

    def _insert_chunks(
        self, change: FileChange, chunks: Sequence[Chunk], free: Iterator[int]
    ) -> None:
        rows = list(islice(free, len(chunks)))
        told = with_terms(change, chunks)
        self._catalog.change_many(
            _INSERT_CHUNK,
            [
                (row, self._dataset, self._next, language, *_values(chunk))
                for row, (language, _), chunk in zip(rows, told, chunks, strict=True)
            ],
        )
        self._write_known_sparse(change, zip(rows, chunks, strict=True))
        self._catalog.change_many(
            _INSERT_TERMS,
            [
                (row, in_dataset(self._dataset, terms))
                for row, (_, terms) in zip(rows, told, strict=True)
            ],
        )

    def _free_rows(self) -> Iterator[int]:
        [last] = self._catalog.records("SELECT coalesce(max(row), 0) AS last FROM chunks")
        return count(max(last["last"], sparse_lists.last_row(self._catalog, self._dataset)) + 1)

    def _is_stored(self, file: SourceFile) -> bool:
        found = self._catalog.records(
            "SELECT 1 FROM files WHERE dataset = ? AND id = ? AND removed IS NULL",
            (self._dataset, file.id),
        )
        return bool(found)


def _values(chunk: Chunk) -> tuple[Any, ...]:
    """Return the values of ``CHUNK_COLUMNS``, the text as it is stored here."""
    values = chunk_values(chunk)
    return (*values[:_TEXT], packed(chunk.passage.text), *values[_TEXT + 1 :])
