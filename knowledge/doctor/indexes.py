"""The published index of a dataset: whole, or to be rebuilt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from knowledge.doctor.rebuilding import rebuild_index
from knowledge.doctor.repairs import Repairs
from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    KnowledgeError,
    LockedError,
)
from knowledge.model import Dataset
from knowledge.settings.reading import Settings
from knowledge.storage.findings import Finding, Severity
from knowledge.storage.store import ATTEMPTS

if TYPE_CHECKING:
    from knowledge.storage.store import Checkup, Store

Notify = Callable[[str], None]


def check_index(
    store: Store,
    checkup: Checkup,
    repairs: Repairs,
    dataset: Dataset,
    ids: list[str],
    settings: Settings,
    *,
    offline: bool,
    notify: Notify,
) -> None:
    """Check a dataset's index; rebuild it where it is damaged and a repair was asked for.

    Parameters
    ----------
    ids:
        Of the dataset's chunks.
    offline:
        Send nothing to a provider.
    """
    try:
        looked_at, damage = _damage_of_this_moment(store, dataset, ids)
    except (DamagedStoreError, LockedError):
        raise
    except KnowledgeError as error:  # its files, or a process of its own, can't be had
        repairs.note(
            "index-unchecked",
            Severity.WARNING,
            dataset.name,
            f"the index was not checked: {error.message}",
            error.hint,
        )
        return
    if damage:
        message = f"the index is damaged: {damage}"
        finding = Finding("index-damaged", Severity.DAMAGE, looked_at.name, message, checkup.remedy)
        rebuild = partial(
            rebuild_index, store, looked_at.name, settings, offline=offline, notify=notify
        )
        repairs.repair(finding, rebuild)
    elif looked_at.chunks:
        repairs.take(checkup.index(looked_at))


def _damage_of_this_moment(store: Store, dataset: Dataset, ids: list[str]) -> tuple[Dataset, str]:
    """Return the dataset as it was looked at, and what is wrong with its index, in words.

    What is written faster than it can be looked at is in use, and not damaged.
    """
    for _ in range(ATTEMPTS):
        damage = _damage(store, dataset, ids)
        if not damage:
            break
        # A writer that published meanwhile has swept the version that was looked at.
        with store.open() as catalog, catalog.snapshot() as snapshot:
            try:
                now = snapshot.dataset_by_key(dataset.key)
            except DatasetNotFoundError:
                return dataset, ""  # it is gone, and so is its index
            if (now.generation, now.vectors) == (dataset.generation, dataset.vectors):
                return dataset, damage
            dataset, ids = now, snapshot.chunk_ids(now)
    return dataset, ""


def _damage(store: Store, dataset: Dataset, ids: list[str]) -> str:
    if not dataset.vectors:
        return "there is none" if ids else ""
    dimensions = dataset.embedding.dimensions if dataset.embedding else None
    damage = store.index(dataset.key).check(dataset.vectors, ids, dimensions)
    if dataset.embedding is None:
        damage = damage or "the model of its vectors is not known"
    return damage
