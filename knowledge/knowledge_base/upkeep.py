"""Looking after the data folder: what is in it, what it lacks, what can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.errors import DatasetNotFoundError
from knowledge.knowledge_base.shared import Shared

if TYPE_CHECKING:
    from pathlib import Path

    from knowledge.doctor.findings import DoctorReport
    from knowledge.storage.local.cache import CacheStats
    from knowledge.storage.local.catalog.history import MissedFile, Run
    from knowledge.storage.local.upkeep.compaction import Compacted
    from knowledge.storage.local.upkeep.leftovers import Leftover
    from knowledge.storage.local.upkeep.status import Status


class Upkeep:
    """The group ``kb.upkeep``."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def status(self, name: str | None = None) -> Status:
        """Return sizes, counts and the last runs of one dataset, or of all.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        from knowledge.storage.local.upkeep.status import status_of

        if name is not None:
            self._shared.existing(name).close()
        return status_of(self._shared.folder, name, self._cache_limit)

    def history(self, dataset: str | None = None, *, limit: int | None = None) -> list[Run]:
        """Return a dataset's runs, the last one first.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        from knowledge.storage.local.catalog.history import KEPT_RUNS, runs_of

        dataset = self._shared.dataset(dataset)
        with self._shared.existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return runs_of(catalog, snapshot.dataset(dataset), limit or KEPT_RUNS)

    def missed_files(self, dataset: str | None = None) -> list[MissedFile]:
        """Return the files that failed, were empty or unsupported when they were read last.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        from knowledge.storage.local.catalog.history import missed_files

        dataset = self._shared.dataset(dataset)
        with self._shared.existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return missed_files(catalog, snapshot.dataset(dataset))

    def doctor(
        self, dataset: str | None = None, *, fix: bool = False, offline: bool = False
    ) -> DoctorReport:
        """Check the data folder and one dataset, or all; repair what can be repaired.

        Parameters
        ----------
        fix:
            Repair, after a backup.
        offline:
            Ask no embedding provider, neither whether it answers nor for vectors that are lost.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        NewerStoreError
            A newer version wrote the data folder.
        """
        from knowledge.doctor.checkup import examine

        self._shared.close_indexes()
        return examine(
            self._shared.folder,
            self._shared.settings,
            dataset,
            fix=fix,
            offline=offline,
            notify=self._shared.notify,
        )

    def compact(self, dataset: str | None = None) -> list[Compacted]:
        """Build indexes afresh without deleted vectors, and give empty pages back to the disk.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        LockedError
            Another process is writing.
        """
        from knowledge.storage.local.upkeep.compaction import compact_database, compact_dataset

        if dataset is None and not self._shared.is_there():
            return []
        done = []
        with self._shared.existing(dataset or "") as catalog:
            names = [one.name for one in catalog.datasets()] if dataset is None else [dataset]
            timeout = self._shared.lock_timeout
            for name in names:
                try:
                    compacted = compact_dataset(
                        catalog, name, lock_timeout=timeout, notify=self._shared.notify
                    )
                except DatasetNotFoundError:
                    if dataset is not None:
                        raise
                    continue  # deleted or renamed while we worked on the others
                done.append(compacted)
            databases = [self._shared.folder.catalog, self._shared.folder.cache]
            return done + [compact_database(path) for path in databases if path.exists()]

    def remove_leftovers(self, *, dry_run: bool = False) -> list[Leftover]:
        """Remove what killed runs, deleted datasets and archives once asked have left.

        Parameters
        ----------
        dry_run:
            Only say what would go.
        """
        from knowledge.storage.local.upkeep.leftovers import leftovers, remove_all

        if not self._shared.is_there():
            return []
        with self._shared.catalog() as catalog:
            found = list(leftovers(catalog))
            return found if dry_run else remove_all(found)

    def contents(self) -> list[Path]:
        """Return the files and folders that :meth:`reset` removes."""
        from knowledge.storage.local.upkeep.emptying import contents

        return contents(self._shared.folder)

    def reset(self) -> None:
        """Remove all datasets, the embedding cache and the backups; documents stay.

        Raises
        ------
        LockedError
            A dataset is being written, or others read all the time; nothing was removed.
        """
        from knowledge.storage.local.upkeep.emptying import empty

        self._shared.close()
        empty(self._shared.folder, self._shared.lock_timeout)

    def cache_stats(self) -> CacheStats:
        """Count what the embedding cache keeps."""
        from knowledge.storage.local.cache import CacheStats, EmbeddingCache

        limit = self._cache_limit
        if not self._shared.folder.cache.exists():
            return CacheStats(limit)
        cache = EmbeddingCache(self._shared.folder.cache, limit)
        try:
            return cache.stats()
        finally:
            cache.close()

    def clear_cache(self) -> CacheStats:
        """Forget all cached vectors; return what there was. Datasets keep theirs."""
        from knowledge.storage.local.cache import EmbeddingCache

        before = self.cache_stats()
        if self._shared.folder.cache.exists():
            cache = EmbeddingCache(self._shared.folder.cache, self._cache_limit)
            try:
                cache.clear()
            finally:
                cache.close()
        return before

    @property
    def _cache_limit(self) -> int:
        return int(self._shared.settings["embedding_cache_size"]) * 1024 * 1024
