"""A check-up of a data folder: what is damaged, what is left over, what should be done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from knowledge.doctor import surroundings
from knowledge.doctor.databases import FIX, check_cache, check_catalog
from knowledge.doctor.findings import DoctorReport, Finding, Severity
from knowledge.doctor.index_check import checksums_missing, index_damage
from knowledge.doctor.rebuilding import rebuild_index
from knowledge.doctor.rereading import files_to_read, read_again, unreadable_chunks
from knowledge.doctor.treatment import Treatment
from knowledge.errors import DamagedStoreError, DatasetNotFoundError
from knowledge.model import Dataset, FileStatus, SourceFile
from knowledge.settings import Settings
from knowledge.storage.catalog import Catalog
from knowledge.storage.history import missed_files
from knowledge.storage.layout import HIDDEN, DataFolder
from knowledge.storage.lock import write_lock
from knowledge.storage.upkeep.consistency import (
    dataset_numbers,
    mend_rows,
    reading,
    row_faults,
)
from knowledge.storage.upkeep.databases import fulltext_damage, rebuild_fulltext
from knowledge.storage.upkeep.leftovers import leftovers, remove_all
from knowledge.storage.vectors.checksums import write_checksums

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
    checkup = _Checkup(treatment, settings, offline=offline, notify=notify)
    there = check_catalog(treatment, settings, notify)
    if not there and name is not None and not folder.catalog.exists():
        raise DatasetNotFoundError(f"there is no dataset {name!r}")
    check_cache(treatment, settings)
    datasets = checkup.run(name) if there else []
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
        Catalog(self._folder).close()  # brings an older catalog to this version
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
                key = catalog.connection.execute(
                    "SELECT CAST(key AS TEXT) FROM datasets WHERE id = ?", (number,)
                ).fetchone()[0]
                with self._lock(key, name), catalog.transaction():
                    mend_rows(catalog.connection, number)
            return "the rows fit each other again, and what is lost of files is to be read again"

        self._treatment.treat(finding, repair)

    def _lock(self, key: str, name: str) -> AbstractContextManager[None]:
        return write_lock(
            self._folder.lock(key), name, self._settings["lock_timeout"], self._notify
        )

    def _check_fulltext(self) -> None:
        with Catalog(self._folder) as catalog:
            damage = fulltext_damage(catalog)
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
                return "it was built anew"

            self._treatment.treat(finding, repair)

    def _check_dataset(self, dataset: Dataset) -> None:
        try:
            files, ids, missed = self._contents(dataset)
        except DamagedStoreError as error:
            self._treatment.tell(
                "rows-unreadable", Severity.DAMAGE, dataset.name, error.message, error.hint
            )
            return
        self._check_index(dataset, ids)
        self._check_texts(dataset)
        self._check_stale(dataset)
        surroundings.check_sources(self._treatment, dataset, files)
        if missed:
            self._treatment.tell(
                "files-missed",
                Severity.NOTE,
                dataset.name,
                f"files, or members of files, that could not be taken in: {missed}",
                f"`knowledge list-files -d {dataset.name} --status failed` names them.",
            )

    def _contents(self, dataset: Dataset) -> tuple[list[SourceFile], list[str], int]:
        with Catalog(self._folder) as catalog:
            with catalog.snapshot() as snapshot:
                files = list(snapshot.files(dataset))
                ids = snapshot.chunk_ids(dataset)
            missed = missed_files(catalog, dataset)
        return files, ids, sum(one.problem.status == FileStatus.FAILED for one in missed)

    def _check_index(self, dataset: Dataset, ids: list[str]) -> None:
        folder = self._folder.generation(dataset.key, dataset.vectors)
        if not ids and not dataset.vectors:
            return
        dimensions = dataset.embedding.dimensions if dataset.embedding else None
        damage = index_damage(folder, ids, dimensions) if dataset.vectors else "there is none"
        if dataset.embedding is None:
            damage = damage or "the model of its vectors is not known"
        if damage:
            finding = Finding(
                "index-damaged",
                Severity.DAMAGE,
                dataset.name,
                f"the index is damaged: {damage}",
                FIX,
            )
            repair: Callable[[], str | None] = partial(
                rebuild_index,
                self._folder,
                dataset.name,
                self._settings,
                offline=self._offline,
                notify=self._notify,
            )
            self._treatment.treat(finding, repair)
        elif ids and checksums_missing(folder):
            self._treat_checksums(dataset)

    def _treat_checksums(self, dataset: Dataset) -> None:
        folder = self._folder.generation(dataset.key, dataset.vectors)
        finding = Finding(
            "checksums-missing",
            Severity.NOTE,
            dataset.name,
            "its index has no checksums, by which damage is noticed before it is searched",
            "The next publish writes them, and so does `knowledge doctor --fix`.",
        )

        def repair() -> str:
            with self._lock(dataset.key, dataset.name):
                write_checksums(folder)
            return "they were written"

        self._treatment.treat(finding, repair)

    def _check_texts(self, dataset: Dataset) -> None:
        damaged = unreadable_chunks(self._folder, dataset)
        if not damaged:
            return
        chunks = sum(map(len, damaged.values()))
        finding = Finding(
            "text-damaged",
            Severity.DAMAGE,
            dataset.name,
            f"{chunks} chunks of {len(damaged)} files do not have the text that was stored",
            "`knowledge doctor --fix` reads their files again, where these are still there.",
        )

        def repair() -> str:
            return read_again(self._folder, dataset, list(damaged), self._settings, self._notify)

        self._treatment.treat(finding, repair)

    def _check_stale(self, dataset: Dataset) -> None:
        stale = files_to_read(self._folder, dataset)
        if not stale:
            return
        finding = Finding(
            "files-incomplete",
            Severity.DAMAGE,
            dataset.name,
            f"chunks of {len(stale)} files are lost",
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
                f"{len(found)} things that nobody needs, of {size:,} bytes: "
                + ", ".join(one.name for one in found[:3])
                + (", …" if len(found) > 3 else ""),
                "`knowledge gc` removes them.",
            )

            def repair() -> str:
                return f"{len(remove_all(found))} removed"

            self._treatment.treat(finding, repair)
