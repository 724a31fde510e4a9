"""Deleting a dataset: its rows first, then its folders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from knowledge.errors import LockedError
from knowledge.storage.local.elsewhere.marks import retired
from knowledge.storage.local.holding import remove_folders
from knowledge.storage.local.lock import write_lock
from knowledge.storage.local.runs.ownership import locked_dataset

if TYPE_CHECKING:
    from knowledge.storage.local.catalog.catalog import Catalog


def delete_dataset(
    catalog: Catalog, name: str, *, lock_timeout: float, notify: Callable[[str], None]
) -> None:
    """Delete a dataset with all it holds; what a reader still uses goes with a later deletion.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    LockedError
        Another process is writing to it.
    """
    with locked_dataset(catalog, name, lock_timeout=lock_timeout, notify=notify) as dataset:
        remove_dataset(catalog, dataset.key)
    # Who still waits for this lock finds the dataset gone; nobody new comes for its key.
    catalog.folder.lock(dataset.key).unlink(missing_ok=True)
    sweep_orphans(catalog)


def remove_dataset(catalog: Catalog, key: str) -> None:
    """Remove the rows and the folders of a dataset whose lock is ours."""
    with catalog.transaction(durable=True):
        catalog.connection.execute("DELETE FROM datasets WHERE key = ?", (key,))
    catalog.index(key).remove()


def discard_unpublished(catalog: Catalog, key: str) -> None:
    """Delete a new dataset to which nothing was published, unless somebody is writing to it."""
    _discard(catalog, key, "generation = 0")


def discard_hidden(catalog: Catalog, key: str) -> bool:
    """Delete a dataset that was replaced, or that nobody builds any more; tell whether it was so.

    A builder holds the lock before the dataset has its row, and shows it before the lock is free.
    """
    return _discard(catalog, key, "substr(name, 1, 1) = char(1)")  # layout.HIDDEN


def sweep_hidden(catalog: Catalog) -> None:
    """Delete all datasets that were replaced, or that nobody builds any more."""
    for dataset in catalog.datasets(hidden=True):
        discard_hidden(catalog, dataset.key)


def _discard(catalog: Catalog, key: str, condition: str) -> bool:
    """Delete a dataset if nobody is writing to it and an SQL condition holds; tell whether."""
    lock = catalog.folder.lock(key)
    try:
        with write_lock(lock, key, 0, lambda _: None):
            with catalog.transaction(durable=True):
                deleted = catalog.connection.execute(
                    f"DELETE FROM datasets WHERE key = ? AND {condition}", (key,)
                ).rowcount
            if deleted:
                catalog.index(key).remove()
    except LockedError:
        return False
    if deleted:
        lock.unlink(missing_ok=True)
    return bool(deleted)


def sweep_orphans(catalog: Catalog) -> None:
    """Remove folders of deleted datasets, which a killed deletion or a reader may have left."""
    home = catalog.folder.root / "datasets"
    if not home.is_dir():
        return
    # Folders are listed before rows are read, and rows are made before folders: a folder without
    # a row is one whose dataset is gone.
    folders = list(home.iterdir())
    keys = {dataset.key for dataset in [*catalog.datasets(), *catalog.datasets(hidden=True)]}
    for folder in folders:
        if folder.name not in keys:
            remove_folders(folder, partial(retired, servers=catalog.servers))
