"""One state of the catalog, for readers."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from knowledge.errors import DatasetNotFoundError
from knowledge.model import Chunk, Dataset, SourceFile
from knowledge.storage.rows import CHUNK_COLUMNS, FILE_COLUMNS, chunk_of, dataset_of, file_of
from knowledge.storage.schema import VISIBLE
from knowledge.storage.shown_path import shown

PAGE = 5_000  # SQLite allows 32,766 variables in a statement


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
            raise DatasetNotFoundError(f"there is no dataset {name!r}")
        return dataset_of(row)

    def files(self, dataset: Dataset) -> Iterator[SourceFile]:
        """Yield the dataset's files by path."""
        yield from map(file_of, self._select("files", FILE_COLUMNS, dataset, "", "ORDER BY path"))

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

    def files_by_id(self, dataset: Dataset, ids: Iterable[str]) -> dict[str, SourceFile]:
        """Return the files with these ids, by id."""
        rows = self._select_in("files", FILE_COLUMNS, dataset, ids)
        return {row["id"]: file_of(row) for row in rows}

    def chunks_of_file(self, dataset: Dataset, file_id: str) -> list[Chunk]:
        """Return a file's chunks in order."""
        rows = self._select(
            "chunks",
            CHUNK_COLUMNS,
            dataset,
            "AND file_id = :file",
            "ORDER BY ordinal",
            file=file_id,
        )
        return [chunk_of(row) for row in rows]

    def chunks(self, dataset: Dataset, ids: Iterable[str]) -> dict[str, Chunk]:
        """Return the chunks with these ids, by id."""
        rows = self._select_in("chunks", CHUNK_COLUMNS, dataset, ids)
        return {row["id"]: chunk_of(row) for row in rows}

    def matching_chunk_ids(
        self,
        dataset: Dataset,
        *,
        where: Mapping[str, str],
        include: Sequence[str],
        exclude: Sequence[str],
    ) -> list[str]:
        """Return the ids of the chunks that pass all filters, in id order.

        Parameters
        ----------
        where:
            Metadata of the file, compared as text; a list passes when it holds the value.
        include:
            The chunk's text or heading must hold one of these, case ignored.
        exclude:
            It must hold none of these.
        """
        self._connection.create_function("holds_any", -1, _holds_any, deterministic=True)
        conditions: list[str] = []
        values: dict[str, Any] = {}
        for number, (key, value) in enumerate(where.items()):
            conditions.append(_METADATA_IS.format(number=number))
            values |= {f"key{number}": f'$."{key}"', f"value{number}": value}
        if conditions:
            files = f"""AND file_id IN (
                SELECT id FROM files WHERE dataset = :dataset AND {VISIBLE}
                AND {" AND ".join(conditions)})"""
        else:
            files = ""
        for words, outcome in ((list(include), 1), (list(exclude), 0)):
            if words:
                names = [f"word{outcome}_{number}" for number in range(len(words))]
                values |= dict(zip(names, words, strict=True))
                listed = ", ".join(f":{name}" for name in names)
                files += f" AND holds_any(heading, text, {listed}) = {outcome}"
        rows = self._select("chunks", "id", dataset, files, "ORDER BY id", **values)
        return [row["id"] for row in rows]

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
            yield from self._select(
                table, columns, dataset, condition, **dict(zip(names, page, strict=True))
            )


def _has_stray_bytes(text: str) -> bool:
    """Tell whether ``text`` is a path with bytes that are no UTF-8, which SQLite does not take."""
    return not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text)


_METADATA_IS = """EXISTS (
    SELECT 1 FROM json_each(json_patch(files.metadata, files.given), :key{number}) AS item
    WHERE CASE item.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
          ELSE CAST(item.atom AS TEXT) END = :value{number})"""


def _holds_any(heading: str, text: str, *words: str) -> bool:
    folded = f"{heading}\n{text}".casefold()
    return any(word.casefold() in folded for word in words)
