"""The store in a Postgres database; what is of this machine alone lies in the data folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import KnowledgeError
from knowledge.storage.dataset_names import HIDDEN
from knowledge.storage.postgres.address import Address
from knowledge.storage.postgres.cache import PostgresCache
from knowledge.storage.postgres.catalog import PostgresCatalog, open_index
from knowledge.storage.postgres.locks import hold_store, let_go_of_store
from knowledge.storage.postgres.schema import check_rights, stored_version
from knowledge.storage.postgres.session import Sessions
from knowledge.storage.reports import CacheStats

if TYPE_CHECKING:
    from knowledge.storage.postgres.checkup import PostgresCheckup
    from knowledge.storage.reports import Compacted, Leftover, Places, Status
    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.store import Hold, Notify
    from knowledge.storage.vector_index import VectorIndex


class PostgresStore:
    """A :class:`knowledge.storage.store.Store` in a schema of a database.

    Parameters
    ----------
    root:
        The data folder.
    servers:
        Give the servers that keep vectors.
    """

    def __init__(self, address: Address, root: Path, servers: Servers | None = None) -> None:
        self.address = address
        self.servers = servers
        self.sessions = Sessions(address)
        self._root = root

    @property
    def root(self) -> Path:
        """The data folder, in which archives are unpacked."""
        return self._root

    @property
    def place(self) -> str:
        """Where the datasets are, without a password."""
        return self.address.place

    def places(self) -> Places:
        """Look at the database, and at the server that keeps the vectors, if one does."""
        from knowledge.storage.postgres.checkup import versions
        from knowledge.storage.reports import Place, Places

        named = self.servers.look() if self.servers is not None else None
        found: dict[str, str] = {}
        error = None
        try:
            with self.sessions.lent() as session:
                if not stored_version(session):
                    check_rights(session, pgvector=named is None)
            found = versions(self)
        except KnowledgeError as failure:
            error = failure
        database = Place("postgres", f"{self.place}, schema {self.address.schema}", error, found)
        return Places(database, named or database)

    def identity(self) -> Hashable:
        """Return what is equal of two stores that hold the same, and open it in the same way.

        An open index uses the connections of its store, so that none is another's.
        """
        return self

    def close(self) -> None:
        """Close the connections that are kept for the next call."""
        self.sessions.close()

    def exists(self) -> bool:
        """Return whether the schema is there.

        Raises
        ------
        NewerStoreError
            A newer version of the tool made it.
        StoreServerError
            The server can't be reached.
        """
        with self.sessions.lent() as session:
            return stored_version(session) > 0

    def names(self) -> list[str]:
        """Return the names of all datasets, and none where they can't be read."""
        try:
            with self.sessions.lent() as session:
                if not stored_version(session):
                    return []
                rows = session.rows("SELECT name FROM datasets ORDER BY name")
        except KnowledgeError:
            return []
        return [name for (name,) in rows if not name.startswith(HIDDEN)]

    def open(self) -> PostgresCatalog:
        """Open a connection; the schema is made when missing.

        Raises
        ------
        UsageError
            The settings name no server of vectors that may be used; nothing was made.
        """
        if self.servers is not None:
            _ = self.servers.place
        return PostgresCatalog(self.sessions, self.servers)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """See that nobody empties the store meanwhile."""
        with self.sessions.lent() as session:
            hold_store(session)
            try:
                yield
            finally:
                let_go_of_store(session)

    def index(self, key: str) -> VectorIndex:
        """Return the index of the dataset with this key."""
        return open_index(self.sessions, key, self.servers)

    def has_cache(self) -> bool:
        """Return whether there is an embedding cache."""
        return self.exists()

    def open_cache(self, limit: int) -> PostgresCache:
        """Open the embedding cache; ``limit`` is in bytes."""
        return PostgresCache(self.sessions, limit)

    def cache_stats(self, limit: int) -> CacheStats:
        """Count what the embedding cache keeps."""
        if not self.has_cache():
            return CacheStats(self.place, limit)
        with contextlib.closing(self.open_cache(limit)) as cache:
            return cache.stats()

    def clear_cache(self) -> None:
        """Forget all cached vectors; datasets keep theirs."""
        if self.has_cache():
            with contextlib.closing(self.open_cache(0)) as cache:
                cache.clear()

    def unpack_archive(
        self, path: Path, notify: Notify, spare: Callable[[], Path] | None = None
    ) -> Hold:
        """Hold a data folder with what an archive holds; see :func:`unpacked.unpack_archive`."""
        from knowledge.storage.local.layout import DataFolder
        from knowledge.storage.local.unpacked import unpack_archive

        return unpack_archive(path, DataFolder(self._root).archives, notify, spare)

    def status(self, name: str | None, cache_limit: int) -> Status:
        """Return sizes, counts and the last runs of one dataset, or of all."""
        from knowledge.storage.postgres.upkeep import status_of

        return status_of(self, name, cache_limit)

    def compact(self, name: str | None, *, lock_timeout: float, notify: Notify) -> list[Compacted]:
        """Build indexes and lists without what is gone, of one dataset or all; vacuum tables."""
        from knowledge.storage.postgres.upkeep import compact_all

        return compact_all(self, name, lock_timeout=lock_timeout, notify=notify)

    @contextlib.contextmanager
    def leftovers(self) -> Iterator[list[Leftover]]:
        """Yield what nobody needs any more; each can be removed while the context lasts."""
        from knowledge.storage.local.layout import DataFolder
        from knowledge.storage.local.upkeep.leftovers import archive_leftovers
        from knowledge.storage.postgres.upkeep import leftovers

        archives = list(archive_leftovers(DataFolder(self._root)))
        if not self.exists():
            yield archives
            return
        with self.open() as catalog:
            yield [*leftovers(catalog), *archives]

    def checkup(
        self,
        *,
        lock_timeout: float,
        cache_limit: int,  # noqa: ARG002
        notify: Notify,
    ) -> PostgresCheckup:
        """Return what looks the database over."""
        from knowledge.storage.postgres.checkup import PostgresCheckup

        return PostgresCheckup(self, lock_timeout=lock_timeout, notify=notify)

    def contents(self) -> list[str]:
        """Return the names of our tables."""
        from knowledge.storage.postgres.upkeep import table_names

        with self.sessions.lent() as session:
            return table_names(session)

    def empty(self, patience: float) -> None:
        """Drop our tables, once those who are connected have been waited for."""
        from knowledge.storage.postgres.upkeep import empty

        empty(self, patience)
