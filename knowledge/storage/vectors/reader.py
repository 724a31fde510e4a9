"""Opening a published index to search it, by the fastest way that is known to be right.

Importing chromadb takes several times longer than the search; nearly all of that is Python code
that a reader has no use for. Where the installed version is one that the short way was tested
with, its native part is used alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from knowledge.errors import DamagedStoreError
from knowledge.storage.vectors.checksums import check_whole
from knowledge.storage.vectors.failures import REPAIR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TESTED = frozenset({"1.5.9"})
"""Versions of chromadb whose native part gives what its public client gives."""


class VectorReader(Protocol):
    """An open index of a published generation."""

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, cosine similarity), most similar first.

        ``among`` names the ids that may be results, at most 30,000; ``None`` is all.
        """
        ...

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds."""
        ...

    def close(self) -> None:
        """Close the folder; a second call does nothing."""
        ...


def installed_version() -> str:
    """Return chromadb's version, by the name of the folder that says what is installed.

    ``importlib.metadata`` asks the same folder, and costs more than the rest of opening an index.
    """
    spec = find_spec("chromadb")
    beside = Path(spec.origin).parent.parent if spec and spec.origin else None
    named = [] if beside is None else [path.name for path in beside.glob("chromadb-*.dist-info")]
    if len(named) == 1:
        return named[0].removeprefix("chromadb-").removesuffix(".dist-info")
    from importlib.metadata import version

    return version("chromadb")


def open_reader(folder: Path) -> VectorReader:
    """Open the index in ``folder`` for reading.

    Raises
    ------
    DamagedStoreError
        The folder holds no index, or one that can't be read.
    """
    if not (folder / "chroma.sqlite3").is_file():
        raise DamagedStoreError(f"{folder} holds no index", hint=REPAIR)
    check_whole(folder)
    if installed_version() in TESTED:
        from knowledge.storage.vectors.bindings import BindingsReader

        return BindingsReader(folder)
    from knowledge.storage.vectors.chroma import ChromaIndex

    return ChromaIndex(folder)
