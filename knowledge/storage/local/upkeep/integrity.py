"""Whether SQLite finds a database whole, and what can be done for its parts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError, NewerStoreError
from knowledge.storage.local.catalog import fulltext, schema
from knowledge.storage.local.catalog.database import (
    FAILURES,
    connect,
    open_to_look,
    translated,
    translated_error,
)

if TYPE_CHECKING:
    from knowledge.storage.local.catalog.catalog import Catalog
    from knowledge.storage.local.layout import DataFolder

_MOST = 3
"""Complaints that are reported."""


def database_damage(path: Path, tables: frozenset[str]) -> str:
    """Return what is wrong with a database, in words; empty when it is whole.

    Parameters
    ----------
    tables:
        Those that it must have, once it has any.

    Raises
    ------
    KnowledgeError
        It can't be read, for a reason that is no damage.
    """
    if not path.is_file():
        return "it is not a file"
    try:
        with closing(open_to_look(path)) as connection:
            complaints = [
                str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MOST})")
            ]
            there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            version = connection.execute("PRAGMA user_version").fetchone()[0]
    except FAILURES as error:
        if not isinstance(told := translated_error(error, path), DamagedStoreError):
            raise told from error
        return str(error)
    if complaints != ["ok"]:
        return "; ".join(line.strip() for line in complaints)
    if (version or there) and (missing := tables - there):
        return f"it lacks {', '.join(sorted(missing))}"
    return ""


def catalog_damage(folder: DataFolder) -> str:
    """Return what is wrong with the catalog, in words; empty when SQLite finds it whole.

    Raises
    ------
    NewerStoreError
        A newer version wrote it.
    """
    damage = database_damage(folder.catalog, frozenset({"datasets", "files", "chunks"}))
    if not damage:
        with closing(connect(folder.catalog)) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > schema.VERSION:
            raise NewerStoreError(
                f"{folder.catalog} has format {version}; this version of knowledge reads up to "
                f"{schema.VERSION}"
            )
    return damage


def fulltext_damage(catalog: Catalog) -> str:
    """Return what is wrong with the full-text index, in words; empty when it is whole.

    Raises
    ------
    KnowledgeError
        SQLite must write to compare it, and can't.
    """
    sql = catalog.connection
    fulltext.register(sql)
    with translated(catalog.folder.catalog):
        sql.execute("BEGIN IMMEDIATE")
    try:
        try:
            # FTS5 makes the terms of all rows again, and compares them with its lists.
            for table in fulltext.TABLES:
                sql.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
        finally:
            if sql.in_transaction:
                sql.execute("ROLLBACK")
    except FAILURES as error:
        told = translated_error(error, catalog.folder.catalog)
        if not isinstance(told, DamagedStoreError):
            raise told from error
        return f"it does not fit the chunks ({error})"
    return ""


def rebuild_fulltext(catalog: Catalog) -> None:
    """Rebuild the full-text index from the chunks."""
    sql = catalog.connection
    fulltext.register(sql)
    with catalog.transaction():
        for table in fulltext.TABLES:
            named = ("SELECT sql FROM sqlite_master WHERE name = ?", [table])
            made = sql.execute(*named).fetchone()[0]
            sql.execute(f"DROP TABLE {table}")
            sql.execute(made)
        fulltext.rebuild(sql)
