"""A new catalog from what can still be read of a damaged one."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.storage import fulltext, schema
from knowledge.storage.database import FAILURES, connect, migrate, transaction
from knowledge.storage.disk import on_disk
from knowledge.storage.layout import DataFolder
from knowledge.storage.upkeep.backups import PARTS
from knowledge.storage.upkeep.mending import TABLES, HopelessRowError, Row, mended
from knowledge.storage.upkeep.pages import rows_of_pages
from knowledge.storage.upkeep.standins import add_empty_datasets, add_lost_datasets

FORWARDS, BACKWARDS = "ASC", "DESC"


@dataclass(slots=True)
class Salvaged:
    """What was saved.

    Parameters
    ----------
    rows:
        How many of each table.
    gaps:
        Tables that could not be read through; how many rows a gap held is not known.
    datasets_named_anew, empty_datasets:
        How many datasets had lost their own row, and how many all their texts too.
    """

    rows: Counter[str] = field(default_factory=Counter)
    gaps: list[str] = field(default_factory=list)
    datasets_named_anew: int = 0
    empty_datasets: int = 0


def salvage(source: Path | None, target: Path, folder: DataFolder) -> Salvaged:
    """Copy what can be read of the catalog at ``source``, if there is one, into a new one.

    ``folder`` tells what it can of datasets whose own row is lost.

    Rows of one dataset that contradict each other are for the checks of a whole catalog to find.
    """
    remove_database(target)
    saved = Salvaged()
    with closing(connect(target)) as connection:
        fulltext.register(connection)
        migrate(connection, target, schema.MIGRATIONS)
        connection.execute("PRAGMA foreign_keys = OFF")
        if source is not None:
            with _reading(source) as old:
                for table in TABLES:
                    _copy_table(source, old, connection, target, table, saved)
        with transaction(connection, target):
            saved.datasets_named_anew = add_lost_datasets(connection, folder)
            saved.empty_datasets = add_empty_datasets(connection, folder)
            for table in ("runs", "problems"):
                connection.execute(
                    f"DELETE FROM {table} WHERE dataset NOT IN (SELECT id FROM datasets)"
                )
            connection.execute(fulltext.REBUILD)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return saved


def put_in_place(catalog: Path, new: Path) -> None:
    """Let a new catalog take the place of a damaged one, of which there is a backup."""
    with on_disk(catalog):
        remove_database(catalog, keep_first=True)
        os.replace(new, catalog)  # noqa: PTH105  in one step
        remove_database(new)


def remove_database(path: Path, *, keep_first: bool = False) -> None:
    """Remove a database with the files that SQLite keeps beside it."""
    for part in PARTS[keep_first:]:
        path.with_name(path.name + part).unlink(missing_ok=True)


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a damaged database as far as SQLite will; ``None`` when it will not at all."""
    connection = sqlite3.connect(source)
    try:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        # Without this a file that was cut off is refused as a whole.
        connection.execute("PRAGMA writable_schema = ON")
        yield connection
    except FAILURES:
        yield None
    finally:
        connection.close()


def _copy_table(
    source: Path,
    old: sqlite3.Connection | None,
    new: sqlite3.Connection,
    target: Path,
    table: str,
    saved: Salvaged,
) -> None:
    reading = _TableReading(old, table)
    with transaction(new, target):
        for row in _all_rows(source, reading, table):
            saved.rows[table] += _insert(new, table, row)
    if reading.gap is not None:
        saved.gaps.append(table)


def _all_rows(source: Path, reading: _TableReading, table: str) -> Iterator[Mapping[str, Any]]:
    yield from reading.rows()
    if reading.gap is None:
        return
    after, before = reading.gap
    for rowid, values in rows_of_pages(source):
        if after < rowid < before and _fits(table, values):
            columns = list(TABLES[table])
            yield {**dict(zip(columns, values, strict=False)), columns[0]: rowid}


def _insert(new: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> int:
    try:
        whole: Row = mended(table, row)
    except HopelessRowError:
        return 0
    columns = ", ".join(whole)
    marks = ", ".join(f":{column}" for column in whole)
    # A name that is taken, or a row that is there already, is passed over.
    done = new.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", whole)
    return done.rowcount


class _TableReading:
    """Reads a table from both ends, up to what is damaged.

    ``gap`` is known at the end: the rowids between which nothing could be read; ``None`` when all
    was read.
    """

    def __init__(self, connection: sqlite3.Connection | None, table: str) -> None:
        self._connection = connection
        self._table = table
        self.gap: tuple[float, float] | None = (float("-inf"), float("inf"))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what can be read by SQLite."""
        after = before = None
        for rowid, row in self._read(FORWARDS):
            after = rowid
            yield row
        if self.gap is None:
            return
        for rowid, row in self._read(BACKWARDS):
            if after is not None and rowid <= after:
                break
            before = rowid
            yield row
        self.gap = (
            float("-inf") if after is None else after,
            float("inf") if before is None else before,
        )

    def _read(self, direction: str) -> Iterator[tuple[int, dict[str, Any]]]:
        if self._connection is None:
            return
        try:
            rows = self._connection.execute(
                f"SELECT rowid AS rowid_, * FROM {self._table} NOT INDEXED "
                f"ORDER BY rowid {direction}"
            )
            names = [column[0] for column in rows.description]
            for values in rows:
                yield values[0], dict(zip(names, values, strict=True))
        except (*FAILURES, OverflowError):
            return
        if direction == FORWARDS:
            self.gap = None


def _fits(table: str, values: list[Any]) -> bool:
    """Tell whether a row that was found on a page can be one of a table."""
    try:
        whole = mended(table, {**dict(zip(TABLES[table], values, strict=False)), _key(table): 1})
    except HopelessRowError:
        return False
    told = dict(zip(TABLES[table], values, strict=False))
    same = [whole[column] == told[column] for column in told if column != _key(table)]
    # Other tables have rows of other columns; in one of this, most values are as they must be.
    return len(values) in _LENGTHS[table] and sum(same) >= len(same) - 3


def _key(table: str) -> str:
    return next(iter(TABLES[table]))


_LENGTHS = {
    "datasets": (18, 19),
    "files": (15, 16),
    "chunks": (16, 18),
    "runs": (8,),
    "problems": (6,),
}
"""How many values a row has; fewer when it was written before a column was added."""
