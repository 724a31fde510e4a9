"""An index in the layout of Chroma's files whose vectors have no links.

A pass over all vectors reads no links, and to make them for a million vectors takes a quarter of an
hour; so where only the pass is measured, they are left out. ``graph_files`` says how the files lie.
"""

from __future__ import annotations

import pickle
import shutil
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.vectors import native
from knowledge.storage.local.vectors.checksums import IDS, PERSISTED, write_checksums
from knowledge.storage.local.vectors.folders import ChromaFolders
from knowledge.storage.local.vectors.graph_files import DATA, HEADER, LENGTHS, numbered_ids

LINKS = 32
_HEADER = struct.Struct("<iQQQQQQiIQQQdQ")


def unlinked(folder: DataFolder) -> Callable[[str], Any]:
    """Return what gives the index of a dataset by its key, as a catalog takes it."""
    return lambda key: _Unlinked(folder, key)


class _Unlinked(ChromaFolders):
    """The folders of a dataset's versions; a version begins empty."""

    def candidate(self, version: int, chunks: Any = None) -> Any:
        """Begin a version."""
        del version, chunks
        shutil.rmtree(self._candidate, ignore_errors=True)
        self._candidate.mkdir(parents=True)
        return _Writer(self._candidate)

    def publish(self, version: int, facts: Mapping[str, Any]) -> None:
        """Give the closed candidate the name of a version."""
        del facts
        ids = numbered_ids([self._candidate / "graph"])
        assert ids is not None
        np.save(self._candidate / IDS, ids, allow_pickle=False)
        write_checksums(self._candidate, chromadb=native.installed_version())
        self._candidate.rename(self._home(version))


class _Writer:
    """Appends vectors to the file of a graph."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "graph"
        self._home.mkdir()
        self._labels: dict[str, int] = {}
        self._dimensions = 0

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add vectors of unit length."""
        self._dimensions = vectors.shape[1]
        first = len(self._labels)
        elements = np.zeros(
            len(ids),
            [("links", "u1", 4 * (LINKS + 1)), ("vector", "<f4", self._dimensions), ("at", "<u8")],
        )
        elements["vector"] = vectors
        elements["at"] = np.arange(first, first + len(ids))
        with (self._home / DATA).open("ab") as file:
            file.write(elements.tobytes())
        self._labels |= {id: first + at for at, id in enumerate(ids)}

    def flush(self) -> int:
        """Write what else there is; return how many vectors it has."""
        count, data_at = len(self._labels), 4 * (LINKS + 1)
        label_at = data_at + 4 * self._dimensions
        facts = (1, 0, count, count, label_at + 8, label_at, data_at, 0, 0, 0, LINKS, 0, 0.0, 0)
        (self._home / HEADER).write_bytes(_HEADER.pack(*facts))
        np.ones(count, "<f4").tofile(self._home / LENGTHS)
        with (self._home / PERSISTED).open("wb") as file:
            pickle.dump({"id_to_label": self._labels}, file)
        return count

    def close(self) -> None:
        """Do nothing: each addition is written."""
