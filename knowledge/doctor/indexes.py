"""The published index of a dataset: whole, or to be built anew."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from knowledge.doctor.databases import FIX
from knowledge.doctor.findings import Finding, Severity
from knowledge.doctor.index_check import checksums_missing, index_damage
from knowledge.doctor.rebuilding import rebuild_index
from knowledge.doctor.repairs import Treatment
from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    KnowledgeError,
    LockedError,
)
from knowledge.model import Dataset
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog.catalog import ATTEMPTS, Catalog
from knowledge.storage.local.holding import Hold
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.lock import write_lock
from knowledge.storage.local.runs.generations import stranger_in
from knowledge.storage.local.vectors.checksums import write_checksums

Notify = Callable[[str], None]


def check_index(
    treatment: Treatment,
    dataset: Dataset,
    ids: list[str],
    settings: Settings,
    *,
    offline: bool,
    notify: Notify,
) -> None:
    """Check a dataset's index; build it anew where it is damaged, and that was asked for.

    Parameters
    ----------
    ids:
        Of the dataset's chunks.
    offline:
        Send nothing to a provider.
    """
    try:
        _check(treatment, dataset, ids, settings, offline=offline, notify=notify)
    except (DamagedStoreError, LockedError):
        raise
    except KnowledgeError as error:  # its files, or a process of its own, can't be had
        treatment.tell(
            "index-unchecked",
            Severity.WARNING,
            dataset.name,
            f"the index was not checked: {error.message}",
            error.hint,
        )


def _check(
    treatment: Treatment,
    dataset: Dataset,
    ids: list[str],
    settings: Settings,
    *,
    offline: bool,
    notify: Notify,
) -> None:
    folder = treatment.folder
    for _ in range(ATTEMPTS):
        damage = _damage(folder, dataset, ids)
        if not damage:
            break
        # A writer that published meanwhile has swept the folder that was looked at.
        with Catalog(folder) as catalog, catalog.snapshot() as snapshot:
            try:
                now = snapshot.dataset_by_key(dataset.key)
            except DatasetNotFoundError:
                return  # it is gone, and so is its index
            if (now.generation, now.vectors) == (dataset.generation, dataset.vectors):
                break
            dataset, ids = now, snapshot.chunk_ids(now)
    else:
        return  # it is written faster than it can be looked at, so it is in use, and not damaged
    if damage:
        finding = Finding(
            "index-damaged",
            Severity.DAMAGE,
            dataset.name,
            f"the index is damaged: {damage}",
            FIX,
        )
        repair = partial(
            rebuild_index, folder, dataset.name, settings, offline=offline, notify=notify
        )
        treatment.treat(finding, repair)
    elif ids and checksums_missing(folder.generation(dataset.key, dataset.vectors)):
        _treat_checksums(treatment, dataset, settings, notify)


def _damage(folder: DataFolder, dataset: Dataset, ids: list[str]) -> str:
    if not ids and not dataset.vectors:
        return ""
    if not dataset.vectors:
        return "there is none"
    dimensions = dataset.embedding.dimensions if dataset.embedding else None
    home = folder.generation(dataset.key, dataset.vectors)
    try:
        with Hold(home):
            damage = stranger_in(home, dataset.key, dataset.vectors)
            damage = damage or index_damage(home, ids, dimensions)
    except FileNotFoundError:
        damage = "its folder is missing"
    if dataset.embedding is None:
        damage = damage or "the model of its vectors is not known"
    return damage


def _treat_checksums(
    treatment: Treatment, dataset: Dataset, settings: Settings, notify: Notify
) -> None:
    folder = treatment.folder
    finding = Finding(
        "checksums-missing",
        Severity.NOTE,
        dataset.name,
        "its index has no checksums, by which damage is noticed before it is searched",
        "The next publish writes them, and so does `knowledge doctor --fix`.",
    )

    def repair() -> str:
        lock = folder.lock(dataset.key)
        with write_lock(lock, dataset.name, settings["lock_timeout"], notify):
            write_checksums(folder.generation(dataset.key, dataset.vectors))
        return "They were written."

    treatment.treat(finding, repair)
