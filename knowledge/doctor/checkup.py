"""A check-up of what is stored: what is damaged, what is left over, what should be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from knowledge.doctor import environment
from knowledge.doctor.indexes import check_index
from knowledge.doctor.repairs import Repairs
from knowledge.doctor.report import DoctorReport
from knowledge.errors import DamagedStoreError, DatasetNotFoundError
from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.session import ingest
from knowledge.model import Dataset, FileStatus, SourceFile
from knowledge.settings.reading import Settings
from knowledge.storage.dataset_names import no_dataset
from knowledge.storage.findings import Finding, Severity
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.storage.store import Checkup, Store

Notify = Callable[[str], None]
_MIB = 1024 * 1024


def examine(
    store: Store,
    settings: Settings,
    name: str | None = None,
    *,
    fix: bool,
    offline: bool,
    notify: Notify,
) -> DoctorReport:
    """Check a store with one of its datasets, or with all.

    Parameters
    ----------
    fix:
        Repair what can be repaired, after a backup.
    offline:
        Ask no embedding provider.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    NewerStoreError
        A newer version wrote the store.
    """
    checkup = store.checkup(
        lock_timeout=settings["lock_timeout"],
        cache_limit=settings["embedding_cache_size"] * _MIB,
        notify=notify,
    )
    repairs = Repairs(checkup, fix=fix)
    places = store.places()
    environment.check_settings(repairs, settings)
    repairs.take(checkup.place())
    repairs.take(checkup.catalog())
    if name is not None and not (checkup.readable or checkup.exists):
        raise no_dataset(name)
    repairs.take(checkup.cache())
    datasets: list[Dataset] = []
    if checkup.readable:
        with store.hold():  # nobody empties it meanwhile
            if checkup.exists:
                checks = _DatasetChecks(
                    store, checkup, repairs, settings, offline=offline, notify=notify
                )
                datasets = checks.run(name)
    if checkup.writable:
        repairs.take(checkup.room(datasets))
    environment.check_providers(repairs, datasets, settings, offline=offline)
    return DoctorReport(
        findings=tuple(repairs.findings),
        datasets=tuple(dataset.name for dataset in datasets),
        backup=repairs.backup,
        versions=environment.versions() | checkup.versions(),
        store=places,
    )


class _DatasetChecks:
    """Checks the datasets of a store whose catalog can be read."""

    def __init__(
        self,
        store: Store,
        checkup: Checkup,
        repairs: Repairs,
        settings: Settings,
        *,
        offline: bool,
        notify: Notify,
    ) -> None:
        self._store = store
        self._checkup = checkup
        self._repairs = repairs
        self._settings = settings
        self._offline = offline
        self._notify = notify

    def run(self, name: str | None) -> list[Dataset]:
        """Check one dataset, or all; return those that could be looked at."""
        self._repairs.take(self._checkup.rows(name))
        found = self._checkup.datasets(name)
        for dataset in found:
            self._check(dataset)
        self._repairs.take(self._checkup.leftovers())
        return found

    def _check(self, dataset: Dataset) -> None:
        try:
            dataset, files, ids, missed = self._contents(dataset)
        except DatasetNotFoundError:
            return  # somebody has just deleted it
        except DamagedStoreError as error:
            self._repairs.note(
                "rows-unreadable", Severity.DAMAGE, dataset.name, error.message, error.hint
            )
            return
        check_index(
            self._store,
            self._checkup,
            self._repairs,
            dataset,
            ids,
            self._settings,
            offline=self._offline,
            notify=self._notify,
        )
        reported = self._check_texts(dataset)
        self._check_incomplete(dataset, reported)
        environment.check_sources(self._repairs, dataset, files)
        if missed:
            self._repairs.note(
                "files-missed",
                Severity.NOTE,
                dataset.name,
                f"files, or members of files, that could not be taken in: {missed}",
                f"`knowledge list-files -d {dataset.name} --status failed` names them.",
            )

    def _contents(self, dataset: Dataset) -> tuple[Dataset, list[SourceFile], list[str], int]:
        with self._store.open() as catalog, catalog.snapshot() as snapshot:
            dataset = snapshot.dataset_by_key(dataset.key)  # of this moment, as its rows are
            files = list(snapshot.files(dataset))
            ids = snapshot.chunk_ids(dataset)
            missed = catalog.missed_files(dataset)
        failed = sum(one.problem.status == FileStatus.FAILED for one in missed)
        return dataset, files, ids, failed

    def _check_texts(self, dataset: Dataset) -> list[str]:
        """Check the chunks' texts; return the ids of the files that were reported."""
        damaged = self._checkup.garbled_chunks(dataset)
        if damaged:
            chunks = counted(sum(map(len, damaged.values())), "chunk")
            self._report(
                "text-damaged",
                dataset,
                list(damaged),
                f"{chunks} of {counted(len(damaged), 'file')} with another text than was stored",
                "`knowledge doctor --fix` reads their files again, where these are still there.",
            )
        return list(damaged)

    def _check_incomplete(self, dataset: Dataset, reported: list[str]) -> None:
        stale = [id for id in self._checkup.incomplete_files(dataset) if id not in reported]
        if stale:
            self._report(
                "files-incomplete",
                dataset,
                stale,
                f"chunks of {counted(len(stale), 'file')} are lost",
                "`knowledge doctor --fix` reads these files again, and so does their next ingest.",
            )

    def _report(
        self, code: str, dataset: Dataset, file_ids: list[str], message: str, remedy: str
    ) -> None:
        finding = Finding(code, Severity.DAMAGE, dataset.name, message, remedy)
        self._repairs.repair(finding, lambda: self._read_again(dataset, file_ids))

    def _read_again(self, dataset: Dataset, file_ids: list[str]) -> str:
        """Read some files again, where they are still there; return what was done, in words.

        Raises
        ------
        DamagedStoreError
            Some are gone, or hold something else now; what is stored of them stays as it is.
        """
        there = self._checkup.mark_unread(dataset, file_ids)
        if there:
            request = RunRequest(there)
            ingest(
                self._store,
                dataset.name,
                request,
                self._settings,
                create=False,
                notify=self._notify,
            )
        damaged = {
            *self._checkup.garbled_chunks(dataset),
            *self._checkup.incomplete_files(dataset),
        }
        if left := damaged & {*file_ids}:
            raise DamagedStoreError(
                f"{counted(len(left), 'file')} can't be read again: gone, or unreadable now",
                hint="`knowledge delete-file` removes such a file; or ingest it from where it is "
                "now.",
            )
        return f"{counted(len(there), 'file')} read again."
