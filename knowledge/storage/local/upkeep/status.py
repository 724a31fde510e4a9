"""What there is to know of a data folder, from the catalog and the sizes of files alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.storage.local.catalog import schema
from knowledge.storage.local.upkeep.sizes import measure
from knowledge.storage.relational.status import dataset_status
from knowledge.storage.reports import DatasetStatus, Status

if TYPE_CHECKING:
    from knowledge.storage.local.store import LocalStore


def status_of(store: LocalStore, name: str | None, cache_limit: int) -> Status:
    """Return the status of a store with one of its datasets, or with all.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    """
    datasets: list[DatasetStatus] = []
    if name is not None or store.exists():
        with store.open() as catalog, catalog.snapshot():
            chosen = catalog.datasets() if name is None else [catalog.dataset(name)]
            datasets = [dataset_status(catalog, dataset) for dataset in chosen]
    return Status(store.root, schema.VERSION, measure(store.folder), cache_limit, datasets)
