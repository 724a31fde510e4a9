"""Connections to a database, as the store uses them."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row, tuple_row

from knowledge.errors import KnowledgeError, StoreServerError
from knowledge.storage.postgres.failures import refused, translated

if TYPE_CHECKING:
    from knowledge.storage.postgres.address import Address

_CONNECT_SECONDS = 10
_ALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""After these seconds, and milliseconds, a server whose machine or network is gone is given up."""
_LEAST_SERVER = 130_000
_LEAST_PGVECTOR = (0, 8)
_KEPT = 4
"""Connections that stay open between two calls."""
_FACTS = """
SELECT (SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
        WHERE extname = 'vector') AS home,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector,
       current_setting('server_encoding') AS encoding,
       current_setting('server_version_num')::int AS server
"""
_SESSION = """
SELECT set_config('search_path', ?, false), set_config('jit', 'off', false),
       set_config('synchronous_commit', 'off', false),
       set_config('tcp_keepalives_idle', '30', false),
       set_config('tcp_keepalives_interval', '10', false),
       set_config('tcp_keepalives_count', '3', false),
       CASE WHEN strpos(version(), 'linux') > 0
            THEN set_config('tcp_user_timeout', '60000', false) END,
       CASE WHEN strpos(version(), 'linux') > 0
                 AND current_setting('server_version_num')::int >= 140000
            THEN set_config('client_connection_check_interval', '2000', false) END
"""
"""Locks die with a session, so a server should notice soon that a client is gone, in the middle of
a long statement too; a transaction that must be on the disk says so."""


class Session:
    """One connection; for one thread at a time.

    Statements are those that all kinds of SQL share, with ``?`` for values. Errors are ours, as
    :func:`failures.translated` gives them.
    """

    def __init__(self, address: Address, connection: psycopg.Connection[Any]) -> None:
        self.address = address
        self._connection = connection
        self.held: set[str] = set()
        """Keys of the datasets whose lock this session holds."""
        self.home = ""
        """The schema of the type of vectors; empty where that was not there yet."""
        self.is_plain = False
        """True where nobody needs that type: a server keeps the vectors."""

    @property
    def is_free(self) -> bool:
        """True when it is open, no transaction runs in it, and it holds no dataset."""
        idle = self._connection.info.transaction_status is TransactionStatus.IDLE
        return self.is_open and idle and not self.held

    @property
    def is_open(self) -> bool:
        """False when it is closed or lost."""
        return not (self._connection.closed or self._connection.broken)

    def look_in(self, home: str) -> None:
        """Look for tables in our schema, and for the type of vectors in ``home``."""
        self.rows(_SESSION, (_path(self.address.schema, home),))
        self.home = home

    def close(self) -> None:
        """Close it, and let go of its locks; a second call does nothing."""
        self._connection.close()

    def records(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Execute a statement; return its rows by the names of their columns."""
        with translated(self.address), self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_query(statement), _given(values)).fetchall()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement; return its rows, in the binary form of the wire where there is no
        type of Python's, as of a vector."""
        with translated(self.address), self._connection.cursor(binary=True) as cursor:
            return cursor.execute(_query(statement), _given(values)).fetchall()

    def one(self, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Execute a statement that has one row; return that."""
        [row] = self.rows(statement, values)
        return row

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement; return how many rows it changed."""
        with translated(self.address), self._connection.cursor() as cursor:
            return cursor.execute(_query(statement), _given(values)).rowcount

    def change_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Execute a statement for each of some values."""
        if not values:
            return
        with translated(self.address), self._connection.cursor() as cursor:
            cursor.executemany(_query(statement), [_given(row) for row in values])

    def script(self, statements: str) -> None:
        """Execute several statements."""
        with translated(self.address):
            self._connection.execute(statements.encode())

    def copy(
        self,
        table: str,
        columns: Sequence[str],
        types: Sequence[str],
        rows: Iterable[Sequence[Any]],
    ) -> None:
        """Write rows by ``COPY``, in the binary form.

        Parameters
        ----------
        types:
            Of the columns, as Postgres names them.
        """
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with (
            translated(self.address),
            self._connection.cursor() as cursor,
            cursor.copy(statement.encode()) as copy,
        ):
            copy.set_types(types)
            for row in rows:
                copy.write_row(_given(row))

    def copy_packed(self, table: str, columns: Sequence[str], packed: bytes) -> None:
        """Write rows by ``COPY`` that are in the binary form already, but for head and tail."""
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with (
            translated(self.address),
            self._connection.cursor() as cursor,
            cursor.copy(statement.encode()) as copy,
        ):
            # https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            copy.write(packed)
            copy.write(b"\xff\xff")

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Run a write transaction; ``durable`` has reached the disk when this returns."""
        with translated(self.address), self._connection.transaction():
            if durable:
                self._connection.execute("SET LOCAL synchronous_commit = on")
            yield

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read from one state of the database, whatever writers do meanwhile."""
        with translated(self.address):
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield
            finally:
                with contextlib.suppress(psycopg.Error):  # lost: it is rolled back by that
                    self._connection.execute("ROLLBACK")


class Sessions:
    """Connections to one database; some that are not used stay open for the next call.

    Safe to use from several threads.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._home = ""
        self._idle: list[Session] = []
        self._lock = threading.Lock()
        self._shared: list[Session] = []
        self._readers = 0
        self._reading = threading.RLock()
        self._end = weakref.finalize(self, _close_all, self._idle, self._shared)

    def close(self) -> None:
        """Close those that are not used; others may be opened later."""
        with self._lock:
            _close_all(self._idle)

    def take(self) -> Session:
        """Return a connection, which is the caller's until he gives it back or closes it.

        Raises
        ------
        StoreServerError
            The server can't be reached, or does not let us in.
        """
        while True:
            with self._lock:
                session = self._idle.pop() if self._idle else None
            if session is None:
                return self._connected()
            # Else another machine may have made the type meanwhile.
            if session.home or session.is_plain:
                with contextlib.suppress(KnowledgeError):
                    session.rows("SELECT 1")
                    return session
            session.close()

    def give(self, session: Session) -> None:
        """Take a connection back, in which no transaction runs and that holds no lock."""
        with self._lock:
            if session.is_free and len(self._idle) < _KEPT:
                self._idle.append(session)
                return
        session.close()

    @contextlib.contextmanager
    def lent(self) -> Iterator[Session]:
        """Give a connection for a while."""
        session = self.take()
        try:
            yield session
        except BaseException:
            session.close()
            raise
        self.give(session)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """Give the connection that all who read vectors share, to one thread at a time.

        Where it was lost, it is another one.
        """
        with self._reading:
            if self._shared and not self._shared[0].is_open:
                _close_all(self._shared)
            if not self._shared:
                self._shared.append(self.take())
            yield self._shared[0]

    def join(self) -> None:
        """Begin to use :meth:`reading`."""
        with self._reading:
            self._readers += 1

    def leave(self) -> None:
        """End that; when nobody uses it any more, the connection is free."""
        with self._reading:
            self._readers -= 1
            if not self._readers and self._shared:
                self.give(self._shared.pop())

    def _connected(self) -> Session:
        try:
            connection: psycopg.Connection[Any] = psycopg.connect(
                self.address.conninfo, **_defaults(self.address), row_factory=tuple_row
            )
        except psycopg.Error as error:
            raise refused(error, self.address) from error
        session = Session(self.address, connection)
        try:
            self._home = self._home or _checked(session)
            session.look_in(self._home)
        except BaseException:
            session.close()
            raise
        return session


def number_of(*names: str) -> int:
    """Return the number of an advisory lock: a hash of what it locks, 64 bits with a sign."""
    return int.from_bytes(sha256("\0".join(names).encode()).digest()[:8], "big", signed=True)


def _close_all(*listed: list[Session]) -> None:
    for sessions in listed:
        while sessions:
            sessions.pop().close()


def _defaults(address: Address) -> dict[str, Any]:
    from psycopg.conninfo import conninfo_to_dict

    given = conninfo_to_dict(address.conninfo)
    ours = {"connect_timeout": _CONNECT_SECONDS, "application_name": "knowledge", **_ALIVE}
    return {"autocommit": True, **{k: v for k, v in ours.items() if k not in given}}


def _checked(session: Session) -> str:
    """Return the schema of the extension, empty where it is not there yet.

    Raises
    ------
    StoreServerError
        The server, the database or the extension is not one that we can use.
    """
    [facts] = session.records(_FACTS)
    place = session.address.place
    if facts["server"] < _LEAST_SERVER:
        raise StoreServerError(
            f"{place} is Postgres {facts['server'] // 10_000}; 13 or newer is needed",
            hint="Upgrade the server, or name another in KNOW_STORE.",
        )
    if facts["encoding"] != "UTF8":
        raise StoreServerError(
            f"the database at {place} is encoded in {facts['encoding']}, which lacks letters",
            hint="Name one that was created so: CREATE DATABASE name ENCODING 'UTF8'",
        )
    if facts["pgvector"] and _numbers(facts["pgvector"]) < _LEAST_PGVECTOR:
        raise StoreServerError(
            f"{place} has pgvector {facts['pgvector']}; 0.8 or newer is needed",
            hint="Install it on the server, then: ALTER EXTENSION vector UPDATE",
        )
    return facts["home"] or ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _path(schema: str, home: str) -> str:
    return ", ".join(f'"{name}"' for name in dict.fromkeys([schema, home]) if name)


def _query(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()


def _given(values: Sequence[Any]) -> list[Any]:
    """Return values as Postgres takes them: its texts hold no NUL."""
    return [v.replace("\0", "�") if isinstance(v, str) and "\0" in v else v for v in values]
