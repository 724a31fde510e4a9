"""Indexes without their deleted vectors, which take room and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError, DatasetNotFoundError
from knowledge.storage.relational.history import recorded
from knowledge.storage.relational.replacement import Replacement, open_replacement
from knowledge.storage.reports import Compacted
from knowledge.storage.store import open_vectors

if TYPE_CHECKING:
    from knowledge.storage.relational.catalog import SqlCatalog

PAGE = 2_000


def compact_datasets(
    catalog: SqlCatalog, name: str | None, *, lock_timeout: float, notify: Callable[[str], None]
) -> list[Compacted]:
    """Compact one dataset, or all; see :func:`compact_dataset`."""
    done = []
    for one in [name] if name is not None else [one.name for one in catalog.datasets()]:
        try:
            done.append(compact_dataset(catalog, one, lock_timeout=lock_timeout, notify=notify))
        except DatasetNotFoundError:
            if name is not None:
                raise  # else it was deleted or renamed while we worked on the others
    return done


def compact_dataset(
    catalog: SqlCatalog, name: str, *, lock_timeout: float, notify: Callable[[str], None]
) -> Compacted:
    """Rebuild a dataset's index from its live vectors, where it carries deleted ones.

    Readers see the old index until the new one is there; it goes at once unless somebody reads it,
    and a reader that was about to starts over (``Catalog.read``).

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    LockedError
        Another process is writing to it.
    DamagedStoreError
        The index does not hold one vector for each chunk; nothing was changed.
    """
    with open_replacement(catalog, name, lock_timeout=lock_timeout, notify=notify) as replacement:
        dataset = replacement.dataset
        dead = _dead(catalog, dataset.key)
        before = catalog.index(dataset.key).size()
        if dead and dataset.embedding is not None:
            with recorded(catalog, dataset, "compact", dict):
                _copy_live(catalog, replacement)
                dataset = replacement.publish(dataset.embedding)
        catalog.index(dataset.key).sweep(dataset.vectors, previous=False)
        return Compacted(name, dead, before, catalog.index(dataset.key).size())


def _dead(catalog: SqlCatalog, key: str) -> int:
    [row] = catalog.records("SELECT dead FROM datasets WHERE key = ?", (key,))
    return int(row["dead"])


def _copy_live(catalog: SqlCatalog, replacement: Replacement) -> None:
    dataset = replacement.dataset
    reader = open_vectors(catalog, dataset)
    try:
        for chunks in replacement.chunks(PAGE):
            for ids, vectors in reader.vectors([chunk.id for chunk in chunks]):
                replacement.add(ids, vectors)
    except DamagedStoreError as error:
        raise DamagedStoreError(error.message, hint="`knowledge doctor` says more.") from error
    finally:
        reader.close()
