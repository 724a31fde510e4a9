"""SQLite, opened the way the catalog and the cache need it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from knowledge.errors import DamagedStoreError, KnowledgeError, LockedError, NewerStoreError
from knowledge.storage.disk import FULL_HINT

BUSY_SECONDS = 60.0
REPAIR = "`knowledge doctor --fix` saves what can be read of it; it makes a backup first."
_FUNCTION_RAISED = "user-defined function raised exception"
FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""What sqlite3 raises; the second where its message quotes bytes of a damaged file."""
_READ_ERRORS = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
}


class _Raised(threading.local):
    """What a function of ours last raised inside a statement of this thread."""

    error: BaseException | None = None


_raised = _Raised()


def connect(path: Path) -> sqlite3.Connection:
    """Open the database at ``path`` in WAL mode, creating file and folder when missing.

    The connection is in autocommit mode (use :func:`transaction`) and may be handed from one
    thread to another, but not used by two at once.

    Raises
    ------
    KnowledgeError
        As :func:`translated` gives them.
    """
    with translated(path):
        make_home(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            _set_wal(connection, path)
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
    return connection


def make_home(path: Path) -> None:
    """Make the folder of a database when it is missing.

    Raises
    ------
    KnowledgeError
        It can't be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KnowledgeError(
            f"can't create the data folder {path.parent}: {error.strerror}",
            hint="Choose another with --data-dir or KNOW_DATA_DIR.",
        ) from error


def _set_wal(connection: sqlite3.Connection, path: Path) -> None:
    if _journal_mode(connection) == "wal":
        return
    import filelock

    # Connections that switch a new file at the same moment wait for each other in vain.
    with filelock.FileLock(path.with_name(path.name + ".new"), timeout=BUSY_SECONDS):
        if _journal_mode(connection) != "wal":
            connection.execute("PRAGMA journal_mode = WAL")


def _journal_mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def add_function(
    connection: sqlite3.Connection, name: str, arguments: int, function: Callable[..., Any]
) -> None:
    """Let statements on a connection call a deterministic function of ours.

    SQLite says of what it raises only that it raised; :func:`translated` gives the error itself,
    which may be a defect, or a signal's that arrived meanwhile, and is no damage.
    """

    def told(*values: Any) -> Any:
        _raised.error = None
        try:
            return function(*values)
        except BaseException as error:
            _raised.error = error
            raise

    connection.create_function(name, arguments, told, deterministic=True)


def migrate(connection: sqlite3.Connection, path: Path, migrations: tuple[str, ...]) -> None:
    """Bring the database to the version that ``migrations`` ends with.

    An older database is first copied to ``<name>.v<version>.bak`` beside it.

    Raises
    ------
    NewerStoreError
        The database was written by a newer version of the tool.
    """
    with translated(path):
        version = _version(connection)
        if version == len(migrations):
            return
        if version > len(migrations):
            raise NewerStoreError(
                f"{path} has format {version}; this version of knowledge reads up to "
                f"{len(migrations)}"
            )
        with transaction(connection, path):
            version = _version(connection)  # another process may have been faster
            if 0 < version < len(migrations):
                _back_up(path, version)
            for number in range(version, len(migrations)):
                for statement in _statements(migrations[number]):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _back_up(path: Path, version: int) -> None:
    # A connection of its own: one that holds a transaction waits for itself.
    target = path.with_name(f"{path.name}.v{version}.bak")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _statements(script: str) -> Iterator[str]:
    # executescript() would commit the open transaction first.
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def transaction(
    connection: sqlite3.Connection, path: Path, *, durable: bool = False
) -> Iterator[None]:
    """Run a write transaction; roll back on any error.

    With ``durable`` the commit has reached the disk when this returns.
    """
    with translated(path):
        if durable:
            connection.execute("PRAGMA synchronous = FULL")
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if connection.in_transaction:  # SQLite rolls back by itself when the disk is full
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        finally:
            if durable:
                connection.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def translated(path: Path, *, repair: str = REPAIR) -> Iterator[None]:
    """Turn SQLite's errors on the file at ``path`` into ours.

    Parameters
    ----------
    repair:
        What to do where it is damaged.

    Raises
    ------
    LockedError
        Another process kept the file locked past the time-out.
    DamagedStoreError
        The file is no database, or a damaged one.
    KnowledgeError
        The disk is full, or the folder can't be read or written.
    BaseException
        What a function of :func:`add_function` raised.
    """
    try:
        yield
    except FAILURES as error:
        raise _from_function(error) or _translate(error, path, repair) from error


def _from_function(error: Exception) -> BaseException | None:
    """Return what a function of ours raised, where SQLite's error says that one did."""
    if str(error) != _FUNCTION_RAISED:
        return None
    raised, _raised.error = _raised.error, None
    return raised


def _translate(error: Exception, path: Path, repair: str) -> KnowledgeError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LockedError(f"{path} is locked by another process")
    if code == sqlite3.SQLITE_FULL:
        return KnowledgeError(f"the disk is full: {path}", hint="Free some space and run again.")
    if path.is_dir():
        return DamagedStoreError(f"{path} is a folder, not a database", hint=repair)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return KnowledgeError(
            f"can't open or write {path}: {error}",
            hint="The data folder must be readable and writable; --data-dir names another.",
        )
    if code == sqlite3.SQLITE_IOERR and getattr(error, "sqlite_errorcode", 0) not in _READ_ERRORS:
        return KnowledgeError(f"can't write {path}: {error}", hint=FULL_HINT)
    return DamagedStoreError(f"{path} is damaged: {error}", hint=repair)
