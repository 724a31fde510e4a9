"""One state of the catalog, for readers: what SQLite does in ways of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.model import Dataset, SourceFile
from knowledge.storage.local.catalog import fulltext, sparse_lists, stored_columns
from knowledge.storage.relational.rows import FILE_COLUMNS, file_of
from knowledge.storage.relational.snapshot import PAGE, STATE_COLUMNS, VISIBLE, SqlSnapshot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.columns import StoredColumns
    from knowledge.storage.local.layout import DataFolder
    from knowledge.storage.store import FileState


class Snapshot(SqlSnapshot):
    """The published datasets, files and chunks inside one read transaction.

    Made by :meth:`Catalog.snapshot`; dead when that context ends.
    """

    def __init__(self, connection: sqlite3.Connection, folder: DataFolder) -> None:
        super().__init__()
        self._connection = connection
        self._folder = folder

    def stored_columns(self, dataset: Dataset) -> StoredColumns | None:
        """Return the columns that were kept beside the vectors of what the dataset shows."""
        return stored_columns.read(*self._kept(dataset))

    def keep_columns(self, dataset: Dataset, columns: StoredColumns) -> None:
        """Keep the columns of what the dataset shows, beside its vectors."""
        stored_columns.write(*self._kept(dataset), columns)

    def _kept(self, dataset: Dataset) -> tuple[Path, dict[str, Any]]:
        home = self._folder.generation(dataset.key, dataset.vectors)
        return home / stored_columns.NAME, stored_columns.state_of(dataset, self._folder.catalog)

    def file_states(self, dataset: Dataset) -> list[FileState]:
        """Return what tells of each file whether it has changed; a plain tuple each."""
        last = self._plain("SELECT max(row) FROM files", ()).fetchone()[0] or 0
        # Most of a table is read in half the time where no index says what.
        way = "NOT INDEXED" if 2 * dataset.files > last else ""
        found = self._plain(
            f"SELECT {STATE_COLUMNS} FROM files {way} WHERE dataset = ? AND {VISIBLE}",
            self._shown(dataset),
        )
        return found.fetchall()

    def file_identities(self, dataset: Dataset) -> list[tuple[str, str, str]]:
        """Return the id, the path and the content's hash of each file."""
        found = self._plain(
            "SELECT id, path, content_hash FROM files "
            f"WHERE dataset = ? AND {VISIBLE} ORDER BY path",
            self._shown(dataset),
        )
        return found.fetchall()

    def terms_of_rows(self, rows: Sequence[int]) -> dict[int, frozenset[str]]:
        """Return the full-text terms that the texts of some rows have, by row."""
        found: dict[int, frozenset[str]] = {}
        for start in range(0, len(rows), PAGE):
            page = rows[start : start + PAGE]
            marks = ", ".join("?" * len(page))
            query = f"SELECT row, terms FROM chunks_terms WHERE row IN ({marks})"
            for row, terms in self._plain(query, page):
                found[row] = frozenset(term.partition("~")[2] for term in terms.split(" "))
        return found

    def chunk_sizes(self, dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of all chunks, and how many tokens each has, in no order."""
        # One text of all numbers takes a third of the time that one row each takes.
        rows, tokens = self._plain(
            "SELECT group_concat(row), group_concat(tokens) FROM chunks INDEXED BY chunks_sizes "
            f"WHERE dataset = ? AND {VISIBLE}",
            self._shown(dataset),
        ).fetchone()
        return _array(rows), _array(tokens)

    def unlisted_sparse(self, dataset: Dataset) -> list[tuple[int, bytes, bytes]]:
        """Return row, terms and weights of the sparse vectors that are in no list, by row."""
        return sparse_lists.unlisted(self._connection, self._dataset_id(dataset))

    def sparse_lists(
        self, dataset: Dataset, terms: Sequence[int]
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (term, rows as uint32, weights as float16) of the lists of some terms, by term."""
        return sparse_lists.lists(self._connection, self._dataset_id(dataset), terms)

    def file_sizes(
        self, dataset: Dataset
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of all chunks, file by file, how many each file has, and its own row.

        A file's row is 0 where it is not shown.
        """
        found = self._plain(
            "SELECT group_concat(rows), group_concat(chunks), group_concat(file) FROM ("
            "SELECT group_concat(chunks.row) AS rows, count(*) AS chunks, coalesce(("
            "SELECT row FROM files WHERE dataset = ? AND id = chunks.file_id "
            f"AND {VISIBLE}), 0) AS file "
            "FROM chunks WHERE dataset = ? GROUP BY file_id)",
            (*self._shown(dataset), self._dataset_id(dataset)),
        ).fetchone()
        return _array(found[0]), _array(found[1]), _array(found[2])

    def files_named(self, dataset: Dataset, term: str) -> NDArray[np.int64]:
        """Return the rows of the files whose name or title holds a full-text term."""
        return _array(fulltext.files_named(self._connection, self._dataset_id(dataset), term))

    def rows_with_ids(self, dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
        """Return pairs of rows and ids, in UTF-8, of all chunks, whatever generation."""
        import numpy as np

        # One text of all, in the order of the index, takes a fifth of the time of a row each.
        rows, ids = self._plain(
            "SELECT group_concat(row), group_concat(id) FROM chunks INDEXED BY chunks_id "
            "WHERE dataset = ?",
            [self._dataset_id(dataset)],
        ).fetchone()
        found = ids.encode().split(b",") if ids else []
        return _array(rows), np.array(found, dtype=np.bytes_)

    def rows_with_term(self, dataset: Dataset, term: str, count: int) -> NDArray[np.int64]:
        """Return the rows of the chunks that hold a full-text term, whatever generation.

        Parameters
        ----------
        count:
            One of ``terms.COUNTS``: how often they must hold it at least.
        """
        return _array(fulltext.rows_with(self._connection, self._dataset_id(dataset), term, count))

    def vocabulary(self, dataset: Dataset, least: int) -> list[str]:
        """Return the full-text terms of so many characters or more, of any generation, in order."""
        return fulltext.vocabulary(self._connection, self._dataset_id(dataset), least)

    def languages(self, dataset: Dataset) -> list[str]:
        """Return the languages in which the chunks' full-text terms are stemmed."""
        return fulltext.languages(self._connection, self._dataset_id(dataset))

    def files_with_rows(self, dataset: Dataset) -> Iterator[tuple[SourceFile, NDArray[np.int64]]]:
        """Yield the files, each with the rows of its chunks, whatever generation."""
        listed = self._plain(
            "SELECT file_id, group_concat(row) FROM chunks WHERE dataset = ? GROUP BY file_id",
            [self._dataset_id(dataset)],
        )
        rows = dict(listed.fetchall())
        for row in self._select("files", FILE_COLUMNS, dataset):
            yield file_of(row), _array(rows.get(row["id"]))

    def _records(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(query, values)

    def _plain(self, query: str, values: Sequence[Any]) -> sqlite3.Cursor:
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor.execute(query, values)


def _array(listed: str | None) -> NDArray[np.int64]:
    """Return the numbers of a text such as ``1,2,3``."""
    import numpy as np

    return np.fromstring(listed or "", dtype=np.int64, sep=",")
