"""Whether the rows of a catalog that SQLite can read make sense, and making them do so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knowledge.errors import DamagedStoreError
from knowledge.storage.identity import is_own_id
from knowledge.storage.local.catalog.database import open_to_look, translated
from knowledge.storage.local.upkeep.lost_rows import add_lost_files, right_paths
from knowledge.storage.local.upkeep.row_repair import TABLES, HopelessRowError, mended
from knowledge.storage.relational.rows import chunk_of
from knowledge.text.wording import counted

_SHOWN = "added <= :generation AND (removed IS NULL OR removed > :generation)"
_MOST_STRAYS = 1_000
_READ_AGAIN = "UPDATE files SET size = -1, mtime_ns = 0, content_hash = '' "


class _Garbled(str):
    """Text whose bytes are no UTF-8."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with a dataset's rows; ``code`` is the same before and after a repair."""

    code: str
    message: str


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a catalog to look at its rows, whatever they hold, in one read transaction."""
    with translated(path), closing(open_to_look(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.text_factory = _decoded
        connection.execute("BEGIN")
        yield connection


def dataset_numbers(connection: sqlite3.Connection) -> dict[int, str]:
    """Return the numbers and names of all datasets."""
    return {row["id"]: str(row["name"]) for row in connection.execute("SELECT * FROM datasets")}


def row_faults(connection: sqlite3.Connection, number: int) -> list[RowFault]:
    """Return what is wrong with a dataset's rows; nothing when it was deleted meanwhile."""
    if number not in dataset_numbers(connection):
        return []
    values = {"dataset": number, "generation": _generation(connection, number)}
    checks = (_unreadable, _behind, _twice, _without_file, _miscounted)
    return [fault for check in checks for fault in check(connection, values)]


def _unreadable(sql: sqlite3.Connection, values: dict[str, int]) -> Iterator[RowFault]:
    for table in ("datasets", "files", "chunks"):
        damaged = sum(1 for _ in _damaged_rows(sql, table, values["dataset"]))
        if damaged:
            rows = counted(damaged, "row")
            yield RowFault(f"{table}-unreadable", f"{rows} of {table} can't be right")


def _behind(sql: sqlite3.Connection, values: dict[str, int]) -> Iterator[RowFault]:
    newest = _newest(sql, values["dataset"])
    if newest > values["generation"] and not _staged(sql, values["dataset"]):
        yield RowFault(
            "generation",
            f"the published generation is {newest}, not {values['generation']}",
        )


def _twice(sql: sqlite3.Connection, values: dict[str, int]) -> Iterator[RowFault]:
    for table in ("files", "chunks"):
        repeated = sql.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE dataset = :dataset AND {_SHOWN} "
            "GROUP BY id HAVING count(*) > 1)",
            values,
        ).fetchone()[0]
        if repeated:
            yield RowFault(f"{table}-twice", f"{counted(repeated, 'id')} of {table} there twice")


def _without_file(sql: sqlite3.Connection, values: dict[str, int]) -> Iterator[RowFault]:
    lost = sql.execute(
        f"SELECT count(*) FROM chunks WHERE dataset = :dataset AND {_SHOWN} AND file_id NOT IN "
        f"(SELECT id FROM files WHERE dataset = :dataset AND {_SHOWN})",
        values,
    ).fetchone()[0]
    if lost:
        yield RowFault("chunks-without-file", f"{counted(lost, 'chunk')} without a file")


def _miscounted(sql: sqlite3.Connection, values: dict[str, int]) -> Iterator[RowFault]:
    wrong = list(_files_with_other_count(sql, values))
    if wrong:
        yield RowFault(
            "chunks-lost", f"{counted(len(wrong), 'file')} with more or fewer chunks than stored"
        )
    row = sql.execute("SELECT files, chunks FROM datasets WHERE id = :dataset", values).fetchone()
    for table in ("files", "chunks"):
        found = _count(sql, table, values)
        if row[table] != found:
            yield RowFault("count", f"the dataset counts {row[table]} {table}, and has {found}")


def mend_rows(connection: sqlite3.Connection, number: int) -> None:
    """Make a dataset's rows consistent, inside the caller's transaction.

    No chunk that has its id and a text goes; files of which something is lost are read again at
    their next ingest.
    """
    for table in ("datasets", "files", "chunks"):
        for row, whole in list(_damaged_rows(connection, table, number)):
            _put(connection, table, row, whole)
    newest = _newest(connection, number)
    if not _staged(connection, number):
        connection.execute(
            "UPDATE datasets SET generation = max(generation, ?) WHERE id = ?", (newest, number)
        )
    values = {"dataset": number, "generation": _generation(connection, number)}
    for table in ("files", "chunks"):
        connection.execute(
            f"DELETE FROM {table} WHERE dataset = :dataset AND {_SHOWN} AND row NOT IN "
            f"(SELECT max(row) FROM {table} WHERE dataset = :dataset AND {_SHOWN} GROUP BY id)",
            values,
        )
    _return_strays(connection, values)
    add_lost_files(connection, number, values["generation"])
    for row, found in list(_files_with_other_count(connection, values)):
        connection.execute(f"{_READ_AGAIN}, chunks = ? WHERE row = ?", (found, row))
    connection.execute(
        "UPDATE datasets SET files = :files, chunks = :chunks WHERE id = :dataset",
        {
            **values,
            "files": _count(connection, "files", values),
            "chunks": _count(connection, "chunks", values),
        },
    )


def _return_strays(sql: sqlite3.Connection, values: dict[str, int]) -> None:
    """Give chunks that name a file which is not there to the file that their id was made of."""
    files = f"SELECT id FROM files WHERE dataset = :dataset AND {_SHOWN}"
    strays = sql.execute(
        f"SELECT * FROM chunks WHERE dataset = :dataset AND {_SHOWN} AND file_id NOT IN ({files})",
        values,
    )
    strayed = [row for row in strays if not _has_its_id(row)][:_MOST_STRAYS]
    named = f"{files} UNION SELECT file_id FROM chunks WHERE dataset = :dataset AND {_SHOWN}"
    ids = [row["id"] for row in sql.execute(named, values)] if strayed else []
    for row in strayed:
        own = next((id for id in ids if _has_its_id(row, id)), None)
        if own is not None:
            sql.execute("UPDATE chunks SET file_id = ? WHERE row = ?", (own, row["row"]))


def garbled_chunks(connection: sqlite3.Connection, number: int) -> dict[str, list[str]]:
    """Return the ids of chunks whose text is not what it was when it got its id, by file id."""
    values = {"dataset": number, "generation": _generation(connection, number)}
    rows = connection.execute(
        f"SELECT * FROM chunks WHERE dataset = :dataset AND {_SHOWN} ORDER BY file_id", values
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        if not _has_its_id(row):
            found.setdefault(row["file_id"], []).append(row["id"])
    return found


def files_to_read(connection: sqlite3.Connection, number: int) -> list[str]:
    """Return the ids of files that the next ingest reads again, since something of them is lost."""
    values = {"dataset": number, "generation": _generation(connection, number)}
    rows = connection.execute(
        f"SELECT id FROM files WHERE dataset = :dataset AND size < 0 AND {_SHOWN}", values
    )
    return [row["id"] for row in rows]


def read_again(connection: sqlite3.Connection, number: int, file_ids: list[str]) -> None:
    """Let the next ingest read some files again, though they look unchanged."""
    connection.executemany(
        f"{_READ_AGAIN} WHERE dataset = ? AND id = ?", [(number, file) for file in file_ids]
    )


def find_files(connection: sqlite3.Connection, number: int, file_ids: list[str]) -> None:
    """Put paths right that were damaged, where the file's id proves what it was."""
    right_paths(connection, number, _generation(connection, number), set(file_ids))


def _has_its_id(row: sqlite3.Row, file_id: str | None = None) -> bool:
    try:
        chunk = chunk_of(row)
        return is_own_id(chunk if file_id is None else replace(chunk, file_id=file_id))
    except DamagedStoreError:
        return False


def _damaged_rows(
    sql: sqlite3.Connection, table: str, number: int
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield the rows that can't be right, each with what they should be; ``None`` is hopeless."""
    key, owner = next(iter(TABLES[table])), "id" if table == "datasets" else "dataset"
    for row in sql.execute(f"SELECT * FROM {table} WHERE {owner} = ?", (number,)):
        given = dict(row)
        try:
            whole = mended(table, given)
        except HopelessRowError:
            yield row[key], None
            continue
        if whole != given or any(isinstance(value, _Garbled) for value in given.values()):
            yield row[key], whole


def _put(sql: sqlite3.Connection, table: str, row: int, whole: dict[str, Any] | None) -> None:
    key = next(iter(TABLES[table]))
    if whole is None:
        sql.execute(f"DELETE FROM {table} WHERE {key} = ?", (row,))
        return
    if table == "files":
        whole |= {"size": -1, "mtime_ns": 0, "content_hash": ""}
    values = {name: str(v) if isinstance(v, _Garbled) else v for name, v in whole.items()}
    columns = ", ".join(f"{name} = :{name}" for name in values)
    sql.execute(f"UPDATE {table} SET {columns} WHERE {key} = :{key}", values)


def _files_with_other_count(
    sql: sqlite3.Connection, values: dict[str, int]
) -> Iterator[tuple[int, int]]:
    """Yield the rows of files that have another number of chunks than they say, and that number."""
    found = sql.execute(
        f"SELECT row, chunks, (SELECT count(*) FROM chunks AS c WHERE c.dataset = :dataset "
        "AND c.file_id = files.id AND c.added <= :generation "
        "AND (c.removed IS NULL OR c.removed > :generation)) AS found "
        f"FROM files WHERE dataset = :dataset AND {_SHOWN}",
        values,
    )
    yield from ((row["row"], row["found"]) for row in found if row["chunks"] != row["found"])


def _generation(sql: sqlite3.Connection, number: int) -> int:
    row = sql.execute("SELECT generation FROM datasets WHERE id = ?", (number,)).fetchone()
    return row["generation"] if isinstance(row["generation"], int) else 0


def _staged(sql: sqlite3.Connection, number: int) -> bool:
    row = sql.execute("SELECT staged FROM datasets WHERE id = ?", (number,)).fetchone()
    return bool(row["staged"])


def _newest(sql: sqlite3.Connection, number: int) -> int:
    newest = 0
    for table in ("files", "chunks"):
        for column in ("added", "removed"):
            row = sql.execute(
                f"SELECT max({column}) FROM {table} WHERE dataset = ? "
                f"AND typeof({column}) = 'integer'",
                (number,),
            ).fetchone()
            newest = max(newest, row[0] or 0)
    return newest


def _count(sql: sqlite3.Connection, table: str, values: dict[str, int]) -> int:
    row = sql.execute(f"SELECT count(*) FROM {table} WHERE dataset = :dataset AND {_SHOWN}", values)
    return int(row.fetchone()[0])


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _Garbled(data.decode("utf-8", "replace"))
