"""Bringing a dataset of an archive into the data folder."""

from __future__ import annotations

import zipfile

from knowledge.storage.archive.contents import read_files
from knowledge.storage.archive.manifest import ArchivedDataset
from knowledge.storage.local.runs.write_run import WriteRun


def import_dataset(archive: zipfile.ZipFile, dataset: ArchivedDataset, run: WriteRun) -> None:
    """Write a verified dataset into an empty one, and publish it.

    Raises
    ------
    DamagedArchiveError
        The archive was changed since it was verified; nothing was published.
    """
    for change in read_files(archive, dataset):
        run.write_file(change)
    if dataset.embedding is not None and dataset.splitter is not None:
        run.publish(dataset.embedding, dataset.splitter)
