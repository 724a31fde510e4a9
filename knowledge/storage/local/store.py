"""The store in a folder of this machine: a SQLite catalog, and an index for each dataset."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.storage.local.layout import DataFolder

if TYPE_CHECKING:
    from knowledge.storage.local.cache import EmbeddingCache
    from knowledge.storage.local.catalog.catalog import Catalog, Vectors
    from knowledge.storage.local.holding import Hold
    from knowledge.storage.local.upkeep.checkup import LocalCheckup
    from knowledge.storage.reports import CacheStats, Compacted, Leftover, Places, Status
    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.store import Notify
    from knowledge.storage.vector_index import VectorIndex


class LocalStore:
    """A :class:`knowledge.storage.store.Store` in a data folder.

    Parameters
    ----------
    vectors:
        Gives the index of the dataset with a key; default Chroma folders in the data folder.
    servers:
        Give the servers that keep vectors.
    """

    def __init__(
        self,
        folder: DataFolder,
        vectors: Vectors | None = None,
        servers: Servers | None = None,
    ) -> None:
        self.folder = folder
        self.servers = servers
        self._vectors = vectors

    @property
    def root(self) -> Path:
        """The data folder."""
        return self.folder.root

    @property
    def place(self) -> str:
        """The data folder, where the datasets are."""
        return str(self.folder.root)

    def places(self) -> Places:
        """Look at the data folder, and at the server that keeps the vectors, if one does."""
        from knowledge.errors import KnowledgeError
        from knowledge.storage.local.upkeep.checkup import versions
        from knowledge.storage.reports import Place, Places

        error = None
        try:
            self.exists()
        except KnowledgeError as found:
            error = found
        folder = Place("folder", self.place, error, versions())
        named = self.servers.look() if self.servers is not None else None
        return Places(folder, named or folder)

    def close(self) -> None:
        """Do nothing: nothing is kept open."""

    def identity(self) -> Hashable:
        """Return what is equal of two stores that hold the same, and open it in the same way.

        A catalog that was put in place of another is another. Indexes on servers are read by the
        connections of their store.
        """
        with contextlib.suppress(OSError):
            facts = self.folder.catalog.stat()
            own = self.servers if self.servers is not None and self.servers.place else None
            return (str(self.root), facts.st_dev, facts.st_ino, self._vectors, own)
        return self

    def exists(self) -> bool:
        """Return whether there is a catalog.

        Raises
        ------
        KnowledgeError
            The data folder is a file, or can't be looked into.
        DamagedStoreError
            There are indexes, but no catalog that says whose they are, or an empty one.
        """
        from knowledge.storage.local.catalog.catalog import check_there

        return check_there(self.folder)

    def names(self) -> list[str]:
        """Return the names of all datasets without touching anything, for a shell."""
        from knowledge.storage.local.catalog.names import dataset_names

        return dataset_names(self.folder.catalog)

    def open(self) -> Catalog:
        """Open a connection to the catalog, which is made when missing.

        Raises
        ------
        UsageError
            The settings name no server of vectors that may be used; nothing was made.
        """
        from knowledge.storage.local.catalog.catalog import Catalog

        if self.servers is not None:
            _ = self.servers.place
        return Catalog(self.folder, self._vectors, self.servers)

    def hold(self) -> Hold:
        """Hold the data folder, which is made when missing, so that nobody empties it."""
        from knowledge.storage.local.catalog.catalog import hold_made

        return hold_made(self.folder)

    def index(self, key: str) -> VectorIndex:
        """Return the index of the dataset with this key."""
        from knowledge.storage.local.catalog.catalog import indexes

        return (self._vectors or indexes(self.folder, self.servers))(key)

    def has_cache(self) -> bool:
        """Return whether there is an embedding cache."""
        return self.folder.cache.exists()

    def open_cache(self, limit: int) -> EmbeddingCache:
        """Open the embedding cache, which is made when missing; ``limit`` is in bytes."""
        from knowledge.storage.local.cache import EmbeddingCache

        return EmbeddingCache(self.folder.cache, limit)

    def cache_stats(self, limit: int) -> CacheStats:
        """Count what the embedding cache keeps."""
        from knowledge.storage.reports import CacheStats

        if not self.has_cache():
            return CacheStats(self.folder.cache, limit)
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
        from knowledge.storage.local.unpacked import unpack_archive

        return unpack_archive(path, self.folder.archives, notify, spare)

    def status(self, name: str | None, cache_limit: int) -> Status:
        """Return sizes, counts and the last runs of one dataset, or of all."""
        from knowledge.storage.local.upkeep.status import status_of

        return status_of(self, name, cache_limit)

    def compact(self, name: str | None, *, lock_timeout: float, notify: Notify) -> list[Compacted]:
        """Build indexes without deleted vectors, of one dataset or all; give back empty pages."""
        from knowledge.storage.local.upkeep.compaction import compact_all

        return compact_all(self, name, lock_timeout=lock_timeout, notify=notify)

    @contextlib.contextmanager
    def leftovers(self) -> Iterator[list[Leftover]]:
        """Yield what nobody needs any more; each can be removed while the context lasts."""
        from knowledge.storage.local.upkeep.leftovers import leftovers

        if not self.exists():
            yield []
            return
        with self.open() as catalog:
            yield list(leftovers(catalog))

    def checkup(self, *, lock_timeout: float, cache_limit: int, notify: Notify) -> LocalCheckup:
        """Return what looks the data folder over."""
        from knowledge.storage.local.upkeep.checkup import LocalCheckup

        return LocalCheckup(self, lock_timeout=lock_timeout, cache_limit=cache_limit, notify=notify)

    def contents(self) -> list[str]:
        """Return the names of what is ours in the data folder."""
        from knowledge.storage.local.upkeep.emptying import contents

        return [path.relative_to(self.root).as_posix() for path in contents(self.folder)]

    def empty(self, patience: float) -> None:
        """Remove all that is ours, once those who read have been waited for."""
        from knowledge.storage.local.upkeep.emptying import empty

        empty(self.folder, patience, self.servers)
