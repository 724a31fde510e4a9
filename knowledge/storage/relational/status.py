"""What a catalog in SQL knows of a dataset."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from knowledge.model import Dataset
from knowledge.storage.reports import DatasetStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.storage.history import MissedFile
    from knowledge.storage.relational.catalog import SqlCatalog


def dataset_status(catalog: SqlCatalog, dataset: Dataset) -> DatasetStatus:
    """Return what there is to know of a dataset."""
    rows = catalog.records("SELECT dead FROM datasets WHERE key = ?", (dataset.key,))
    missed = catalog.missed_files(dataset)
    return DatasetStatus(
        dataset=dataset,
        vector_bytes=catalog.index(dataset.key).size(),
        dead=int(rows[0]["dead"]) if rows else 0,
        missed=_counts(missed, members=False),
        missed_members=_counts(missed, members=True),
        runs=catalog.runs(dataset),
    )


def _counts(missed: Sequence[MissedFile], *, members: bool) -> dict[str, int]:
    """Count files, or members of files, by status; each once, whatever is wrong with it."""
    named = {(one.problem.file, one.problem.status) for one in missed if one.is_member is members}
    return dict(sorted(Counter(status for _, status in named).items()))
