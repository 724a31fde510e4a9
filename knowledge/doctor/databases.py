"""The catalog and the embedding cache as files: whole, saved in part, or restored."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator

from knowledge.doctor.findings import Finding, Severity
from knowledge.doctor.repairs import Treatment
from knowledge.errors import DamagedStoreError, KnowledgeError, NewerStoreError
from knowledge.files.private import private_files
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog.catalog import Catalog, check_there, hold_made
from knowledge.storage.local.holding import held_alone
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.lock import write_lock
from knowledge.storage.local.upkeep.backups import backups_of, set_aside
from knowledge.storage.local.upkeep.cache_salvage import salvage_cache
from knowledge.storage.local.upkeep.databases import catalog_damage, database_damage
from knowledge.storage.local.upkeep.salvage import Salvaged, put_in_place, salvage
from knowledge.text.wording import counted

Notify = Callable[[str], None]
FIX = "Run `knowledge doctor --fix`; it makes a backup first."
_MIB = 1024 * 1024
_CATALOG = frozenset({"datasets", "files", "chunks"})


def check_catalog(treatment: Treatment, settings: Settings, notify: Notify) -> bool:
    """Check the catalog's file; return whether it can be read.

    Raises
    ------
    NewerStoreError
        A newer version wrote it.
    """
    folder = treatment.folder
    path = folder.catalog
    try:
        if not check_there(folder):
            return False
        with hold_made(folder):
            if not check_there(folder):
                return False  # it was emptied before we held it
            damage = catalog_damage(folder)
            if not damage:
                Catalog(folder).close()  # brings an older one to this version
    except NewerStoreError:
        raise
    except DamagedStoreError as error:
        damage = error.message
    if not damage:
        return True
    finding = Finding(
        "catalog-damaged", Severity.DAMAGE, path.name, f"the catalog is damaged: {damage}", FIX
    )

    def repair() -> str:
        patience = settings["lock_timeout"]
        with _all_locks(folder, patience, notify), held_alone(folder.root, patience):
            return _replace_catalog(treatment)

    return treatment.treat(finding, repair)


def check_cache(treatment: Treatment, settings: Settings) -> None:
    """Check the embedding cache's file."""
    path = treatment.folder.cache
    if not path.exists():
        return
    with hold_made(treatment.folder):
        if not path.exists():
            return
        damage = database_damage(path, frozenset({"models", "vectors", "size"}))
    if not damage:
        return
    finding = Finding(
        "cache-damaged",
        Severity.DAMAGE,
        path.name,
        f"the embedding cache is damaged: {damage}",
        FIX,
    )

    def repair() -> str:
        aside = treatment.backup()
        with held_alone(treatment.folder.root, settings["lock_timeout"]):
            set_aside(path, aside)
        limit = settings["embedding_cache_size"] * _MIB
        kept = aside / path.name
        saved = salvage_cache(kept, path, limit) if kept.is_file() else 0
        return f"{counted(saved, 'vector')} saved; the damaged cache lies in the backup."

    treatment.treat(finding, repair)


def _replace_catalog(treatment: Treatment) -> str:
    folder = treatment.folder
    new = folder.root / "catalog.db.salvaged"
    copy = treatment.backup() / folder.catalog.name
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
        set_aside(folder.catalog, treatment.backup())
    put_in_place(folder.catalog, new)
    return said


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


@contextlib.contextmanager
def _all_locks(folder: DataFolder, timeout: float, notify: Notify) -> Iterator[None]:
    """Hold the locks of all datasets that were ever written."""
    with contextlib.ExitStack() as stack:
        for lock in sorted((folder.root / "locks").glob("*.lock")):
            if lock.is_file():
                stack.enter_context(write_lock(lock, lock.stem, timeout, notify))
        yield
