"""Opening a published index to search it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError
from knowledge.storage.local.holding import Hold
from knowledge.storage.store import REPAIR_INDEX

if TYPE_CHECKING:
    from knowledge.storage.vector_index import VectorReader


def open_reader(folder: Path, dimensions: int | None = None) -> VectorReader:
    """Open the index in ``folder`` for reading; nobody removes the folder until it is closed.

    Parameters
    ----------
    dimensions:
        What its vectors must have; ``None`` takes any.

    Raises
    ------
    DamagedStoreError
        The folder holds no index, or one that can't be read.
    KnowledgeError
        The rights to it do not let us read it.
    """
    from knowledge.storage.local.vectors.chroma import ChromaIndex
    from knowledge.storage.local.vectors.flat_index import FlatIndex

    hold = _held(folder)
    try:
        if _needs_chroma(folder):
            return ChromaIndex(folder, dimensions=dimensions, hold=hold)
        return FlatIndex(folder, dimensions=dimensions, hold=hold)
    except BaseException:
        hold.release()
        raise


def _needs_chroma(folder: Path) -> bool:
    """Return whether the files of the graph are not all there is, or not as they were tested."""
    from knowledge.storage.disk import obstacle
    from knowledge.storage.local.vectors import native
    from knowledge.storage.local.vectors.checksums import SQLITE
    from knowledge.storage.local.vectors.chroma import waiting
    from knowledge.storage.local.vectors.flat_index import ids_noted
    from knowledge.storage.local.vectors.graph_files import layout_known

    if ids_noted(folder):
        return False
    if obstacle(folder) or obstacle(folder / SQLITE):
        return False  # Chroma writes to the folder of an index, even to search it
    tested = native.installed_version() in native.TESTED and layout_known(folder)
    return not tested or waiting(folder)


def _held(folder: Path) -> Hold:
    """Hold the index in ``folder``, so that nobody removes it.

    Raises
    ------
    DamagedStoreError
        There is none.
    """
    try:
        return Hold(folder)
    except FileNotFoundError as error:
        raise DamagedStoreError(f"{folder} holds no index", hint=REPAIR_INDEX) from error
