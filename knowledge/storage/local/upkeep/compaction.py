"""Giving room back: indexes without their deleted vectors, databases without their empty pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError, DatasetNotFoundError
from knowledge.storage.local.catalog import fulltext
from knowledge.storage.local.catalog.database import BUSY_SECONDS, connect, translated
from knowledge.storage.local.catalog.history import recorded
from knowledge.storage.local.runs.replacement import Replacement, open_replacement
from knowledge.storage.local.upkeep.sizes import size_of
from knowledge.storage.reports import Compacted
from knowledge.storage.store import open_vectors

if TYPE_CHECKING:
    from pathlib import Path

    from knowledge.storage.local.catalog.catalog import Catalog
    from knowledge.storage.local.store import LocalStore

PAGE = 2_000
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
    done = []
    with store.open() as catalog:
        for one in [name] if name is not None else [one.name for one in catalog.datasets()]:
            try:
                done.append(compact_dataset(catalog, one, lock_timeout=lock_timeout, notify=notify))
            except DatasetNotFoundError:
                if name is not None:
                    raise  # else it was deleted or renamed while we worked on the others
        databases = [store.folder.catalog, store.folder.cache]
        return done + [compact_database(path) for path in databases if path.exists()]


def compact_dataset(
    catalog: Catalog, name: str, *, lock_timeout: float, notify: Callable[[str], None]
) -> Compacted:
    """Build a dataset's index afresh from its live vectors, where it carries deleted ones.

    Readers see the old index until the new one is there; it goes at once unless somebody reads it,
    and who was about to begins anew (``Catalog.read``).

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    LockedError
        Another process is writing to it.
    DamagedStoreError
        The index does not hold one vector for each chunk; nothing was changed.
    """
    with open_replacement(catalog, name, lock_timeout=lock_timeout, notify=notify) as replacement:
        dataset = replacement.dataset
        dead = _dead(catalog, dataset.key)
        before = catalog.index(dataset.key).size()
        if dead and dataset.embedding is not None:
            with recorded(catalog, dataset, "compact", dict):
                _copy_live(catalog, replacement)
                dataset = replacement.publish(dataset.embedding)
        catalog.index(dataset.key).sweep(dataset.vectors, previous=False)
        return Compacted(name, dead, before, catalog.index(dataset.key).size())


def compact_database(path: Path) -> Compacted:
    """Give a database's empty pages back to the disk.

    Raises
    ------
    LockedError
        Another process is using it.
    """
    before = size_of(path) + size_of(path.with_name(path.name + "-wal"))
    with closing(connect(path)) as connection, translated(path):
        _empty_journal(connection)
        _optimise_fulltext(connection)
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


def _optimise_fulltext(connection: sqlite3.Connection) -> None:
    for table in fulltext.TABLES:
        known = connection.execute("SELECT name FROM sqlite_master WHERE name = ?", [table])
        if known.fetchone():
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")


def _dead(catalog: Catalog, key: str) -> int:
    with translated(catalog.folder.catalog):
        row = catalog.connection.execute("SELECT dead FROM datasets WHERE key = ?", (key,))
        return int(row.fetchone()["dead"])


def _copy_live(catalog: Catalog, replacement: Replacement) -> None:
    dataset = replacement.dataset
    reader = open_vectors(catalog, dataset)
    try:
        for chunks in replacement.chunks(PAGE):
            for ids, vectors in reader.vectors([chunk.id for chunk in chunks]):
                replacement.add(ids, vectors)
    except DamagedStoreError as error:
        raise DamagedStoreError(error.message, hint="`knowledge doctor` says more.") from error
    finally:
        reader.close()
