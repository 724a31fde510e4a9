"""Bringing a dataset of an archive into a store."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from knowledge.model import Dataset
from knowledge.storage.archive.contents import read_files
from knowledge.storage.archive.manifest import ArchivedDataset

if TYPE_CHECKING:
    from knowledge.storage.store import Catalog, Notify


def import_dataset(
    catalog: Catalog,
    archive: zipfile.ZipFile,
    dataset: ArchivedDataset,
    name: str | None = None,
    *,
    overwrite: bool = False,
    lock_timeout: float,
    notify: Notify,
) -> Dataset:
    """Write a verified dataset of an archive, and show it when it is whole.

    Parameters
    ----------
    name:
        What it will be called; default the name that it has in the archive.

    Raises
    ------
    DatasetExistsError
        There is one of this name, and ``overwrite`` is false.
    DamagedArchiveError
        The archive was changed since it was verified; nothing was published.
    """
    with catalog.build(
        name or dataset.name, overwrite=overwrite, lock_timeout=lock_timeout, notify=notify
    ) as (run, show):
        for change in read_files(archive, dataset):
            run.write_file(change)
        if dataset.sparse is not None:
            run.write_sparse(dataset.sparse, {})
            run.list_sparse()
        if dataset.embedding is not None and dataset.splitter is not None:
            run.publish(dataset.embedding, dataset.splitter)
        return show(
            command="import",
            metadata=dataset.metadata,
            generation=dataset.generation,
            created_at=dataset.created_at,
            updated_at=dataset.updated_at,
        )
