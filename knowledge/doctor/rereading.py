"""Chunks whose text is not what it was, and reading their files again."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from knowledge.errors import DamagedStoreError
from knowledge.ingestion.request import IngestRequest
from knowledge.ingestion.run.session import ingest
from knowledge.model import Dataset, SourceFile
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.catalog.snapshot import Snapshot
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.lock import write_lock
from knowledge.storage.local.upkeep import consistency
from knowledge.storage.shown_path import real_path
from knowledge.text.wording import counted


def unreadable_chunks(folder: DataFolder, dataset: Dataset) -> dict[str, list[str]]:
    """Return the ids of a dataset's chunks that do not fit their text, by the id of their file."""
    with consistency.reading(folder.catalog) as connection:
        number = _number(connection, dataset)
        return {} if number is None else consistency.garbled_chunks(connection, number)


def files_to_read(folder: DataFolder, dataset: Dataset) -> list[str]:
    """Return the ids of a dataset's files of which something is lost."""
    with consistency.reading(folder.catalog) as connection:
        number = _number(connection, dataset)
        return [] if number is None else consistency.files_to_read(connection, number)


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
            if number is None:
                return "The dataset was deleted meanwhile."
            consistency.find_files(catalog.connection, number, file_ids)
            there = _still_there(Snapshot(catalog.connection).files_by_id(dataset, file_ids))
            # What is gone keeps its hash, by which it is known again where it was moved to.
            consistency.read_again(catalog.connection, number, list(there))
    if there:
        request = IngestRequest(list(there.values()))
        ingest(folder, dataset.name, request, settings, create=False, notify=notify)
    left = {*unreadable_chunks(folder, dataset), *files_to_read(folder, dataset)} & {*file_ids}
    if left:
        raise DamagedStoreError(
            f"{counted(len(left), 'file')} can't be read again: gone, or not to be read any more",
            hint="`knowledge delete-file` removes such a file; or ingest it from where it is now.",
        )
    return f"{counted(len(there), 'file')} read again."


def _still_there(files: Mapping[str, SourceFile]) -> dict[str, Path]:
    paths = {id: Path(os.fsdecode(real_path(file.path))) for id, file in files.items()}
    return {id: path for id, path in paths.items() if path.is_absolute() and path.is_file()}


def _number(connection: sqlite3.Connection, dataset: Dataset) -> int | None:
    """Return a dataset's number; ``None`` when it was deleted meanwhile."""
    row = connection.execute("SELECT id FROM datasets WHERE key = ?", (dataset.key,)).fetchone()
    return None if row is None else int(row[0])
