"""The catalog in Postgres: a connection, which holds the locks that it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from knowledge.errors import KnowledgeError, LockedError, StoreServerError
from knowledge.model import Dataset
from knowledge.storage.postgres.locks import hold_store, let_go_of_store, write_lock
from knowledge.storage.postgres.schema import migrate
from knowledge.storage.postgres.session import Session, Sessions
from knowledge.storage.postgres.snapshot import PostgresSnapshot
from knowledge.storage.postgres.sweeping import Versions
from knowledge.storage.relational.catalog import SqlCatalog
from knowledge.storage.store import Notify

if TYPE_CHECKING:
    from knowledge.storage.postgres.staging import PostgresStaging
    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.vector_index import VectorIndex

Answer = TypeVar("Answer")


def open_index(
    sessions: Sessions, key: str, servers: Servers | None, session: Session | None = None
) -> VectorIndex:
    """Return the index of the dataset with a key, in the database or on a server.

    Parameters
    ----------
    session:
        As for :class:`Versions`.
    """
    if servers is not None and servers.place:
        from knowledge.storage.postgres.elsewhere import PostgresMarks
        from knowledge.storage.servers.index import ServerVectors

        return ServerVectors(PostgresMarks(sessions, key, session, servers), servers)
    from knowledge.storage.postgres.vectors import PostgresVectors

    return PostgresVectors(sessions, key, session, servers)


class PostgresCatalog(SqlCatalog):
    """One connection to the database; a context manager. Use it from one thread at a time.

    The schema is made, or brought to this version, where that is needed.

    Parameters
    ----------
    servers:
        Give the servers that keep vectors.
    """

    def __init__(self, sessions: Sessions, servers: Servers | None = None) -> None:
        self._sessions = sessions
        self.servers = servers
        self.session = self._connected()

    def close(self) -> None:
        """Close the connection."""
        session = self.session
        with contextlib.suppress(KnowledgeError):
            let_go_of_store(session)
        self._sessions.give(session)

    def another(self) -> Self:
        """Open another connection, to read while this one writes."""
        return type(self)(self._sessions, self.servers)

    def records(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Execute a statement; return all its rows."""
        return self.session.records(statement, values)

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement; return how many rows it changed."""
        return self.session.change(statement, values)

    def change_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Execute a statement for each of some values."""
        self.session.change_many(statement, values)

    def transaction(self, *, durable: bool = False) -> contextlib.AbstractContextManager[None]:
        """Return a context manager that runs a write transaction."""
        return self.session.transaction(durable=durable)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[PostgresSnapshot]:
        """Read from one state of the database, whatever writers do meanwhile."""
        if not self.session.is_open:
            self._connect_again()
        with self.session.reading():
            yield PostgresSnapshot(self.session)

    def read(self, read: Callable[[Any], Answer]) -> Answer:
        """Return what ``read`` makes of one state of the catalog and the versions that it names.

        Where the connection is lost meanwhile, all is read once more by another one.
        """
        try:
            return super().read(read)
        except StoreServerError:
            if self.session.is_open or self.session.held:
                raise
            self._connect_again()
            return super().read(read)

    def index(self, key: str) -> VectorIndex:
        """Return the index of the dataset with this key."""
        return open_index(self._sessions, key, self.servers, self.session)

    def versions(self, key: str) -> Versions:
        """Return the versions of that index, wherever their vectors lie."""
        return Versions(self._sessions, key, self.session, self.servers)

    def staging(self, dataset: Dataset) -> PostgresStaging:
        """Return what writes rows of a dataset's next generation."""
        from knowledge.storage.postgres.staging import PostgresStaging

        return PostgresStaging(self, dataset)

    def lock(
        self, key: str, name: str, timeout: float, notify: Notify
    ) -> contextlib.AbstractContextManager[None]:
        """Hold the write lock of the dataset with this key; see :func:`locks.write_lock`."""
        return write_lock(self.session, key, name, timeout, notify)

    def forget_lock(self, key: str) -> None:
        """Do nothing: an advisory lock leaves nothing."""

    def sweep_orphans(self) -> None:
        """Remove the vectors of deleted datasets, which a kill or a reader may have left."""
        for key in self.orphans():
            # One at a time: what two versions share goes with the second.
            with contextlib.suppress(LockedError), self.lock(key, key, 0, lambda _: None):
                self.versions(key).remove()

    def orphans(self) -> list[str]:
        """Return the keys of deleted datasets of which vectors are left."""
        rows = self.session.rows(
            "SELECT key FROM (SELECT key FROM vector_tables UNION SELECT key FROM versions) "
            "AS kept WHERE key NOT IN (SELECT key FROM datasets) ORDER BY key"
        )
        return [key for (key,) in rows]

    def _connected(self) -> Session:
        session = self._sessions.take()
        try:
            hold_store(session)
            migrate(session, pgvector=not (self.servers and self.servers.place))
        except BaseException:
            session.close()
            raise
        return session

    def _connect_again(self) -> None:
        if self.session.held:
            raise StoreServerError(f"the connection to {self.session.address.place} was lost")
        self.session.close()
        self.session = self._connected()
