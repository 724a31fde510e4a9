"""What nobody needs any more: left by killed runs, deleted datasets and archives once asked."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    LockedError,
    VectorServerError,
)
from knowledge.storage.dataset_names import HIDDEN
from knowledge.storage.local.elsewhere.marks import forget_strays, retire, strays
from knowledge.storage.local.holding import remove_folder, remove_folders
from knowledge.storage.local.lock import if_free, is_held, write_lock
from knowledge.storage.local.upkeep.sizes import size_of
from knowledge.storage.relational.removal import discard_hidden
from knowledge.storage.reports import Leftover
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.model import Dataset
    from knowledge.storage.local.catalog.catalog import Catalog
    from knowledge.storage.local.layout import DataFolder
    from knowledge.storage.servers.connections import Servers

CANDIDATES = ("candidate", "candidate-fresh")
_MINUTE = timedelta(seconds=60)


def leftovers(catalog: Catalog, *, archives: bool = True) -> Iterator[Leftover]:
    """Yield what can go. What is in use, or may be, is none of it.

    Parameters
    ----------
    archives:
        Count unpacked archives too, which only save the time to unpack them again.
    """
    # Folders are listed before rows are read, and rows are made before folders.
    folder = catalog.folder
    folders = _children(folder.root / "datasets")
    locks = _children(folder.root / "locks")
    shown, hidden = catalog.datasets(), catalog.datasets(hidden=True)
    for dataset in shown:
        yield from _if_free(folder, dataset.key, partial(_of_dataset, catalog, dataset))
    for dataset in hidden:
        yield from _if_free(folder, dataset.key, partial(_hidden, catalog, dataset))
    keys = {dataset.key for dataset in (*shown, *hidden)}
    for path in folders:
        if path.name not in keys:
            yield from _if_free(folder, path.name, partial(_orphan, catalog, path))
    yield from _stale_locks(folder, locks, keys)
    if archives:
        yield from archive_leftovers(folder)


def archive_leftovers(folder: DataFolder) -> Iterator[Leftover]:
    """Yield archives that were unpacked to be asked."""
    for path in _children(folder.archives):
        if not _is_being_unpacked(path):
            yield _path(folder, "archive", path, partial(_remove_unheld, path))


def _if_free(
    folder: DataFolder, key: str, look: Callable[[], Iterator[Leftover]]
) -> list[Leftover]:
    """Look for what is left of a dataset, unless somebody writes to it meanwhile."""
    with if_free(folder.lock(key)) as free, contextlib.suppress(DatasetNotFoundError):
        if free:
            return list(look())
    return []


def _of_dataset(catalog: Catalog, listed: Dataset) -> Iterator[Leftover]:
    """Yield what is left of a dataset whose lock is ours."""
    folder = catalog.folder
    dataset = catalog.dataset_by_key(listed.key)
    if catalog.staging(dataset).has_leftovers():
        yield Leftover(
            "staged-rows",
            f"rows of unfinished or old runs on dataset {dataset.name!r}",
            0,
            _locked(folder, dataset, partial(_sweep_rows, catalog, dataset.key)),
        )
    current = folder.generation(dataset.key, dataset.vectors).name
    paths = _children(folder.dataset(dataset.key))
    before = [path for path in paths if path.name.startswith("g") and path.name < current][-1:]
    for path in paths:
        if path.name == current and dataset.vectors:
            continue
        kind = "candidate" if path.name in CANDIDATES else "old-generation"
        # A reader that began before the last publish may still be about to open the one before.
        if path in before and _is_young(dataset.updated_at):
            continue
        name = path.relative_to(folder.root).as_posix()
        remove = _locked(folder, dataset, partial(_remove_unused, catalog, dataset.key, path))
        yield Leftover(kind, name, size_of(path), remove)
    yield from _stray_vectors(catalog, dataset)


def _stray_vectors(catalog: Catalog, dataset: Dataset) -> Iterator[Leftover]:
    """Yield the vectors on a server that no version of a dataset has."""
    home, servers = catalog.folder.generation(dataset.key, dataset.vectors), catalog.servers
    if servers is None or not dataset.vectors:
        return
    with contextlib.suppress(VectorServerError, DamagedStoreError):  # `doctor` reports these
        if found := strays(home, servers):
            told = f"{counted(len(found), 'vector')} of no version of dataset {dataset.name!r}"
            forget = partial(forget_strays, home, servers)
            remove = _locked(catalog.folder, dataset, forget)
            yield Leftover("orphan-vectors", told, 0, remove)


def _sweep_rows(catalog: Catalog, key: str) -> None:
    """Sweep the rows of a dataset whose lock is ours, as it is by now."""
    with contextlib.suppress(DatasetNotFoundError):
        catalog.staging(catalog.dataset_by_key(key)).sweep()


def _remove_unused(catalog: Catalog, key: str, path: Path) -> None:
    """Remove a folder of a dataset whose lock is ours, unless it was published meanwhile."""
    with contextlib.suppress(DatasetNotFoundError):
        dataset = catalog.dataset_by_key(key)
        if path == catalog.folder.generation(key, dataset.vectors):
            return
    _remove_unheld(path, catalog.servers)


def _remove_unheld(path: Path, servers: Servers | None = None) -> None:
    if not path.is_dir() or path.is_symlink():
        remove_path(path)
    elif not remove_folder(path, partial(_retired, servers=servers)):
        raise LockedError(f"another process uses {path}")


def _retired(path: Path, servers: Servers | None) -> bool:
    """Retire a version's folder, or raise what is in the way."""
    if servers is not None:
        retire(path, servers)
    return True


def _locked(folder: DataFolder, dataset: Dataset, act: Callable[[], None]) -> Callable[[], None]:
    def remove() -> None:
        with write_lock(folder.lock(dataset.key), dataset.name, 0, _quiet):
            act()

    return remove


def _hidden(catalog: Catalog, listed: Dataset) -> Iterator[Leftover]:
    """Yield a dataset that nobody can see, whose lock is ours: nobody builds it."""
    dataset = catalog.dataset_by_key(listed.key)
    if not dataset.name.startswith(HIDDEN):
        return  # it is shown by now

    def remove() -> None:
        if not discard_hidden(catalog, dataset.key):
            raise LockedError(f"another process removes {dataset.key}")

    size = size_of(catalog.folder.dataset(dataset.key))
    named = f"an unfinished or replaced dataset ({dataset.key})"
    yield Leftover("hidden-dataset", named, size, remove)


def _orphan(catalog: Catalog, path: Path) -> Iterator[Leftover]:
    """Yield the folder of a deleted dataset, where it is still there."""
    if path.exists():
        remove = partial(_remove_home, path, catalog.servers)
        yield _path(catalog.folder, "orphan-folder", path, remove)


def _remove_home(path: Path, servers: Servers | None) -> None:
    if not remove_folders(path, partial(_retired, servers=servers)):
        raise LockedError(f"another process uses {path}")


def _stale_locks(folder: DataFolder, paths: list[Path], keys: set[str]) -> Iterator[Leftover]:
    for path in paths:
        key = path.name.partition(".")[0]
        lock = folder.lock(key)
        if (is_held(lock) and lock.is_file()) or not os.path.lexists(path):
            continue
        if key not in keys or path.is_dir() or path != lock:  # a holder's file without a holder
            yield _path(folder, "lock", path, partial(remove_path, path))


def _path(folder: DataFolder, kind: str, path: Path, remove: Callable[[], None]) -> Leftover:
    return Leftover(kind, path.relative_to(folder.root).as_posix(), size_of(path), remove)


def remove_path(path: Path) -> None:
    """Remove a file or a folder with all in it; what is gone already is fine."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:  # somebody else removes it too
        shutil.rmtree(path, ignore_errors=True)


def _is_being_unpacked(path: Path) -> bool:
    import psutil

    _, _, process = path.name.removesuffix(".part").partition(".")
    return process.isdigit() and psutil.pid_exists(int(process))


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_young(moment: datetime) -> bool:
    return moment > datetime.now(UTC) - _MINUTE


def _quiet(_: str) -> None:
    pass
