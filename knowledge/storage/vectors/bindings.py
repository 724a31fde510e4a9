"""Searching a Chroma folder through Chroma's native part alone.

``chromadb.api.rust`` shows how the public client calls it; this is the part of it that a search
needs. Used only with the versions that ``reader.TESTED`` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.storage.vectors.chroma import COLLECTION, MAX_RESULTS, PAGE
from knowledge.storage.vectors.failures import translated

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PLACE = ("default_tenant", "default_database")
_OPEN_INDEXES = 4  # inside one folder; there is one


class BindingsReader:
    """An open index; see :class:`knowledge.storage.vectors.reader.VectorReader`.

    Parameters
    ----------
    folder:
        The generation's folder; it must hold an index.
    """

    def __init__(self, folder: Path) -> None:
        import chromadb_rust_bindings as native
        import numpy  # noqa: F401  an error of the native part imports chromadb, and with it
        # numpy: half imported by another thread at that moment, it would end the process.

        self.folder = folder
        with translated(folder):
            self._bindings: Any = native.Bindings(
                allow_reset=False,
                sqlite_db_config=native.SqliteDBConfig(
                    hash_type=native.MigrationHash.MD5,
                    migration_mode=native.MigrationMode.Apply,
                    url=str(folder / "chroma.sqlite3"),
                ),
                persist_path=str(folder),
                hnsw_cache_size=_OPEN_INDEXES,
            )
            self._collection = str(self._bindings.get_collection(COLLECTION, *_PLACE).id)

    def close(self) -> None:
        """Close the folder; a second call does nothing."""
        self._bindings = None

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, cosine similarity), most similar first."""
        with translated(self.folder):
            answer = self._bindings.query(
                self._collection,
                None if among is None else list(among),
                [query],
                min(top_k, MAX_RESULTS),
                None,
                None,
                ["distances"],
                *_PLACE,
            )
        pairs = zip(answer.ids[0], answer.distances[0], strict=True)
        return [(id, min(1.0, max(-1.0, 1.0 - float(distance)))) for id, distance in pairs]

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds."""
        import numpy as np

        remaining = iter(ids)
        while page := list(islice(remaining, PAGE)):
            with translated(self.folder):
                answer = self._bindings.get(
                    self._collection, page, None, None, 0, None, ["embeddings"], *_PLACE
                )
            yield answer.ids, np.asarray(answer.embeddings, dtype=np.float32)
