"""Databases that can't be written, opened to be read: on a full or read-only disk, or another's.

SQLite keeps an index of the journal (``-wal``) in a file of its own (``-shm``), which it must make.
Where it can't, nobody else has the database open, so that no locks are needed: with all locks off,
and a connection that takes the whole file for itself, the index stays in memory, and what was
committed to the journal is read. Without a journal the file alone is all there is.

A writer may come meanwhile where it has rights that we have not: whoever reads asks at the end
whether all stayed as it was.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.errors import DamagedStoreError, LockedError

_WITHOUT_LOCKS = "win32-none" if os.name == "nt" else "unix-none"
_SMALLEST = 100
"""Bytes of a database that holds anything: its header."""


class StillConnection(sqlite3.Connection):
    """A connection that sees one state of the files, and takes no locks."""

    state: tuple[Any, ...] = ()


def is_readable(path: Path) -> bool:
    """Tell whether there is a database whose bytes we may read."""
    try:
        with path.open("rb") as file:
            return len(file.read(_SMALLEST)) == _SMALLEST
    except OSError:
        return False


def open_still(path: Path) -> StillConnection:
    """Open a database that can't be written; the errors are SQLite's."""
    state = _state(path)
    with_journal = state[1] is not None and state[1][1] > 0
    how = f"mode=ro&vfs={_WITHOUT_LOCKS}" if with_journal else "immutable=1"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=StillConnection,
    )
    try:
        if with_journal:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA user_version").fetchone()
    except BaseException:
        connection.close()
        raise
    connection.state = state
    return connection


@contextlib.contextmanager
def unchanged(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """See that files without locks stay as they are while they are read.

    Raises
    ------
    LockedError
        A writer came meanwhile.
    """
    if not isinstance(connection, StillConnection):
        yield
        return
    try:
        yield
    except DamagedStoreError as error:
        _check(connection, path, error)
        raise
    _check(connection, path, None)


def _check(connection: StillConnection, path: Path, error: Exception | None) -> None:
    if _state(path) != connection.state:
        raise LockedError(
            f"{path} was written while it was read, without the right to lock it",
            hint="Ask again.",
        ) from error


def _state(path: Path) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    return _facts(path), _facts(path.with_name(path.name + "-wal"))


def _facts(path: Path) -> tuple[int, ...] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
