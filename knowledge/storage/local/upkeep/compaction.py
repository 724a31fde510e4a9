"""Giving room back: indexes without their deleted vectors, databases without their empty pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from knowledge.storage.local.catalog import fulltext
from knowledge.storage.local.catalog.database import (
    BUSY_SECONDS,
    add_function,
    connect,
    translated,
)
from knowledge.storage.local.upkeep.sizes import size_of
from knowledge.storage.relational.compaction import compact_datasets
from knowledge.storage.relational.packing import LEAST, packed
from knowledge.storage.reports import Compacted

if TYPE_CHECKING:
    from pathlib import Path

    from knowledge.storage.local.store import LocalStore

PATIENCE = 500  # milliseconds


def compact_all(
    store: LocalStore, name: str | None, *, lock_timeout: float, notify: Callable[[str], None]
) -> list[Compacted]:
    """Compact one dataset, or all, then the databases.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    LockedError
        Another process is writing.
    """
    with store.open() as catalog:
        done = compact_datasets(catalog, name, lock_timeout=lock_timeout, notify=notify)
        databases = [store.folder.catalog, store.folder.cache]
        return done + [compact_database(path) for path in databases if path.exists()]


def compact_database(path: Path) -> Compacted:
    """Return a database's empty pages to the disk.

    Raises
    ------
    LockedError
        Another process is using it.
    """
    before = size_of(path) + size_of(path.with_name(path.name + "-wal"))
    with closing(connect(path)) as connection, translated(path):
        _empty_journal(connection)
        _optimise_fulltext(connection)
        _pack_texts(connection)
        connection.execute("VACUUM")
        _empty_journal(connection)
    return Compacted(path.name, 0, before, size_of(path))


def _empty_journal(connection: sqlite3.Connection) -> None:
    """Bring the journal into the database, as far as readers allow.

    SQLite keeps writers out while it waits for readers; one that reads and then writes, such as a
    copy, would wait for us as we for it. What stays in the journal, the next writers bring in.
    """
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE}")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")


def _pack_texts(connection: sqlite3.Connection) -> None:
    """Compress the texts that an older version stored as they are."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'chunks'").fetchone():
        add_function(connection, "packed_text", 1, packed)
        connection.execute(
            "UPDATE chunks SET text = packed_text(text) "
            "WHERE typeof(text) = 'text' AND length(text) >= ?",
            [LEAST],
        )


def _optimise_fulltext(connection: sqlite3.Connection) -> None:
    for table in fulltext.TABLES:
        known = connection.execute("SELECT name FROM sqlite_master WHERE name = ?", [table])
        if known.fetchone():
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
