"""One state of the database, for readers: what Postgres does in ways of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from knowledge.model import Dataset, SourceFile
from knowledge.storage.postgres import postings
from knowledge.storage.postgres.session import Session
from knowledge.storage.relational.rows import FILE_COLUMNS, file_of
from knowledge.storage.relational.snapshot import STATE_COLUMNS, VISIBLE, SqlSnapshot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.store import FileState

_PAGE = 2_000


class PostgresSnapshot(SqlSnapshot):
    """The published datasets, files and chunks inside one read transaction.

    Made by :meth:`PostgresCatalog.snapshot`; dead when that context ends. Columns of numbers come
    as one value of their bytes, which takes a tenth of the time of a row for each.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._lists: dict[tuple[int, str], dict[int, NDArray[np.int64]]] = {}

    def files(self, dataset: Dataset) -> Iterator[SourceFile]:
        """Yield the dataset's files by path."""
        # A long path does not fit into an index; so the order is asked for first, as numbers.
        [packed] = self._session.one(
            "SELECT string_agg(int8send(\"row\"), '' ORDER BY path) FROM files "
            f"WHERE dataset = ? AND {VISIBLE}",
            self._shown(dataset),
        )
        rows = _numbers(packed).tolist()
        for start in range(0, len(rows), _PAGE):
            page = rows[start : start + _PAGE]
            found = self._session.records(
                f'SELECT "row", {FILE_COLUMNS} FROM files WHERE "row" = ANY(?)', (page,)
            )
            by_row = {one["row"]: one for one in found}
            yield from (file_of(by_row[row]) for row in page)

    def file_states(self, dataset: Dataset) -> list[FileState]:
        """Return what tells of each file whether it has changed."""
        return self._session.rows(
            f"SELECT {STATE_COLUMNS} FROM files WHERE dataset = ? AND {VISIBLE}",
            self._shown(dataset),
        )

    def file_identities(self, dataset: Dataset) -> list[tuple[str, str, str]]:
        """Return the id, the path and the content's hash of each file, by path."""
        return self._session.rows(
            "SELECT id, path, content_hash FROM files "
            f"WHERE dataset = ? AND {VISIBLE} ORDER BY path",
            self._shown(dataset),
        )

    def texts(self, dataset: Dataset) -> Iterator[tuple[int, str]]:
        """Yield the row of each chunk with its headings and its text, each on lines of its own."""
        last = -1
        while page := self._session.rows(
            f'SELECT "row", heading, text FROM chunks WHERE dataset = ? AND {VISIBLE} '
            'AND "row" > ? ORDER BY "row" LIMIT ?',
            (*self._shown(dataset), last, _PAGE),
        ):
            for row, heading, text in page:
                yield row, "\n".join([*json.loads(heading), text])
            last = page[-1][0]

    def terms_of_rows(self, rows: Sequence[int]) -> dict[int, frozenset[str]]:
        """Return the full-text terms that the texts of some rows have, by row."""
        found = self._session.rows(
            'SELECT "row", language, heading, text FROM chunks WHERE "row" = ANY(?)', (list(rows),)
        )
        return {row: frozenset(terms.split(" ")) for row, terms in postings.terms_of_texts(found)}

    def chunk_sizes(self, dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of all chunks, and how many tokens each has, in no order."""
        rows, tokens = self._session.one(
            "SELECT string_agg(int8send(\"row\"), ''), string_agg(int8send(tokens), '') "
            f"FROM chunks WHERE dataset = ? AND {VISIBLE}",
            self._shown(dataset),
        )
        return _numbers(rows), _numbers(tokens)

    def sparse_lists(
        self, dataset: Dataset, terms: Sequence[int]
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield nothing: all sparse vectors are read whole here."""
        del dataset, terms
        return iter(())

    def unlisted_sparse(self, dataset: Dataset) -> list[tuple[int, bytes, bytes]]:
        """Return the rows of the chunks with a sparse vector, its terms and its weights."""
        found = self._session.rows(
            'SELECT "row", sparse.terms, weights FROM sparse JOIN chunks USING ("row") '
            'WHERE dataset = ? ORDER BY "row"',
            (self._dataset_id(dataset),),
        )
        return [(row, terms, weights) for row, terms, weights in found]

    def file_sizes(
        self, dataset: Dataset
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of all chunks, file by file, how many each file has, and its own row.

        A file's row is 0 where it is not shown.
        """
        rows, chunks, files = self._session.one(
            "SELECT string_agg(listed.rows, '' ORDER BY listed.file_id), "
            "string_agg(int8send(listed.chunks), '' ORDER BY listed.file_id), "
            "string_agg(int8send(coalesce(shown.\"row\", 0)), '' ORDER BY listed.file_id) FROM ("
            "SELECT file_id, string_agg(int8send(\"row\"), '') AS rows, count(*) AS chunks "
            "FROM chunks WHERE dataset = ? GROUP BY file_id) AS listed LEFT JOIN ("
            f'SELECT DISTINCT ON (id) id, "row" FROM files WHERE dataset = ? AND {VISIBLE}'
            ") AS shown ON shown.id = listed.file_id",
            (self._dataset_id(dataset), *self._shown(dataset)),
        )
        return _numbers(rows), _numbers(chunks), _numbers(files)

    def files_named(self, dataset: Dataset, term: str) -> NDArray[np.int64]:
        """Return the rows of the files whose name or title holds a full-text term."""
        number = self._dataset_id(dataset)
        [packed] = self._session.one(
            "SELECT string_agg(int8send(\"row\"), '') FROM files "
            "WHERE dataset = ? AND terms @> ARRAY[?]",
            (number, f"{number}~{term}"),
        )
        return _numbers(packed)

    def rows_with_ids(self, dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
        """Return pairs of rows and ids, in UTF-8, of all chunks, whatever generation."""
        import numpy as np

        rows, ids = self._session.one(
            "SELECT string_agg(int8send(\"row\"), ''), string_agg(id, ',') FROM ("
            'SELECT "row", id FROM chunks WHERE dataset = ? ORDER BY id) AS listed',
            (self._dataset_id(dataset),),
        )
        found = ids.encode().split(b",") if ids else []
        return _numbers(rows), np.array(found, dtype=np.bytes_)

    def rows_with_term(self, dataset: Dataset, term: str, count: int) -> NDArray[np.int64]:
        """Return the rows of the chunks that hold a full-text term, whatever generation.

        Parameters
        ----------
        count:
            One of ``terms.COUNTS``: how often they must hold it at least. All are read at once,
            since a question that asks for one mostly asks for the others.
        """
        number = self._dataset_id(dataset)
        if (number, term) not in self._lists:
            self._lists[number, term] = postings.rows_with(self._session, number, term)
        found = self._lists[number, term].get(count)
        return _numbers(None) if found is None else found

    def vocabulary(self, dataset: Dataset, least: int) -> list[str]:
        """Return the full-text terms of so many characters or more, of any generation, in order."""
        found = self._session.rows(
            "SELECT DISTINCT term FROM postings WHERE dataset = ? AND length(term) >= ?",
            (self._dataset_id(dataset), least),
        )
        return sorted(term for (term,) in found)

    def languages(self, dataset: Dataset) -> list[str]:
        """Return the languages in which the chunks' full-text terms are stemmed."""
        from knowledge.text.languages import DEFAULT, KNOWN

        marks = {f"={name}": name for name in KNOWN if name != DEFAULT}
        found = postings.marked(self._session, self._dataset_id(dataset), list(marks))
        return [DEFAULT, *(name for mark, name in marks.items() if mark in found)]

    def files_with_rows(self, dataset: Dataset) -> Iterator[tuple[SourceFile, NDArray[np.int64]]]:
        """Yield the files, each with the rows of its chunks, whatever generation."""
        listed = self._session.rows(
            "SELECT file_id, string_agg(int8send(\"row\"), '') FROM chunks WHERE dataset = ? "
            "GROUP BY file_id",
            (self._dataset_id(dataset),),
        )
        rows = dict(listed)
        for file in self.files(dataset):
            yield file, _numbers(rows.get(file.id))

    def _records(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        return self._session.records(query, values)


def _numbers(packed: bytes | None) -> NDArray[np.int64]:
    """Return the numbers of ``int8send``, one after the other."""
    import numpy as np

    return np.frombuffer(packed or b"", ">i8").astype(np.int64)
