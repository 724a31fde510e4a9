"""A data folder looked over: its rights, its databases, their rows, and what is left over."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    KnowledgeError,
    LockedError,
    NewerStoreError,
)
from knowledge.files.private import private_files, wide_paths
from knowledge.model import Dataset
from knowledge.storage.dataset_names import HIDDEN, no_dataset
from knowledge.storage.disk import Obstacle, cant_write, obstacle
from knowledge.storage.findings import Fault, Finding, Severity
from knowledge.storage.local.catalog import schema, stored_columns
from knowledge.storage.local.catalog.database import translated
from knowledge.storage.local.catalog.snapshot import Snapshot
from knowledge.storage.local.holding import held_alone
from knowledge.storage.local.layout import OURS, open_root
from knowledge.storage.local.lock import write_lock
from knowledge.storage.local.upkeep import consistency
from knowledge.storage.local.upkeep.backups import back_up, backups_of, set_aside
from knowledge.storage.local.upkeep.cache_salvage import salvage_cache
from knowledge.storage.local.upkeep.integrity import (
    catalog_damage,
    database_damage,
    fulltext_damage,
    rebuild_fulltext,
)
from knowledge.storage.local.upkeep.leftovers import leftovers
from knowledge.storage.local.upkeep.salvage import Salvaged, put_in_place, salvage
from knowledge.storage.local.upkeep.sizes import free_bytes
from knowledge.storage.local.vectors.folders import ChromaFolders
from knowledge.storage.local.vectors.native import TESTED, installed_version
from knowledge.storage.reports import remove_all
from knowledge.storage.shown_path import real_path
from knowledge.storage.store import FIX
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.storage.local.store import LocalStore
    from knowledge.storage.store import Notify

_CATALOG = frozenset({"datasets", "files", "chunks"})
_CACHE = frozenset({"models", "vectors", "size"})
_CODES = {
    Obstacle.FULL: "disk-full",
    Obstacle.READ_ONLY: "disk-read-only",
    Obstacle.NO_PERMISSION: "no-permission",
}
_LEAST_FREE = 100 * 1024 * 1024
_MIB = 1024 * 1024
_MOST_NAMED = 3
_ORDINARY = {"archive", "old-generation"}
"""Leftovers that are there for a reason, and go by themselves."""


def versions() -> dict[str, str]:
    """Return the versions of SQLite, of chromadb and of the data folder's format."""
    try:
        chromadb = installed_version()
    except PackageNotFoundError:
        chromadb = "not installed"
    return {
        "sqlite": sqlite3.sqlite_version,
        "chromadb": chromadb,
        "format": str(schema.VERSION),
    }


class LocalCheckup:
    """A :class:`knowledge.storage.store.Checkup` of a data folder.

    Parameters
    ----------
    lock_timeout:
        Seconds to wait for writers, before a repair.
    cache_limit:
        Most bytes that a repaired embedding cache may take.
    """

    def __init__(
        self, store: LocalStore, *, lock_timeout: float, cache_limit: int, notify: Notify
    ) -> None:
        self._store = store
        self._folder = store.folder
        self._timeout = lock_timeout
        self._cache_limit = cache_limit
        self._notify = notify
        self._backup: Path | None = None
        self.writable = self.readable = True
        self.remedy = FIX

    @property
    def exists(self) -> bool:
        """True when there is a catalog, be it damaged."""
        return self._folder.catalog.exists()

    def versions(self) -> dict[str, str]:
        """Return the versions that matter to a data folder."""
        return versions()

    def back_up(self) -> Path:
        """Return the folder of a backup, made at the first call."""
        if self._backup is None:
            self._backup = back_up(self._folder)
        return self._backup

    def place(self) -> Iterator[Fault]:
        """Look at what is around the data: versions, rights, and whether it can be written."""
        found = self.versions()["chromadb"]
        if found not in TESTED:
            yield _note(
                "chromadb-untested",
                "chromadb",
                f"chromadb is {found}; {', '.join(sorted(TESTED))} is what was tested",
            )
        yield from self._wide_rights()
        root = self._folder.root
        blocked = [why for path in (root, self._folder.catalog) if (why := obstacle(path))]
        if blocked:
            self.writable = False
            yield _warning(
                _CODES[blocked[0]],
                str(root),
                cant_write(root, blocked[0]).message,
                "What is stored can be read; nothing can be changed.",
            )

    def _wide_rights(self) -> Iterator[Fault]:
        """Report what others than its owner may read or write; opening the folder ends that."""
        root = self._folder.root
        wide = wide_paths(root, OURS)
        if not wide:
            return
        with contextlib.suppress(OSError):
            open_root(root)
        left = wide_paths(root, OURS)
        named = ", ".join(path.name for path in (left or wide)[:_MOST_NAMED])
        yield _warning(
            "rights-wide",
            str(root),
            f"others than its owner had rights to what is stored: {named}",
            "Take them away: chmod -R go-rwx." if left else "They were taken away.",
        )

    def catalog(self) -> Iterator[Fault]:
        """Check the catalog's file; :attr:`readable` is known afterwards.

        Raises
        ------
        NewerStoreError
            A newer version wrote it.
        """
        self.readable = False
        try:
            if not self._store.exists():
                return
            with self._store.hold():
                if not self._store.exists():
                    return  # it was emptied before we held it
                damage = catalog_damage(self._folder)
                if not damage:
                    self._store.open().close()  # brings an older one to this version
        except NewerStoreError:
            raise
        except DamagedStoreError as error:
            damage = error.message
        self.readable = not damage
        if damage:
            name = self._folder.catalog.name
            yield self._damage(
                "catalog-damaged", name, f"the catalog is damaged: {damage}", self._replace_catalog
            )

    def cache(self) -> Iterator[Fault]:
        """Check the embedding cache's file."""
        path = self._folder.cache
        if not path.exists():
            return
        with self._store.hold():
            if not path.exists():
                return
            damage = database_damage(path, _CACHE)
        if damage:
            yield self._damage(
                "cache-damaged",
                path.name,
                f"the embedding cache is damaged: {damage}",
                self._replace_cache,
            )

    def rows(self, name: str | None) -> Iterator[Fault]:
        """Check the rows of one dataset, or of all, and the full-text index.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        for number, one in self._numbers(name).items():
            with consistency.reading(self._folder.catalog) as connection:
                faults = consistency.row_faults(connection, number)
            if faults:
                told = "; ".join(fault.message for fault in faults)
                repair = self._mending(number, one)
                yield self._damage("rows-damaged", one, told, repair)
        yield from self._fulltext()

    def datasets(self, name: str | None) -> list[Dataset]:
        """Return one dataset, or all, as far as their rows can be read."""
        found = []
        with self._store.open() as catalog:
            for one in self._numbers(name).values():
                with contextlib.suppress(DamagedStoreError, DatasetNotFoundError):
                    found.append(catalog.dataset(one))
        return found

    def _numbers(self, name: str | None) -> dict[int, str]:
        with consistency.reading(self._folder.catalog) as connection:
            numbers = consistency.dataset_numbers(connection)
        shown = {number: one for number, one in numbers.items() if not one.startswith(HIDDEN)}
        if name is None:
            return shown
        if name not in shown.values():
            raise no_dataset(name, list(shown.values()))
        return {number: one for number, one in shown.items() if one == name}

    def _mending(self, number: int, name: str) -> Callable[[], str]:
        def repair() -> str:
            with self._store.open() as catalog:
                row = catalog.connection.execute(
                    "SELECT CAST(key AS TEXT) FROM datasets WHERE id = ?", (number,)
                ).fetchone()
                if row is None:
                    return "The dataset was deleted meanwhile."
                with self._lock(row[0], name), catalog.transaction():
                    consistency.mend_rows(catalog.connection, number)
            return "The rows fit each other again; what is lost of files is to be read again."

        return repair

    def _fulltext(self) -> Iterator[Fault]:
        subject = self._folder.catalog.name
        with self._store.open() as catalog:
            try:
                damage = fulltext_damage(catalog)
            except LockedError:
                raise
            except KnowledgeError as error:
                yield _note(
                    "fulltext-unchecked",
                    subject,
                    f"the full-text index was not checked, which needs writing: {error}",
                    "Questions use it as it is.",
                )
                return
            if damage:

                def repair() -> str:
                    rebuild_fulltext(catalog)
                    return "It was rebuilt from the chunks."

                told = f"the full-text index is damaged: {damage}"
                yield self._damage("fulltext-damaged", subject, told, repair)

    def index(self, dataset: Dataset) -> Iterator[Fault]:
        """Report what a whole index lacks."""
        index = self._store.index(dataset.key)
        if not (isinstance(index, ChromaFolders) and index.lacks_checksums(dataset.vectors)):
            return

        def repair() -> str:
            with self._lock(dataset.key, dataset.name):
                index.add_checksums(dataset.vectors)
            return "They were written."

        finding = Finding(
            "checksums-missing",
            Severity.NOTE,
            dataset.name,
            "its index has no checksums, by which damage is noticed before it is searched",
            "The next publish writes them, and so does `knowledge doctor --fix`.",
        )
        yield Fault(finding, self._translating(repair))

    def garbled_chunks(self, dataset: Dataset) -> dict[str, list[str]]:
        """Return the ids of chunks that do not fit their text, by the id of their file."""
        with consistency.reading(self._folder.catalog) as connection:
            number = _number(connection, dataset)
            return {} if number is None else consistency.garbled_chunks(connection, number)

    def incomplete_files(self, dataset: Dataset) -> list[str]:
        """Return the ids of files of which something is lost."""
        with consistency.reading(self._folder.catalog) as connection:
            number = _number(connection, dataset)
            return [] if number is None else consistency.files_to_read(connection, number)

    def mark_unread(self, dataset: Dataset, file_ids: Sequence[str]) -> list[Path]:
        """Let the next ingest read those of some files that are still there; return their paths.

        What is gone keeps its hash, by which it is known again where it was moved to.
        """
        listed = list(file_ids)
        with (
            self._store.open() as catalog,
            self._lock(dataset.key, dataset.name),
            catalog.transaction(),
        ):
            number = _number(catalog.connection, dataset)
            if number is None:
                return []
            consistency.find_files(catalog.connection, number, listed)
            files = Snapshot(catalog.connection, catalog.folder).files_by_id(dataset, listed)
            paths = {id: Path(os.fsdecode(real_path(file.path))) for id, file in files.items()}
            there = {
                id: path for id, path in paths.items() if path.is_absolute() and path.is_file()
            }
            consistency.read_again(catalog.connection, number, list(there))
            return list(there.values())

    def leftovers(self) -> Iterator[Fault]:
        """Report what nobody needs any more."""
        with self._store.open() as catalog:
            found = [one for one in leftovers(catalog) if one.kind not in _ORDINARY]
            if not found:
                return
            size = sum(one.bytes for one in found)
            named = ", ".join(one.name for one in found[:_MOST_NAMED])
            finding = Finding(
                "leftovers",
                Severity.WARNING,
                str(self._folder.root),
                f"{counted(len(found), 'thing')} that nobody needs, of {size:,} bytes: {named}"
                + (", …" if len(found) > _MOST_NAMED else ""),
                "`knowledge gc` removes them.",
            )
            yield Fault(finding, self._translating(lambda: f"{len(remove_all(found))} removed."))

    def room(self, datasets: Sequence[Dataset]) -> Iterator[Fault]:
        """Report that there is too little room to write the largest index once more."""
        largest = max((self._store.index(one.key).size() for one in datasets), default=0)
        needed, free = max(_LEAST_FREE, 2 * largest), free_bytes(self._folder.root)
        if free < needed:
            yield _warning(
                "disk-low",
                str(self._folder.root),
                f"{free // _MIB:,} MiB are free; the next ingest may need {needed // _MIB:,} MiB",
                "Free some space; `knowledge gc` and `knowledge compact` may give some back.",
            )

    def _damage(self, code: str, subject: str, message: str, repair: Callable[[], str]) -> Fault:
        finding = Finding(code, Severity.DAMAGE, subject, message, FIX)
        return Fault(finding, self._translating(repair))

    def _translating(self, repair: Callable[[], str]) -> Callable[[], str]:
        """Let a repair raise errors of ours for those of SQLite; it may give rows other numbers."""

        @wraps(repair)
        def repaired() -> str:
            try:
                with translated(self._folder.catalog):
                    return repair()
            finally:
                stored_columns.forget(self._folder.root)

        return repaired

    def _lock(self, key: str, name: str) -> contextlib.AbstractContextManager[None]:
        return write_lock(self._folder.lock(key), name, self._timeout, self._notify)

    @contextlib.contextmanager
    def _all_locks(self) -> Iterator[None]:
        """Hold the locks of all datasets that were ever written."""
        with contextlib.ExitStack() as stack:
            for lock in sorted((self._folder.root / "locks").glob("*.lock")):
                if lock.is_file():
                    stack.enter_context(self._lock(lock.stem, lock.stem))
            yield

    def _replace_cache(self) -> str:
        path, aside = self._folder.cache, self.back_up()
        with held_alone(self._folder.root, self._timeout):
            set_aside(path, aside)
        kept = aside / path.name
        saved = salvage_cache(kept, path, self._cache_limit) if kept.is_file() else 0
        return f"{counted(saved, 'vector')} saved; the damaged cache lies in the backup."

    def _replace_catalog(self) -> str:
        with self._all_locks(), held_alone(self._folder.root, self._timeout):
            said = self._saved_catalog()
        self.readable = True
        return said

    def _saved_catalog(self) -> str:
        folder = self._folder
        new = folder.root / "catalog.db.salvaged"
        copy = self.back_up() / folder.catalog.name
        saved = salvage(copy if copy.is_file() else None, new, folder)
        said = _in_words(saved)
        if not saved.rows["chunks"]:
            for old in backups_of(folder):
                if old != copy and not database_damage(old, _CATALOG):
                    with private_files():
                        shutil.copyfile(old, new)
                    said = f"The backup {old.relative_to(folder.root).as_posix()} was restored."
                    break
            else:
                if not (saved.rows["datasets"] or saved.empty_datasets):
                    raise KnowledgeError(
                        "nothing of it can be read, and no backup is there",
                        hint="`knowledge reset` empties the data folder; then ingest again.",
                    )
        if folder.catalog.is_dir():
            set_aside(folder.catalog, self.back_up())
        put_in_place(folder.catalog, new)
        return said


def _note(code: str, subject: str, message: str, remedy: str = "") -> Fault:
    return Fault(Finding(code, Severity.NOTE, subject, message, remedy))


def _warning(code: str, subject: str, message: str, remedy: str = "") -> Fault:
    return Fault(Finding(code, Severity.WARNING, subject, message, remedy))


def _number(connection: sqlite3.Connection, dataset: Dataset) -> int | None:
    """Return a dataset's number; ``None`` when it was deleted meanwhile."""
    row = connection.execute("SELECT id FROM datasets WHERE key = ?", (dataset.key,)).fetchone()
    return None if row is None else int(row[0])


def _in_words(saved: Salvaged) -> str:
    rows = saved.rows
    said = (
        f"Saved: {counted(rows['datasets'], 'dataset')}, {counted(rows['files'], 'file')}, "
        f"{counted(rows['chunks'], 'chunk')}."
    )
    if tables := ", ".join(table for table in saved.gaps if table in _CATALOG):
        said += f" Parts of {tables} could not be read."
    if saved.datasets_named_anew:
        said += f" {counted(saved.datasets_named_anew, 'dataset')} had lost the row of its own."
    if saved.empty_datasets:
        lost = counted(saved.empty_datasets, "dataset")
        said += f" {lost} lost all texts: ingest the documents again."
    return said
