"""A new catalog from what can still be read of a damaged one.

Each table is read by SQLite, past every page that it refuses. What lies below a damaged inner page
of a table can't be read; such pages are one in a hundred.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.files.private import private_files
from knowledge.storage.disk import on_disk
from knowledge.storage.local.catalog import fulltext, schema
from knowledge.storage.local.catalog.database import FAILURES, connect, migrate, transaction
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.upkeep.backups import PARTS
from knowledge.storage.local.upkeep.lost_rows import (
    add_empty_datasets,
    add_lost_datasets,
    add_lost_dimensions,
)
from knowledge.storage.local.upkeep.row_repair import TABLES, HopelessRowError, Row, mended

_LARGEST = 2**63 - 1


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

    ``folder`` helps to name datasets whose own row is lost.

    Rows of one dataset that contradict each other are for the checks of a whole catalog to find.
    """
    remove_database(target)
    saved = Salvaged()
    with closing(connect(target)) as connection:
        fulltext.register(connection)
        migrate(connection, target, schema.MIGRATIONS)
        connection.execute("PRAGMA foreign_keys = OFF")
        if source is not None:
            with _reading(source, target, connection) as old:
                for table in TABLES:
                    _copy_table(old, connection, target, table, saved)
        with transaction(connection, target):
            saved.datasets_named_anew = add_lost_datasets(connection, folder)
            saved.empty_datasets = add_empty_datasets(connection, folder)
            add_lost_dimensions(connection, folder)
            for table in ("runs", "problems"):
                connection.execute(
                    f"DELETE FROM {table} WHERE dataset NOT IN (SELECT id FROM datasets)"
                )
            fulltext.rebuild(connection)
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
def _reading(source: Path, target: Path, new: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Open a copy of a damaged database as far as SQLite will."""
    copy = target.with_name(f"{target.name}.read")
    try:
        with private_files():
            for part in PARTS:
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(f"{source}{part}", f"{copy}{part}")
        with closing(_lenient(copy)) as connection:
            _mend_schema(connection, new)
        with closing(_lenient(copy)) as connection:
            yield connection
    finally:
        remove_database(copy)


def _lenient(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    with contextlib.suppress(*FAILURES):
        # Without this a file that was cut off is refused as a whole.
        connection.execute("PRAGMA writable_schema = ON")
    return connection


def _mend_schema(damaged: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Describe tables as they are made now, where what describes them can't be read."""
    with contextlib.suppress(*FAILURES):
        known = {row[0] for row in damaged.execute("SELECT name FROM pragma_table_list")}
        for table in set(TABLES) - known:
            [(made,)] = new.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,))
            damaged.execute(
                "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (made, table)
            )
        damaged.commit()


def _copy_table(
    old: sqlite3.Connection, new: sqlite3.Connection, target: Path, table: str, saved: Salvaged
) -> None:
    reading = _TableReading(old, table)
    with transaction(new, target):
        for row in reading.rows():
            saved.rows[table] += _insert(new, table, row)
    if reading.damaged:
        saved.gaps.append(table)


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
    """Reads a table past its damaged pages; ``damaged`` is known at the end."""

    def __init__(self, connection: sqlite3.Connection, table: str) -> None:
        self.damaged = False
        self._connection = connection
        self._query = f"SELECT rowid AS rowid_, * FROM {table} NOT INDEXED WHERE rowid"

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what can be read by SQLite, some rows perhaps twice."""
        start = 0
        while start < _LARGEST:
            last = start - 1
            try:
                for rowid, row in self._read(f">= {start} ORDER BY rowid"):
                    last = max(last, rowid)
                    yield row
                return
            except (*FAILURES, OverflowError):
                self.damaged = True
            start = self._next_readable(last + 1)
            # The damage from its other side.
            with contextlib.suppress(*FAILURES, OverflowError):
                for _, row in self._read(f"BETWEEN {last + 1} AND {start - 1} ORDER BY rowid DESC"):
                    yield row

    def _next_readable(self, damaged: int) -> int:
        """Return a rowid behind a damaged one at which there is a row; the largest for none."""
        step = 1
        while damaged + step < _LARGEST:
            with contextlib.suppress(*FAILURES, OverflowError):
                found = next(self._read(f">= {damaged + step} ORDER BY rowid LIMIT 1"), None)
                return _LARGEST if found is None else max(found[0], damaged + step)
            step *= 2
        return _LARGEST

    def _read(self, condition: str) -> Iterator[tuple[int, dict[str, Any]]]:
        rows = self._connection.execute(f"{self._query} {condition}")
        names = [column[0] for column in rows.description]
        for values in rows:
            yield values[0], dict(zip(names, values, strict=True))
