"""Deleting a dataset: its rows first, then its folders."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

from knowledge.errors import LockedError
from knowledge.storage.lock import write_lock

if TYPE_CHECKING:
    from knowledge.storage.catalog import Catalog


def delete_dataset(
    catalog: Catalog, name: str, *, lock_timeout: float, notify: Callable[[str], None]
) -> None:
    """Delete a dataset with all it holds.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    LockedError
        Another process is writing to it.
    """
    key = catalog.dataset(name).key
    lock = catalog.folder.lock(key)
    with write_lock(lock, name, lock_timeout, notify):
        with catalog.transaction(durable=True):
            catalog.connection.execute("DELETE FROM datasets WHERE key = ?", (key,))
        shutil.rmtree(catalog.folder.dataset(key), ignore_errors=True)
    # Who still waits for this lock finds the dataset gone; nobody new comes for its key.
    lock.unlink(missing_ok=True)
    sweep_orphans(catalog)


def discard_unpublished(catalog: Catalog, key: str) -> None:
    """Delete a new dataset to which nothing was published, unless somebody is writing to it."""
    lock = catalog.folder.lock(key)
    try:
        with write_lock(lock, key, 0, lambda _: None):
            with catalog.transaction(durable=True):
                deleted = catalog.connection.execute(
                    "DELETE FROM datasets WHERE key = ? AND generation = 0", (key,)
                ).rowcount
            if deleted:
                shutil.rmtree(catalog.folder.dataset(key), ignore_errors=True)
    except LockedError:
        return
    if deleted:
        lock.unlink(missing_ok=True)


def sweep_orphans(catalog: Catalog) -> None:
    """Remove folders of deleted datasets, which a killed deletion may have left."""
    home = catalog.folder.root / "datasets"
    if not home.is_dir():
        return
    # Folders are listed before rows are read, and rows are made before folders: a folder without
    # a row is one whose dataset is gone.
    folders = list(home.iterdir())
    keys = {dataset.key for dataset in [*catalog.datasets(), *catalog.datasets(hidden=True)]}
    for folder in folders:
        if folder.name not in keys:
            shutil.rmtree(folder, ignore_errors=True)
