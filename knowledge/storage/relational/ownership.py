"""Who may write a dataset: whoever holds the lock of its key, which stays when names change."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from knowledge.errors import DatasetExistsError
from knowledge.storage.dataset_names import check_name
from knowledge.storage.relational.history import note_change
from knowledge.storage.relational.rows import now
from knowledge.storage.store import Notify

if TYPE_CHECKING:
    from knowledge.model import Dataset
    from knowledge.storage.relational.catalog import SqlCatalog


@contextlib.contextmanager
def locked_dataset(
    catalog: SqlCatalog, name: str, *, lock_timeout: float, notify: Notify
) -> Iterator[Dataset]:
    """Hold the lock of the dataset that is called ``name``, and give it as it is under the lock.

    Until the context ends, nobody else writes to it, renames or replaces it. Where another dataset
    got the name while we waited, it is that one.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset, or none any more when its lock was free.
    LockedError
        Another writer held the lock for ``lock_timeout`` seconds.
    """
    deadline = time.monotonic() + lock_timeout
    while True:
        key = catalog.dataset(name).key
        left = max(0.0, deadline - time.monotonic())
        with catalog.lock(key, name, left, notify):
            dataset = catalog.dataset(name)
            if dataset.key == key:
                yield dataset
                return


def rename_dataset(
    catalog: SqlCatalog, name: str, new: str, *, lock_timeout: float, notify: Notify
) -> Dataset:
    """Give a dataset another name; its key stays.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    DatasetExistsError
        The new name is taken.
    UsageError
        The new name can't be one.
    LockedError
        Another process is writing to it.
    """
    with locked_dataset(catalog, name, lock_timeout=lock_timeout, notify=notify) as dataset:
        check_name(new)
        with catalog.transaction(durable=True):
            if catalog.records("SELECT 1 FROM datasets WHERE name = ?", (new,)):
                raise DatasetExistsError(f"there is a dataset {new!r} already")
            catalog.change(
                "UPDATE datasets SET name = ?, updated_at = ? WHERE key = ?",
                (new, now(), dataset.key),
            )
            note_change(catalog, dataset.key, "rename-dataset")
            return catalog.dataset_by_key(dataset.key)
