"""Deleting a dataset: its rows first, then its vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from knowledge.errors import LockedError
from knowledge.storage.dataset_names import HIDDEN
from knowledge.storage.relational.ownership import locked_dataset

if TYPE_CHECKING:
    from knowledge.storage.relational.catalog import SqlCatalog


def delete_dataset(
    catalog: SqlCatalog, name: str, *, lock_timeout: float, notify: Callable[[str], None]
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
    catalog.forget_lock(dataset.key)
    catalog.sweep_orphans()


def remove_dataset(catalog: SqlCatalog, key: str) -> None:
    """Remove the rows and the vectors of a dataset whose lock is ours."""
    with catalog.transaction(durable=True):
        catalog.change("DELETE FROM datasets WHERE key = ?", (key,))
    catalog.index(key).remove()


def discard_unpublished(catalog: SqlCatalog, key: str) -> None:
    """Delete a new dataset to which nothing was published, unless somebody is writing to it."""
    _discard(catalog, key, "generation = 0")


def discard_hidden(catalog: SqlCatalog, key: str) -> bool:
    """Delete a dataset that was replaced, or that nobody builds any more; tell whether it was so.

    A builder holds the lock before the dataset has its row, and shows it before the lock is free.
    """
    return _discard(catalog, key, "substr(name, 1, 1) = ?", HIDDEN)


def sweep_hidden(catalog: SqlCatalog) -> None:
    """Delete all datasets that were replaced, or that nobody builds any more."""
    for dataset in catalog.datasets(hidden=True):
        discard_hidden(catalog, dataset.key)


def _discard(catalog: SqlCatalog, key: str, condition: str, *values: object) -> bool:
    """Delete a dataset if nobody is writing to it and an SQL condition holds; tell whether."""
    try:
        with catalog.lock(key, key, 0, lambda _: None):
            with catalog.transaction(durable=True):
                deleted = catalog.change(
                    f"DELETE FROM datasets WHERE key = ? AND {condition}", (key, *values)
                )
            if deleted:
                catalog.index(key).remove()
    except LockedError:
        return False
    if deleted:
        catalog.forget_lock(key)
    return bool(deleted)
