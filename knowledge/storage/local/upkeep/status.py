"""What there is to know of a data folder, from the catalog and the sizes of files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.model import Dataset
from knowledge.storage.local.catalog import schema
from knowledge.storage.local.catalog.catalog import Catalog, check_there
from knowledge.storage.local.catalog.database import translated
from knowledge.storage.local.catalog.history import Run, missed_files, runs_of
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.upkeep.sizes import Sizes, folder_size, measure


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """What there is to know of a dataset.

    Parameters
    ----------
    vector_bytes:
        Its folders on the disk.
    dead:
        Deleted vectors that its index still carries.
    missed:
        How many files could not be taken in, by status.
    runs:
        Those that are remembered, the last one first.
    """

    dataset: Dataset
    vector_bytes: int
    dead: int
    missed: Mapping[str, int]
    runs: Sequence[Run]

    @property
    def dead_share(self) -> float:
        """Share of deleted vectors among all that the index carries."""
        return self.dead / max(1, self.dead + self.dataset.chunks)

    @property
    def last_run(self) -> Run | None:
        """The newest run."""
        return self.runs[0] if self.runs else None

    @property
    def embedded(self) -> int:
        """Texts that were embedded in the runs that are remembered."""
        return self._sum("embedded")

    @property
    def cached(self) -> int:
        """Texts whose vector came from the cache."""
        return self._sum("cached")

    @property
    def tokens(self) -> int:
        """Tokens that were sent."""
        return self._sum("tokens")

    @property
    def cost_usd(self) -> float | None:
        """What that cost; ``None`` where no run has a price."""
        costs = [run.report.get("cost_usd") for run in self.runs]
        known = [cost for cost in costs if cost is not None]
        return round(sum(known), 6) if known else None

    @property
    def cache_hit_rate(self) -> float | None:
        """Share of texts whose vector came from the cache; ``None`` where none was needed."""
        needed = self.embedded + self.cached
        return round(self.cached / needed, 4) if needed else None

    def _sum(self, name: str) -> int:
        return sum(int(run.report.get(name) or 0) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to know of a data folder.

    ``cache_limit`` is the most bytes that the embedding cache may take; ``format`` is the
    catalog's version.
    """

    root: Path
    format: int
    sizes: Sizes
    cache_limit: int
    datasets: Sequence[DatasetStatus]


def status_of(folder: DataFolder, name: str | None, cache_limit: int) -> Status:
    """Return the status of a data folder with one of its datasets, or with all.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    """
    datasets: list[DatasetStatus] = []
    if name is not None or check_there(folder):
        with Catalog(folder) as catalog, catalog.snapshot():
            chosen = catalog.datasets() if name is None else [catalog.dataset(name)]
            datasets = [_status_of(catalog, dataset) for dataset in chosen]
    return Status(folder.root, schema.VERSION, measure(folder), cache_limit, datasets)


def _status_of(catalog: Catalog, dataset: Dataset) -> DatasetStatus:
    with translated(catalog.folder.catalog):
        row = catalog.connection.execute(
            "SELECT dead FROM datasets WHERE key = ?", (dataset.key,)
        ).fetchone()
    missed = Counter(missed.problem.status for missed in missed_files(catalog, dataset))
    return DatasetStatus(
        dataset=dataset,
        vector_bytes=folder_size(catalog.folder.dataset(dataset.key)),
        dead=int(row["dead"]) if row else 0,
        missed=dict(sorted(missed.items())),
        runs=runs_of(catalog, dataset),
    )
