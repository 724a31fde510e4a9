"""Looking after the data folder: what is in it, what it lacks, what can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.knowledge_base.opened import Opened

if TYPE_CHECKING:
    from pathlib import Path

    from knowledge.doctor.report import DoctorReport
    from knowledge.storage.history import MissedFile, Run
    from knowledge.storage.reports import Compacted, Leftover, Status


class Upkeep(Opened):
    """Status, history, checks, repairs and cleaning."""

    def status(self, name: str | None = None) -> Status:
        """Return sizes, counts and the last runs of one dataset, or of all.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        if name is not None:
            self._existing(name).close()
        limit = int(self.settings["embedding_cache_size"]) * 1024 * 1024
        return self.store.status(name, limit)

    def history(self, dataset: str = "default", *, limit: int | None = None) -> list[Run]:
        """Return a dataset's runs, the last one first.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        with self._existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return catalog.runs(snapshot.dataset(dataset), limit)

    def missed_files(self, dataset: str = "default") -> list[MissedFile]:
        """Return the files that failed, were empty or unsupported when they were read last.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        with self._existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return catalog.missed_files(snapshot.dataset(dataset))

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
            self.store, self.settings, dataset, fix=fix, offline=offline, notify=self._notify
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
        if dataset is not None:
            self._existing(dataset).close()
        elif not self.store.exists():
            return []
        timeout = self.settings["lock_timeout"]
        return self.store.compact(dataset, lock_timeout=timeout, notify=self._notify)

    def remove_leftovers(self, *, dry_run: bool = False) -> list[Leftover]:
        """Remove what killed runs, deleted datasets and archives once asked have left.

        Parameters
        ----------
        dry_run:
            Only say what would go.
        """
        from knowledge.storage.reports import remove_all

        with self.store.leftovers() as found:
            return list(found) if dry_run else remove_all(found)

    def contents(self) -> list[Path]:
        """Return the files and folders that :meth:`reset` removes."""
        return self.store.contents()

    def reset(self) -> None:
        """Remove all datasets, the embedding cache and the backups; documents stay.

        Raises
        ------
        LockedError
            A dataset is being written, or others read all the time; nothing was removed.
        """
        self.close()
        self.store.empty(self.settings["lock_timeout"])
