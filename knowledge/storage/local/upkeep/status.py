"""What there is to know of a data folder, from the catalog and the sizes of files alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from knowledge.model import Dataset
from knowledge.storage.local.catalog import schema
from knowledge.storage.local.catalog.database import translated
from knowledge.storage.local.upkeep.sizes import measure
from knowledge.storage.reports import DatasetStatus, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.storage.history import MissedFile
    from knowledge.storage.local.catalog.catalog import Catalog
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
            datasets = [_status_of(catalog, dataset) for dataset in chosen]
    return Status(store.root, schema.VERSION, measure(store.folder), cache_limit, datasets)


def _status_of(catalog: Catalog, dataset: Dataset) -> DatasetStatus:
    with translated(catalog.folder.catalog):
        row = catalog.connection.execute(
            "SELECT dead FROM datasets WHERE key = ?", (dataset.key,)
        ).fetchone()
    missed = catalog.missed_files(dataset)
    return DatasetStatus(
        dataset=dataset,
        vector_bytes=catalog.index(dataset.key).size(),
        dead=int(row["dead"]) if row else 0,
        missed=_counts(missed, members=False),
        missed_members=_counts(missed, members=True),
        runs=catalog.runs(dataset),
    )


def _counts(missed: Sequence[MissedFile], *, members: bool) -> dict[str, int]:
    """Count files, or members of files, by status; each once, whatever is wrong with it."""
    named = {(one.problem.file, one.problem.status) for one in missed if one.is_member is members}
    return dict(sorted(Counter(status for _, status in named).items()))
