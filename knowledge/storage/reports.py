"""What a store reports of itself: sizes, status, leftovers, and what was given back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from knowledge.errors import KnowledgeError, LockedError
from knowledge.model import Dataset
from knowledge.storage.disk import on_disk
from knowledge.storage.history import Run


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes on the disk; ``free`` is what its file system has left, where that can be known."""

    catalog: int
    cache: int
    vectors: int
    archives: int
    backups: int
    free: int | None

    @property
    def total(self) -> int:
        """All that is ours."""
        return self.catalog + self.cache + self.vectors + self.archives + self.backups


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """What there is to know of a dataset.

    Parameters
    ----------
    vector_bytes:
        Its folders on the disk.
    dead:
        Deleted vectors that its index still carries.
    missed, missed_members:
        How many files could not be taken in, by status; and how many members of files.
    runs:
        Those that are remembered, the last one first.
    """

    dataset: Dataset
    vector_bytes: int
    dead: int
    missed: Mapping[str, int]
    missed_members: Mapping[str, int]
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
    """What there is to know of a store.

    ``cache_limit`` is the most bytes that the embedding cache may take; ``format`` is the
    catalog's version; ``store`` is the database that keeps the datasets in place of the data
    folder, without a password.
    """

    root: Path
    format: int
    sizes: Sizes
    cache_limit: int
    datasets: Sequence[DatasetStatus]
    store: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is kept, and whether that can be read.

    Parameters
    ----------
    kind:
        ``folder``, ``postgres``, ``chroma`` or ``qdrant``.
    name:
        A path, or an address without a password.
    error:
        Why it can't be read; ``None`` where it can, and where nothing was stored yet.
    versions:
        Those of the format and of what keeps it, by name.
    """

    kind: str
    name: str
    error: KnowledgeError | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a store keeps datasets, and where it keeps their vectors."""

    datasets: Place
    vectors: Place

    @property
    def error(self) -> KnowledgeError | None:
        """Why one of them can't be read; ``None`` where both can."""
        return self.datasets.error or self.vectors.error


@dataclass(frozen=True, slots=True)
class CachedModel:
    """What is kept of one model; ``name`` is its fingerprint and address."""

    name: str
    vectors: int
    bytes: int


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What the embedding cache holds; ``limit`` is the most bytes it may.

    ``path`` is its file, or the database that it is in.
    """

    path: Path | str
    limit: int
    models: tuple[CachedModel, ...] = ()

    @property
    def vectors(self) -> int:
        """Vectors of all models."""
        return sum(model.vectors for model in self.models)

    @property
    def bytes(self) -> int:
        """Bytes of all models."""
        return sum(model.bytes for model in self.models)


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of an index, or of a database.

    Parameters
    ----------
    name:
        The dataset, or the database's file.
    dead:
        Deleted vectors that it carried.
    before, after:
        Bytes of all its folders, or of the database.
    """

    name: str
    dead: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that can go.

    Parameters
    ----------
    kind:
        ``staged-rows``, ``candidate``, ``old-generation``, ``hidden-dataset``, ``orphan-folder``,
        ``orphan-vectors``, ``archive`` or ``lock``.
    name:
        Its path below the data folder, or what it is in words.
    bytes:
        What it takes on the disk; 0 for rows.
    remove:
        Removes it; what another process uses stays, and raises ``LockedError``.
    """

    kind: str
    name: str
    bytes: int
    remove: Callable[[], None]


def remove_all(found: Sequence[Leftover]) -> list[Leftover]:
    """Remove leftovers; return those that went. What came into use meanwhile stays.

    Raises
    ------
    KnowledgeError
        Something can't be removed.
    """
    gone = []
    for leftover in found:
        with contextlib.suppress(LockedError), on_disk(Path(leftover.name)):
            leftover.remove()
            gone.append(leftover)
    return gone
