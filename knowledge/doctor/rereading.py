"""Chunks whose text is not what it was, and reading their files again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from knowledge.errors import DamagedStoreError
from knowledge.ingestion.request import IngestRequest
from knowledge.ingestion.session import ingest
from knowledge.model import Dataset
from knowledge.settings import Settings
from knowledge.storage.catalog import Catalog
from knowledge.storage.layout import DataFolder
from knowledge.storage.lock import write_lock
from knowledge.storage.shown_path import real_path
from knowledge.storage.upkeep import consistency


def unreadable_chunks(folder: DataFolder, dataset: Dataset) -> dict[str, list[str]]:
    """Return the ids of a dataset's chunks that do not fit their text, by the id of their file."""
    with consistency.reading(folder.catalog) as connection:
        return consistency.garbled_chunks(connection, _number(connection, dataset))


def files_to_read(folder: DataFolder, dataset: Dataset) -> list[str]:
    """Return the ids of a dataset's files of which something is lost."""
    with consistency.reading(folder.catalog) as connection:
        return consistency.files_to_read(connection, _number(connection, dataset))


def read_again(
    folder: DataFolder,
    dataset: Dataset,
    file_ids: list[str],
    settings: Settings,
    notify: Callable[[str], None],
) -> str:
    """Read some files again, where they are still there; return what was done, in words.

    Raises
    ------
    DamagedStoreError
        Some are gone, or hold something else now; what is stored of them stays as it is.
    """
    with Catalog(folder) as catalog:
        lock = folder.lock(dataset.key)
        with (
            write_lock(lock, dataset.name, settings["lock_timeout"], notify),
            catalog.transaction(),
        ):
            number = _number(catalog.connection, dataset)
            consistency.read_again(catalog.connection, number, file_ids)
        with catalog.snapshot() as snapshot:
            files = snapshot.files_by_id(dataset, file_ids)
    paths = [Path(os.fsdecode(real_path(file.path))) for file in files.values()]
    there = [path for path in paths if path.is_absolute() and path.is_file()]
    if there:
        request = IngestRequest(there)
        ingest(folder, dataset.name, request, settings, create=False, notify=notify)
    left = {*unreadable_chunks(folder, dataset), *files_to_read(folder, dataset)} & {*file_ids}
    if left:
        raise DamagedStoreError(
            f"{len(left)} files can't be read again: they are gone, or can't be read",
            hint="`knowledge delete-file` removes such a file; or ingest it from where it is now.",
        )
    return f"{len(there)} files were read again"


def _number(connection: sqlite3.Connection, dataset: Dataset) -> int:
    row = connection.execute("SELECT id FROM datasets WHERE key = ?", (dataset.key,)).fetchone()
    return int(row[0])
