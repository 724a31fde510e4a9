"""Looking after the data folder: what is in it, what it lacks, what can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.knowledge_base.shared import Shared

if TYPE_CHECKING:
    from knowledge.doctor.report import DoctorReport
    from knowledge.storage.history import MissedFile, Run
    from knowledge.storage.reports import CacheStats, Compacted, Leftover, Places, Status


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
        if name is not None:
            self._shared.existing(name).close()
        return self._shared.store.status(name, self._cache_limit)

    def places(self) -> Places:
        """Look where datasets and vectors are kept, and whether that can be read."""
        return self._shared.store.places()

    def history(self, dataset: str | None = None, *, limit: int | None = None) -> list[Run]:
        """Return a dataset's runs, the last one first.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        dataset = self._shared.dataset(dataset)
        with self._shared.existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return catalog.runs(self._shared.saw(snapshot.dataset(dataset)), limit)

    def missed_files(self, dataset: str | None = None) -> list[MissedFile]:
        """Return the files that failed, were empty or unsupported when they were read last.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        dataset = self._shared.dataset(dataset)
        with self._shared.existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return catalog.missed_files(self._shared.saw(snapshot.dataset(dataset)))

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
            self._shared.store,
            self._shared.settings,
            dataset,
            fix=fix,
            offline=offline,
            notify=self._shared.notify,
        )

    def compact(self, dataset: str | None = None) -> list[Compacted]:
        """Rebuild indexes without deleted vectors, and return empty pages to the disk.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        LockedError
            Another process is writing.
        """
        if dataset is not None:
            self._shared.existing(dataset).close()
        elif not self._shared.store.exists():
            return []
        timeout = self._shared.lock_timeout
        return self._shared.store.compact(dataset, lock_timeout=timeout, notify=self._shared.notify)

    def remove_leftovers(self, *, dry_run: bool = False) -> list[Leftover]:
        """Remove what killed runs, deleted datasets and archives once asked have left.

        Parameters
        ----------
        dry_run:
            Only say what would go.
        """
        from knowledge.storage.reports import remove_all

        with self._shared.store.leftovers() as found:
            return list(found) if dry_run else remove_all(found)

    def contents(self) -> list[str]:
        """Return the names of the files, folders or tables that :meth:`reset` removes."""
        return self._shared.store.contents()

    def reset(self) -> None:
        """Remove all datasets, the embedding cache and the backups; documents stay.

        Raises
        ------
        LockedError
            A dataset is being written, or others read all the time; nothing was removed.
        """
        self._shared.close()
        self._shared.store.empty(self._shared.lock_timeout)

    def cache_stats(self) -> CacheStats:
        """Count what the embedding cache keeps."""
        return self._shared.store.cache_stats(self._cache_limit)

    def clear_cache(self) -> CacheStats:
        """Forget all cached vectors; return what there was. Datasets keep theirs."""
        before = self.cache_stats()
        self._shared.store.clear_cache()
        return before

    @property
    def _cache_limit(self) -> int:
        return int(self._shared.settings["embedding_cache_size"]) * 1024 * 1024
