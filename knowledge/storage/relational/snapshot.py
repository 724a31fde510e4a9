"""One state of a catalog in SQL, for readers."""

from __future__ import annotations

import json
import os
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from knowledge.errors import DamagedStoreError, DatasetNotFoundError
from knowledge.model import Chunk, Dataset, SourceFile
from knowledge.storage.dataset_names import HIDDEN, no_dataset
from knowledge.storage.identity import garbled, is_own_id
from knowledge.storage.relational.packing import unpacked
from knowledge.storage.relational.rows import (
    CHUNK_COLUMNS,
    FILE_COLUMNS,
    Record,
    chunk_of,
    dataset_of,
    file_of,
)
from knowledge.storage.shown_path import shown
from knowledge.storage.store import Snapshot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.changes import SparseBytes
    from knowledge.storage.columns import StoredColumns

PAGE = 5_000  # SQLite allows 32,766 variables in a statement
READ_AGAIN = "`knowledge doctor --fix` reads the file again, where it is still there."
STATE_COLUMNS = "path, size, mtime_ns, ingested_at, chunks, given, remembered"
"""Of a ``FileState``."""
VISIBLE = "added <= ? AND (removed IS NULL OR removed > ?)"
"""SQL: the rows that a generation shows, which is given twice."""


class SqlSnapshot(Snapshot):
    """The published datasets, files and chunks inside one read transaction.

    Made by :meth:`SqlCatalog.snapshot`; dead when that context ends.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def sparse_of_ids(self, dataset: Dataset, ids: Sequence[str]) -> dict[str, SparseBytes]:
        """Return the sparse vectors of some chunks, by id, of those that have one."""
        number = self._dataset_id(dataset)
        found: dict[str, SparseBytes] = {}
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            rows = self._records(
                'SELECT id, sparse.terms, weights FROM chunks JOIN sparse USING ("row") '
                f"WHERE dataset = ? AND id IN ({', '.join('?' * len(page))})",
                (number, *page),
            )
            found.update({row["id"]: (row["terms"], row["weights"]) for row in rows})
        return found

    @abstractmethod
    def _records(self, query: str, values: Sequence[Any] = ()) -> Iterable[Record]:
        """Execute a query, with ``?`` for values; return its rows."""

    def dataset(self, name: str) -> Dataset:
        """Return a dataset.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        found = self._first("SELECT * FROM datasets WHERE name = ?", (name,))
        if found is None:
            raise no_dataset(name, self.names())
        return dataset_of(found)

    def dataset_by_key(self, key: str) -> Dataset:
        """Return the dataset with this key, whatever its name is.

        Raises
        ------
        DatasetNotFoundError
            It was deleted.
        """
        found = self._first("SELECT * FROM datasets WHERE key = ?", (key,))
        if found is None:
            raise DatasetNotFoundError(f"the dataset {key!r} was deleted by another process")
        return dataset_of(found)

    def names(self) -> list[str]:
        """Return the names of all datasets, in order."""
        rows = self._records("SELECT name FROM datasets ORDER BY name")
        return [row["name"] for row in rows if not str(row["name"]).startswith(HIDDEN)]

    def state(self) -> list[tuple[Any, ...]]:
        """Return what changes with each publish: whose versions are to be read."""
        query = "SELECT key, name, generation, vectors FROM datasets ORDER BY id"
        return [
            (row["key"], row["name"], row["generation"], row["vectors"])
            for row in self._records(query)
            if not str(row["name"]).startswith(HIDDEN)
        ]

    def files(self, dataset: Dataset) -> Iterator[SourceFile]:
        """Yield the dataset's files by path."""
        yield from map(file_of, self._select("files", FILE_COLUMNS, dataset, "", "ORDER BY path"))

    def files_page(
        self, dataset: Dataset, part: str, after: str, limit: int
    ) -> tuple[list[SourceFile], int]:
        """Return the first files by path behind a path, and how many there are before and behind.

        Parameters
        ----------
        part:
            What their paths must hold, whatever its case; empty is any.
        """
        holds, values = holding("path", part)
        [count] = self._select("files", "count(*) AS number", dataset, f"AND {holds}", "", *values)
        rows = self._select(
            "files",
            FILE_COLUMNS,
            dataset,
            f"AND path > ? AND {holds}",
            "ORDER BY path LIMIT ?",
            after,
            *values,
            limit,
        )
        return [*map(file_of, rows)], int(count["number"])

    def file(self, dataset: Dataset, *, id: str | None = None, path: str = "") -> SourceFile | None:
        """Return the file with this id, or else with this path; ``None`` when there is none."""
        column, value = ("path", path) if id is None else ("id", id)
        rows = self._select("files", FILE_COLUMNS, dataset, f"AND {column} = ?", "", value)
        return next(map(file_of, rows), None)

    def find_file(self, dataset: Dataset, text: str) -> SourceFile | None:
        """Return the file that ``text`` names: by id, by stored name, or by a path to it."""
        if "\0" in text:
            return None
        found = None if _has_stray_bytes(text) else self.file(dataset, id=text)
        if found is None and not _has_stray_bytes(text):
            found = self.file(dataset, path=text)  # as list-files shows it
        for path in (text, os.path.abspath(text), os.path.realpath(text)):  # noqa: PTH100
            found = found or self.file(dataset, path=shown(path))
        return found

    def files_ending_with(self, dataset: Dataset, end: str, limit: int) -> list[SourceFile]:
        """Return the first files by path whose path ends with ``end``, at the start of a name."""
        wanted = "/" + shown(end)
        rows = self._select(
            "files",
            FILE_COLUMNS,
            dataset,
            "AND length(path) >= ? AND substr(path, length(path) - ? + 1) = ?",
            "ORDER BY path LIMIT ?",
            len(wanted),
            len(wanted),
            wanted,
            limit,
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
            "chunks", CHUNK_COLUMNS, dataset, "AND file_id = ?", "ORDER BY ordinal", file_id
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
            "chunks",
            CHUNK_COLUMNS,
            dataset,
            "AND id >= ? AND id < ?",
            "LIMIT 2",
            prefix,
            prefix + "~",  # no letter or digit comes after it
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

    def chunk_ids(self, dataset: Dataset) -> list[str]:
        """Return the ids of all chunks."""
        return [row["id"] for row in self._select("chunks", "id", dataset, "", "ORDER BY id")]

    def ids_of_rows(self, rows: Sequence[int]) -> dict[int, str]:
        """Return the ids of the chunks in some rows, by row."""
        found: dict[int, str] = {}
        for page in _pages(rows):
            query = f'SELECT "row", id FROM chunks WHERE "row" IN ({_marks(page)})'
            found.update((row["row"], row["id"]) for row in self._records(query, page))
        return found

    def rows_of_ids(
        self, dataset: Dataset, ids: Sequence[str]
    ) -> tuple[NDArray[np.int64], list[str]]:
        """Return pairs of rows and ids of some chunks, whatever generation."""
        import numpy as np

        number = self._dataset_id(dataset)
        pairs: list[tuple[int, str]] = []
        for page in _pages(ids):
            query = f'SELECT "row", id FROM chunks WHERE dataset = ? AND id IN ({_marks(page)})'
            found = self._records(query, [number, *page])
            pairs.extend((row["row"], row["id"]) for row in found)
        return np.array([row for row, _ in pairs], dtype=np.int64), [id for _, id in pairs]

    def own_metadata(self, dataset: Dataset) -> tuple[NDArray[np.int64], list[dict[str, Any]]]:
        """Return the rows of the chunks with metadata of their own, and that metadata."""
        import numpy as np

        found = self._select("chunks", '"row", metadata', dataset, "AND metadata IS NOT NULL")
        pairs = [(row["row"], json.loads(row["metadata"])) for row in found]
        return np.array([row for row, _ in pairs], dtype=np.int64), [own for _, own in pairs]

    def texts(self, dataset: Dataset) -> Iterator[tuple[int, str]]:
        """Yield the row of each chunk with its headings and its text, each on lines of its own."""
        for row in self._select("chunks", '"row", heading, text', dataset):
            yield row["row"], "\n".join([*json.loads(row["heading"]), unpacked(row["text"])])

    def stored_columns(self, dataset: Dataset) -> StoredColumns | None:  # noqa: ARG002
        """Return ``None``: no columns are kept."""
        return None

    def keep_columns(self, dataset: Dataset, columns: StoredColumns) -> None:
        """Keep no columns."""

    def revision(self, dataset: Dataset) -> int:
        """Return a number that grows with each change of a file that made no generation."""
        found = self._first("SELECT touched FROM datasets WHERE key = ?", (dataset.key,))
        return int(found["touched"]) if found else 0

    def _first(self, query: str, values: Sequence[Any]) -> Record | None:
        return next(iter(self._records(query, values)), None)

    def _dataset_id(self, dataset: Dataset) -> int:
        number = self._numbers.get(dataset.key)
        if number is None:
            found = self._first("SELECT id FROM datasets WHERE key = ?", (dataset.key,))
            number = self._numbers[dataset.key] = int(found["id"]) if found else -1
        return number

    def _shown(self, dataset: Dataset) -> tuple[int, int, int]:
        """Return the values of ``dataset = ? AND`` :data:`VISIBLE`."""
        return self._dataset_id(dataset), dataset.generation, dataset.generation

    def _select(
        self,
        table: str,
        columns: str,
        dataset: Dataset,
        condition: str = "",
        order: str = "",
        *values: Any,
    ) -> Iterable[Record]:
        return self._records(
            f"SELECT {columns} FROM {table} WHERE dataset = ? AND {VISIBLE} {condition} {order}",
            (*self._shown(dataset), *values),
        )

    def _select_in(
        self, table: str, columns: str, dataset: Dataset, ids: Iterable[str]
    ) -> Iterator[Record]:
        for page in _pages(ids):
            condition = f"AND id IN ({_marks(page)})"
            # All at once: a cursor that is left half read complains when its database is closed.
            yield from list(self._select(table, columns, dataset, condition, "", *page))


def holding(column: str, part: str) -> tuple[str, tuple[str, ...]]:
    """Return the condition that a column holds a text, whatever its case, and its values.

    Which letters outside ASCII have a case is for the database to say.
    """
    if not part:
        return "TRUE", ()
    plain = re.sub(r"[\\%_]", r"\\\g<0>", part)
    return f"lower({column}) LIKE lower(?) ESCAPE '\\'", (f"%{plain}%",)


def _pages(values: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(values)
    while page := list(islice(remaining, PAGE)):
        yield page


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _has_stray_bytes(text: str) -> bool:
    """Tell whether ``text`` is a path with bytes that are no UTF-8, which no catalog takes."""
    return not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text)
