"""SQLite, opened the way the catalog and the cache need it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from knowledge.errors import DamagedStoreError, KnowledgeError, LockedError, NewerStoreError
from knowledge.files.private import FILE, make_private_file
from knowledge.storage.disk import (
    ELSEWHERE_HINT,
    FULL_HINT,
    Obstacle,
    cant_read,
    cant_write,
    disk_error,
    obstacle,
    on_disk,
)
from knowledge.storage.local.catalog.still import is_readable, open_still
from knowledge.storage.local.layout import open_root
from knowledge.storage.store import REPAIR_CATALOG

BUSY_SECONDS = 60.0
_FUNCTION_RAISED = "user-defined function raised exception"
FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""What sqlite3 raises; the second where its message quotes bytes of a damaged file."""
_READ_ERRORS = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
}
_UNWRITABLE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_FULL,
}


_SCHEMA_TRIES = 5


class _Connection(sqlite3.Connection):
    """A connection that begins a statement anew where the schema was written meanwhile.

    When another process has compacted the file, SQLite reads its schema again, and may give up in
    that with ``SQLITE_SCHEMA``, and the words that there is no such table. The statement has done
    nothing then.
    """

    def execute(self, *given: Any) -> sqlite3.Cursor:
        """Execute a statement."""
        for _ in range(_SCHEMA_TRIES):
            try:
                return super().execute(*given)
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_SCHEMA:
                    raise
        return super().execute(*given)


class _Raised(threading.local):
    """What a function of ours last raised inside a statement of this thread."""

    error: BaseException | None = None


_raised = _Raised()


def connect(path: Path) -> sqlite3.Connection:
    """Open the database at ``path`` in WAL mode, creating file and folder when missing.

    The connection is in autocommit mode (use :func:`transaction`) and may be handed from one
    thread to another, but not used by two at once. Where nothing can be written, what is there is
    opened to be read: writing to it raises the error that says why.

    Raises
    ------
    KnowledgeError
        As :func:`translated` gives them.
    """
    with translated(path):
        make_home(path)
        with on_disk(path):
            if not path.exists():
                make_private_file(path)  # SQLite gives the files beside it the same rights
        try:
            connection = _open(path, _set_wal)
        except (sqlite3.Error, OSError) as error:
            if not (_is_unwritable(error) and is_readable(path)):
                if isinstance(error, OSError):
                    raise disk_error(error, path) from error
                raise
            connection = open_still(path)
        connection.row_factory = sqlite3.Row
    return connection


def open_to_look(path: Path) -> sqlite3.Connection:
    """Open a database as it is, whatever it holds, to read it; the errors are SQLite's."""
    try:
        return _open(path, _look)
    except sqlite3.Error as error:
        if not (_is_unwritable(error) and is_readable(path)):
            raise
        return open_still(path)


def make_home(path: Path) -> None:
    """Make the folder of a database, for its owner alone, when it is missing.

    Raises
    ------
    KnowledgeError
        It can't be made.
    """
    with on_disk(path.parent, doing="create the data folder"):
        open_root(path.parent)


def _open(path: Path, begin: Callable[[sqlite3.Connection, Path], None]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=_Connection,
    )
    try:
        begin(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _look(connection: sqlite3.Connection, _: Path) -> None:
    connection.execute("PRAGMA user_version").fetchone()


def _set_wal(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    if _journal_mode(connection) != "wal":
        import filelock

        # Connections that switch a new file at the same moment wait for each other in vain.
        new = path.with_name(path.name + ".new")
        with filelock.FileLock(new, timeout=BUSY_SECONDS, mode=FILE):
            if _journal_mode(connection) != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    _look(connection, path)


def _is_unwritable(error: Exception) -> bool:
    """Tell whether an error says that something can't be written, not that it can't be read."""
    if isinstance(error, OSError):
        return True
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_IOERR:
        return code not in _READ_ERRORS
    return code & 0xFF in _UNWRITABLE


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
    with on_disk(target):
        make_private_file(target)
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
def translated(path: Path, *, repair: str = REPAIR_CATALOG) -> Iterator[None]:
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
        raise _from_function(error) or translated_error(error, path, repair) from error


def _from_function(error: Exception) -> BaseException | None:
    """Return what a function of ours raised, where SQLite's error says that one did."""
    if str(error) != _FUNCTION_RAISED:
        return None
    raised, _raised.error = _raised.error, None
    return raised


def translated_error(error: Exception, path: Path, repair: str = REPAIR_CATALOG) -> KnowledgeError:
    """Return what an error of SQLite's on the file at ``path`` means, as one of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LockedError(f"{path} is locked by another process")
    if path.is_dir():
        return DamagedStoreError(f"{path} is a folder, not a database", hint=repair)
    if _is_unwritable(error):
        return _unwritable(error, path, code)
    return DamagedStoreError(f"{path} is damaged: {error}", hint=repair)


def _unwritable(error: Exception, path: Path, code: int) -> KnowledgeError:
    if code == sqlite3.SQLITE_FULL:
        return cant_write(path, Obstacle.FULL)
    if path.exists() and not is_readable(path):
        return cant_read(path)
    if why := obstacle(path) or obstacle(path.parent):
        return cant_write(path, why)
    hint = FULL_HINT if code == sqlite3.SQLITE_IOERR else ELSEWHERE_HINT
    return KnowledgeError(f"can't write {path}: {error}", hint=hint)
