"""Looking after the data folder: what is in it, what it lacks, what can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.errors import DatasetNotFoundError
from knowledge.knowledge_base.opened import Opened

if TYPE_CHECKING:
    from pathlib import Path

    from knowledge.doctor.findings import DoctorReport
    from knowledge.storage.local.catalog.history import MissedFile, Run
    from knowledge.storage.local.upkeep.compaction import Compacted
    from knowledge.storage.local.upkeep.leftovers import Leftover
    from knowledge.storage.local.upkeep.status import Status


class Upkeep(Opened):
    """Status, history, checks, repairs and cleaning."""

    def status(self, name: str | None = None) -> Status:
        """Return sizes, counts and the last runs of one dataset, or of all.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        from knowledge.storage.local.upkeep.status import status_of

        if name is not None:
            self._existing(name).close()
        limit = int(self.settings["embedding_cache_size"]) * 1024 * 1024
        return status_of(self.folder, name, limit)

    def history(self, dataset: str = "default", *, limit: int | None = None) -> list[Run]:
        """Return a dataset's runs, the last one first.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        from knowledge.storage.local.catalog.history import KEPT_RUNS, runs_of

        with self._existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return runs_of(catalog, snapshot.dataset(dataset), limit or KEPT_RUNS)

    def missed_files(self, dataset: str = "default") -> list[MissedFile]:
        """Return the files that failed, were empty or unsupported when they were read last.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        from knowledge.storage.local.catalog.history import missed_files

        with self._existing(dataset) as catalog, catalog.snapshot() as snapshot:
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

        if self._retriever is not None:
            self._retriever.close()
        return examine(
            self.folder, self.settings, dataset, fix=fix, offline=offline, notify=self._notify
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

        if dataset is None and not self._is_there():
            return []
        done = []
        with self._existing(dataset or "") as catalog:
            names = [one.name for one in catalog.datasets()] if dataset is None else [dataset]
            timeout = self.settings["lock_timeout"]
            for name in names:
                try:
                    compacted = compact_dataset(
                        catalog, name, lock_timeout=timeout, notify=self._notify
                    )
                except DatasetNotFoundError:
                    if dataset is not None:
                        raise
                    continue  # deleted or renamed while we worked on the others
                done.append(compacted)
            databases = [self.folder.catalog, self.folder.cache]
            return done + [compact_database(path) for path in databases if path.exists()]

    def remove_leftovers(self, *, dry_run: bool = False) -> list[Leftover]:
        """Remove what killed runs, deleted datasets and archives once asked have left.

        Parameters
        ----------
        dry_run:
            Only say what would go.
        """
        from knowledge.storage.local.upkeep.leftovers import leftovers, remove_all

        if not self._is_there():
            return []
        with self._catalog() as catalog:
            found = list(leftovers(catalog))
            return found if dry_run else remove_all(found)

    def contents(self) -> list[Path]:
        """Return the files and folders that :meth:`reset` removes."""
        from knowledge.storage.local.upkeep.emptying import contents

        return contents(self.folder)

    def reset(self) -> None:
        """Remove all datasets, the embedding cache and the backups; documents stay.

        Raises
        ------
        LockedError
            A dataset is being written, or others read all the time; nothing was removed.
        """
        from knowledge.storage.local.upkeep.emptying import empty

        self.close()
        empty(self.folder, self.settings["lock_timeout"])
