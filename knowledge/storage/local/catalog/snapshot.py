"""One state of the catalog, for readers."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from knowledge.errors import DamagedStoreError, DatasetNotFoundError
from knowledge.model import Chunk, Dataset, SourceFile
from knowledge.storage.dataset_names import no_dataset
from knowledge.storage.identity import garbled, is_own_id
from knowledge.storage.local.catalog import fulltext
from knowledge.storage.local.catalog.rows import (
    CHUNK_COLUMNS,
    FILE_COLUMNS,
    chunk_of,
    dataset_of,
    file_of,
)
from knowledge.storage.local.catalog.schema import VISIBLE
from knowledge.storage.local.layout import HIDDEN
from knowledge.storage.shown_path import shown
from knowledge.storage.store import FileState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAGE = 5_000  # SQLite allows 32,766 variables in a statement
READ_AGAIN = "`knowledge doctor --fix` reads the file again, where it is still there."


class Snapshot:
    """The published datasets, files and chunks inside one read transaction.

    Made by :meth:`Catalog.snapshot`; dead when that context ends.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def dataset(self, name: str) -> Dataset:
        """Return a dataset.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        row = self._connection.execute("SELECT * FROM datasets WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise no_dataset(name, self.names())
        return dataset_of(row)

    def dataset_by_key(self, key: str) -> Dataset:
        """Return the dataset with this key, whatever its name is.

        Raises
        ------
        DatasetNotFoundError
            It was deleted.
        """
        row = self._connection.execute("SELECT * FROM datasets WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise DatasetNotFoundError(f"the dataset {key!r} was deleted by another process")
        return dataset_of(row)

    def names(self) -> list[str]:
        """Return the names of all datasets, in order."""
        rows = self._plain("SELECT name FROM datasets ORDER BY name", ())
        return [name for (name,) in rows if not str(name).startswith(HIDDEN)]

    def state(self) -> list[tuple[Any, ...]]:
        """Return what changes with each publish: whose folders are to be read."""
        query = "SELECT key, name, generation, vectors FROM datasets ORDER BY id"
        return [row for row in self._plain(query, ()) if not str(row[1]).startswith(HIDDEN)]

    def files(self, dataset: Dataset) -> Iterator[SourceFile]:
        """Yield the dataset's files by path."""
        yield from map(file_of, self._select("files", FILE_COLUMNS, dataset, "", "ORDER BY path"))

    def file_states(self, dataset: Dataset) -> list[FileState]:
        """Return what tells of each file whether it has changed; a plain tuple each."""
        last = self._plain("SELECT max(row) FROM files", ()).fetchone()[0] or 0
        # Most of a table is read in half the time where no index says what.
        way = "NOT INDEXED" if 2 * dataset.files > last else ""
        found = self._plain(
            "SELECT path, size, mtime_ns, ingested_at, chunks, given, remembered "
            f"FROM files {way} WHERE dataset = :dataset AND {VISIBLE}",
            {"dataset": self._dataset_id(dataset), "generation": dataset.generation},
        )
        return found.fetchall()

    def file_identities(self, dataset: Dataset) -> list[tuple[str, str, str]]:
        """Return the id, the path and the content's hash of each file."""
        found = self._plain(
            "SELECT id, path, content_hash FROM files "
            f"WHERE dataset = :dataset AND {VISIBLE} ORDER BY path",
            {"dataset": self._dataset_id(dataset), "generation": dataset.generation},
        )
        return found.fetchall()

    def file(self, dataset: Dataset, *, id: str | None = None, path: str = "") -> SourceFile | None:
        """Return the file with this id, or else with this path; ``None`` when there is none."""
        column, value = ("path", path) if id is None else ("id", id)
        rows = self._select("files", FILE_COLUMNS, dataset, f"AND {column} = :value", value=value)
        return next(map(file_of, rows), None)

    def find_file(self, dataset: Dataset, text: str) -> SourceFile | None:
        """Return the file that ``text`` names: by id, by stored name, or by a path to it."""
        found = None if _has_stray_bytes(text) else self.file(dataset, id=text)
        if found is None and not _has_stray_bytes(text):
            found = self.file(dataset, path=text)  # as list-files shows it
        for path in (text, os.path.abspath(text), os.path.realpath(text)):  # noqa: PTH100
            found = found or self.file(dataset, path=shown(path))
        return found

    def files_ending_with(self, dataset: Dataset, end: str, limit: int) -> list[SourceFile]:
        """Return the first files by path whose path ends with ``end``, at the start of a name."""
        rows = self._select(
            "files",
            FILE_COLUMNS,
            dataset,
            "AND substr(path, -length(:end)) = :end",
            "ORDER BY path LIMIT :limit",
            end="/" + shown(end),
            limit=limit,
        )
        return list(map(file_of, rows))

    def files_by_id(self, dataset: Dataset, ids: Iterable[str]) -> dict[str, SourceFile]:
        """Return the files with these ids, by id."""
        rows = self._select_in("files", FILE_COLUMNS, dataset, ids)
        return {row["id"]: file_of(row) for row in rows}

    def chunks_of_file(self, dataset: Dataset, file_id: str, *, proven: bool = True) -> list[Chunk]:
        """Return a file's chunks in order.

        Parameters
        ----------
        proven:
            False for who puts others in their place: a damaged text stops nobody then.

        Raises
        ------
        DamagedStoreError
            A text is not what was stored.
        """
        rows = self._select(
            "chunks",
            CHUNK_COLUMNS,
            dataset,
            "AND file_id = :file",
            "ORDER BY ordinal",
            file=file_id,
        )
        chunks = [chunk_of(row) for row in rows]
        if proven:  # in order, the number of a repeat is known, and by nothing else
            self._prove(dataset, garbled(chunks))
        return chunks

    def chunks_by_prefix(self, dataset: Dataset, prefix: str) -> list[Chunk]:
        """Return up to two chunks whose id begins with ``prefix``, which is alphanumeric.

        Raises
        ------
        DamagedStoreError
            A text is not what was stored.
        """
        rows = self._select(
            "chunks", CHUNK_COLUMNS, dataset, "AND id GLOB :glob", "LIMIT 2", glob=f"{prefix}*"
        )
        chunks = [chunk_of(row) for row in rows]
        self._prove(dataset, chunks)
        return chunks

    def chunks(self, dataset: Dataset, ids: Iterable[str]) -> dict[str, Chunk]:
        """Return the chunks with these ids, by id.

        Raises
        ------
        DamagedStoreError
            A text is not what was stored.
        """
        rows = self._select_in("chunks", CHUNK_COLUMNS, dataset, ids)
        chunks = {row["id"]: chunk_of(row) for row in rows}
        self._prove(dataset, chunks.values())
        return chunks

    def _prove(self, dataset: Dataset, chunks: Iterable[Chunk]) -> None:
        """Raise where a chunk's id is not the hash of its file, its headings and its text."""
        for chunk in chunks:
            if not is_own_id(chunk):
                file = self.file(dataset, id=chunk.file_id)
                raise DamagedStoreError(
                    f"a text of {file.path if file else 'a file that is not there'} is not what "
                    f"was stored (chunk {chunk.id})",
                    hint=READ_AGAIN,
                )

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
        columns = "group_concat(row) AS rows, group_concat(tokens) AS tokens"
        found = self._select("chunks INDEXED BY chunks_sizes", columns, dataset).fetchone()
        return _array(found["rows"]), _array(found["tokens"])

    def sparse(self, dataset: Dataset) -> list[tuple[int, bytes, bytes]]:
        """Return the rows of the chunks with a sparse vector, its terms and its weights."""
        query = (
            "SELECT row, sparse.terms, weights FROM sparse JOIN chunks USING (row) "
            "WHERE dataset = ? ORDER BY row"
        )
        return list(self._plain(query, [self._dataset_id(dataset)]))

    def file_sizes(
        self, dataset: Dataset
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of all chunks, file by file, how many each file has, and its own row.

        A file's row is 0 where it is not shown.
        """
        found = self._plain(
            "SELECT group_concat(rows), group_concat(chunks), group_concat(file) FROM ("
            "SELECT group_concat(chunks.row) AS rows, count(*) AS chunks, coalesce(("
            "SELECT row FROM files WHERE dataset = :dataset AND id = chunks.file_id "
            f"AND {VISIBLE}), 0) AS file "
            "FROM chunks WHERE dataset = :dataset GROUP BY file_id)",
            {"dataset": self._dataset_id(dataset), "generation": dataset.generation},
        ).fetchone()
        return _array(found[0]), _array(found[1]), _array(found[2])

    def files_named(self, dataset: Dataset, term: str) -> NDArray[np.int64]:
        """Return the rows of the files whose name or title holds a full-text term."""
        return _array(fulltext.files_named(self._connection, self._dataset_id(dataset), term))

    def ids_of_rows(self, rows: Sequence[int]) -> dict[int, str]:
        """Return the ids of the chunks in some rows, by row."""
        found: dict[int, str] = {}
        for start in range(0, len(rows), PAGE):
            page = rows[start : start + PAGE]
            marks = ", ".join("?" * len(page))
            found.update(self._plain(f"SELECT row, id FROM chunks WHERE row IN ({marks})", page))
        return found

    def rows_of_ids(
        self, dataset: Dataset, ids: Sequence[str]
    ) -> tuple[NDArray[np.int64], list[str]]:
        """Return pairs of rows and ids of some chunks, whatever generation."""
        import numpy as np

        number = self._dataset_id(dataset)
        pairs: list[tuple[int, str]] = []
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            marks = ", ".join("?" * len(page))
            query = f"SELECT row, id FROM chunks WHERE dataset = ? AND id IN ({marks})"
            pairs.extend(self._plain(query, [number, *page]))
        return np.array([row for row, _ in pairs], dtype=np.int64), [id for _, id in pairs]

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

    def chunk_ids(self, dataset: Dataset) -> list[str]:
        """Return the ids of all chunks."""
        return [row["id"] for row in self._select("chunks", "id", dataset, "", "ORDER BY id")]

    def rows_with_term(self, dataset: Dataset, term: str, count: int) -> NDArray[np.int64]:
        """Return the rows of the chunks that hold a full-text term, whatever generation.

        Parameters
        ----------
        count:
            One of ``fulltext.COUNTS``: how often they must hold it at least.
        """
        return _array(fulltext.rows_with(self._connection, self._dataset_id(dataset), term, count))

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

    def own_metadata(self, dataset: Dataset) -> tuple[NDArray[np.int64], list[dict[str, Any]]]:
        """Return the rows of the chunks with metadata of their own, and that metadata."""
        import numpy as np

        found = self._select("chunks", "row, metadata", dataset, "AND metadata IS NOT NULL")
        pairs = [(row["row"], json.loads(row["metadata"])) for row in found]
        return np.array([row for row, _ in pairs], dtype=np.int64), [own for _, own in pairs]

    def texts(self, dataset: Dataset) -> Iterator[tuple[int, str]]:
        """Yield the row of each chunk with its headings and its text, each on lines of its own."""
        for row in self._select("chunks", "row, heading, text", dataset):
            yield row["row"], "\n".join([*json.loads(row["heading"]), row["text"]])

    def revision(self, dataset: Dataset) -> int:
        """Return a number that grows with each change of a file that made no generation."""
        query = "SELECT touched FROM datasets WHERE key = ?"
        row = self._plain(query, [dataset.key]).fetchone()
        return int(row[0]) if row else 0

    def _plain(self, query: str, values: Sequence[Any] | dict[str, Any]) -> sqlite3.Cursor:
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor.execute(query, values)

    def _dataset_id(self, dataset: Dataset) -> int:
        row = self._connection.execute(
            "SELECT id FROM datasets WHERE key = ?", (dataset.key,)
        ).fetchone()
        return int(row["id"]) if row else -1

    def _select(
        self,
        table: str,
        columns: str,
        dataset: Dataset,
        condition: str = "",
        order: str = "",
        **values: Any,
    ) -> sqlite3.Cursor:
        return self._connection.execute(
            f"SELECT {columns} FROM {table} "
            f"WHERE dataset = :dataset AND {VISIBLE} {condition} {order}",
            {
                **values,
                "dataset": self._dataset_id(dataset),
                "generation": dataset.generation,
            },
        )

    def _select_in(
        self, table: str, columns: str, dataset: Dataset, ids: Iterable[str]
    ) -> Iterator[sqlite3.Row]:
        remaining = iter(ids)
        while page := list(islice(remaining, PAGE)):
            names = [f"id{number}" for number in range(len(page))]
            condition = f"AND id IN ({', '.join(f':{name}' for name in names)})"
            values = dict(zip(names, page, strict=True))
            # All at once: a cursor that is left half read complains when its database is closed.
            yield from self._select(table, columns, dataset, condition, **values).fetchall()


def _has_stray_bytes(text: str) -> bool:
    """Tell whether ``text`` is a path with bytes that are no UTF-8, which SQLite does not take."""
    return not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text)


def _array(listed: str | None) -> NDArray[np.int64]:
    """Return the numbers of a text such as ``1,2,3``."""
    import numpy as np

    return np.fromstring(listed or "", dtype=np.int64, sep=",")
