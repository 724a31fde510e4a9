"""A check-up of a data folder: what is damaged, what is left over, what should be done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from knowledge.doctor import environment as surroundings
from knowledge.doctor.databases import FIX, check_cache, check_catalog
from knowledge.doctor.findings import DoctorReport, Finding, Severity
from knowledge.doctor.indexes import check_index
from knowledge.doctor.repairs import Treatment
from knowledge.doctor.rereading import files_to_read, read_again, unreadable_chunks
from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    KnowledgeError,
    LockedError,
)
from knowledge.model import Dataset, FileStatus, SourceFile
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog.catalog import Catalog, hold_made
from knowledge.storage.local.catalog.history import missed_files
from knowledge.storage.local.layout import HIDDEN, DataFolder
from knowledge.storage.local.lock import write_lock
from knowledge.storage.local.upkeep.consistency import (
    dataset_numbers,
    mend_rows,
    reading,
    row_faults,
)
from knowledge.storage.local.upkeep.databases import fulltext_damage, rebuild_fulltext
from knowledge.storage.local.upkeep.leftovers import leftovers, remove_all
from knowledge.text.wording import counted

Notify = Callable[[str], None]
_ORDINARY = {"archive", "old-generation"}
"""Leftovers that are there for a reason, and go by themselves."""


def examine(
    folder: DataFolder,
    settings: Settings,
    name: str | None = None,
    *,
    fix: bool,
    offline: bool,
    notify: Notify,
) -> DoctorReport:
    """Check a data folder with one of its datasets, or with all.

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
        A newer version wrote the data folder.
    """
    treatment = Treatment(folder, fix=fix)
    surroundings.check_versions(treatment)
    surroundings.check_settings(treatment, settings)
    surroundings.check_rights(treatment)
    writable = surroundings.check_writable(treatment)
    checkup = _Checkup(treatment, settings, offline=offline, notify=notify)
    there = check_catalog(treatment, settings, notify)
    if not there and name is not None and not folder.catalog.exists():
        raise DatasetNotFoundError(f"there is no dataset {name!r}")
    check_cache(treatment, settings)
    datasets: list[Dataset] = []
    if there:
        with hold_made(folder):  # nobody empties it meanwhile
            datasets = checkup.run(name) if folder.catalog.exists() else []
    if writable:
        surroundings.check_room(treatment, datasets)
    surroundings.check_providers(treatment, datasets, settings, offline=offline)
    return DoctorReport(
        findings=tuple(treatment.findings),
        datasets=tuple(dataset.name for dataset in datasets),
        backup=treatment.made,
        versions=surroundings.versions(),
    )


class _Checkup:
    """Checks the datasets of a catalog that SQLite can read."""

    def __init__(
        self, treatment: Treatment, settings: Settings, *, offline: bool, notify: Notify
    ) -> None:
        self._treatment = treatment
        self._folder = treatment.folder
        self._settings = settings
        self._offline = offline
        self._notify = notify

    def run(self, name: str | None) -> list[Dataset]:
        """Check one dataset, or all; return those that could be looked at."""
        with reading(self._folder.catalog) as connection:
            numbers = dataset_numbers(connection)
        if name is not None:
            numbers = {number: one for number, one in numbers.items() if one == name}
            if not numbers:
                raise DatasetNotFoundError(f"there is no dataset {name!r}")
        shown = {n: one for n, one in numbers.items() if not one.startswith(HIDDEN)}
        found = []
        for number, one in shown.items():
            self._check_rows(number, one)
            if (dataset := self._dataset(number)) is not None:
                found.append(dataset)
        self._check_fulltext()
        for dataset in found:
            self._check_dataset(dataset)
        self._check_leftovers()
        return found

    def _dataset(self, number: int) -> Dataset | None:
        with Catalog(self._folder) as catalog, reading(self._folder.catalog) as connection:
            name = dataset_numbers(connection).get(number, "")
            try:
                return catalog.dataset(name)
            except (DamagedStoreError, DatasetNotFoundError):
                return None

    def _check_rows(self, number: int, name: str) -> None:
        with reading(self._folder.catalog) as connection:
            faults = row_faults(connection, number)
        if not faults:
            return
        finding = Finding(
            "rows-damaged",
            Severity.DAMAGE,
            name,
            "; ".join(fault.message for fault in faults),
            FIX,
        )

        def repair() -> str:
            with Catalog(self._folder) as catalog:
                row = catalog.connection.execute(
                    "SELECT CAST(key AS TEXT) FROM datasets WHERE id = ?", (number,)
                ).fetchone()
                if row is None:
                    return "The dataset was deleted meanwhile."
                with self._lock(row[0], name), catalog.transaction():
                    mend_rows(catalog.connection, number)
            return "The rows fit each other again; what is lost of files is to be read again."

        self._treatment.treat(finding, repair)

    def _lock(self, key: str, name: str) -> AbstractContextManager[None]:
        return write_lock(
            self._folder.lock(key), name, self._settings["lock_timeout"], self._notify
        )

    def _check_fulltext(self) -> None:
        with Catalog(self._folder) as catalog:
            try:
                damage = fulltext_damage(catalog)
            except LockedError:
                raise
            except KnowledgeError as error:
                self._treatment.tell(
                    "fulltext-unchecked",
                    Severity.NOTE,
                    self._folder.catalog.name,
                    f"the full-text index was not checked, which needs writing: {error}",
                    "Questions use it as it is.",
                )
                return
            if not damage:
                return
            finding = Finding(
                "fulltext-damaged",
                Severity.DAMAGE,
                self._folder.catalog.name,
                f"the full-text index is damaged: {damage}",
                FIX,
            )

            def repair() -> str:
                rebuild_fulltext(catalog)
                return "It was built anew from the chunks."

            self._treatment.treat(finding, repair)

    def _check_dataset(self, dataset: Dataset) -> None:
        try:
            dataset, files, ids, missed = self._contents(dataset)
        except DatasetNotFoundError:
            return  # somebody has just deleted it
        except DamagedStoreError as error:
            self._treatment.tell(
                "rows-unreadable", Severity.DAMAGE, dataset.name, error.message, error.hint
            )
            return
        check_index(
            self._treatment,
            dataset,
            ids,
            self._settings,
            offline=self._offline,
            notify=self._notify,
        )
        told = self._check_texts(dataset)
        self._check_stale(dataset, told)
        surroundings.check_sources(self._treatment, dataset, files)
        if missed:
            self._treatment.tell(
                "files-missed",
                Severity.NOTE,
                dataset.name,
                f"files, or members of files, that could not be taken in: {missed}",
                f"`knowledge list-files -d {dataset.name} --status failed` names them.",
            )

    def _contents(self, dataset: Dataset) -> tuple[Dataset, list[SourceFile], list[str], int]:
        with Catalog(self._folder) as catalog, catalog.snapshot() as snapshot:
            dataset = snapshot.dataset_by_key(dataset.key)  # of this moment, as its rows are
            files = list(snapshot.files(dataset))
            ids = snapshot.chunk_ids(dataset)
            missed = missed_files(catalog, dataset)
        failed = sum(one.problem.status == FileStatus.FAILED for one in missed)
        return dataset, files, ids, failed

    def _check_texts(self, dataset: Dataset) -> set[str]:
        """Check the chunks' texts; return the ids of the files that were told of."""
        damaged = unreadable_chunks(self._folder, dataset)
        if not damaged:
            return set()
        chunks = sum(map(len, damaged.values()))
        finding = Finding(
            "text-damaged",
            Severity.DAMAGE,
            dataset.name,
            f"{counted(chunks, 'chunk')} of {counted(len(damaged), 'file')} with another text than "
            "was stored",
            "`knowledge doctor --fix` reads their files again, where these are still there.",
        )

        def repair() -> str:
            return read_again(self._folder, dataset, list(damaged), self._settings, self._notify)

        self._treatment.treat(finding, repair)
        return set(damaged)

    def _check_stale(self, dataset: Dataset, told: set[str]) -> None:
        stale = [file for file in files_to_read(self._folder, dataset) if file not in told]
        if not stale:
            return
        finding = Finding(
            "files-incomplete",
            Severity.DAMAGE,
            dataset.name,
            f"chunks of {counted(len(stale), 'file')} are lost",
            "`knowledge doctor --fix` reads these files again, and so does their next ingest.",
        )

        def repair() -> str:
            return read_again(self._folder, dataset, stale, self._settings, self._notify)

        self._treatment.treat(finding, repair)

    def _check_leftovers(self) -> None:
        with Catalog(self._folder) as catalog:
            found = [one for one in leftovers(catalog) if one.kind not in _ORDINARY]
            if not found:
                return
            size = sum(one.bytes for one in found)
            finding = Finding(
                "leftovers",
                Severity.WARNING,
                str(self._folder.root),
                f"{counted(len(found), 'thing')} that nobody needs, of {size:,} bytes: "
                + ", ".join(one.name for one in found[:3])
                + (", …" if len(found) > 3 else ""),
                "`knowledge gc` removes them.",
            )

            def repair() -> str:
                return f"{len(remove_all(found))} removed."

            self._treatment.treat(finding, repair)
