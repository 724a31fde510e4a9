"""Chroma's native part, called as its public client calls it.

Importing chromadb takes longer than most of what it is used for here, and nearly all of that is
Python code that vectors alone have no use for. ``chromadb.api.rust`` shows the calls; these are the
ones that one collection of ids and vectors needs. Used only with the versions in ``TESTED``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TESTED = frozenset({"1.5.9"})
"""Versions of chromadb whose native part does what its public client does."""

_PLACE = ("default_tenant", "default_database")
_OPEN_INDEXES = 4  # inside one folder; there is one


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


class NativeClient:
    """What ``chromadb.PersistentClient`` is, as far as it is needed."""

    def __init__(self, folder: Path) -> None:
        import chromadb_rust_bindings as native
        import numpy  # noqa: F401  an error of the native part imports chromadb, and with it
        # numpy: half imported by another thread at that moment, it would end the process.

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

    def create_collection(
        self, name: str, configuration: Mapping[str, Any], embedding_function: None
    ) -> NativeCollection:
        """Make a collection; none has an embedding function."""
        del embedding_function
        told = {**configuration, "spann": None, "embedding_function": {"type": "legacy"}}
        made = self._bindings.create_collection(name, json.dumps(told), None, None, False, *_PLACE)
        return NativeCollection(self, str(made.id))

    def get_collection(self, name: str, embedding_function: None) -> NativeCollection:
        """Return a collection that is there; none has an embedding function."""
        del embedding_function
        return NativeCollection(self, str(self._bindings.get_collection(name, *_PLACE).id))

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function of the native part."""
        return getattr(self._bindings, name)(*arguments)

    def close(self) -> None:
        """Close the folder; a second call does nothing."""
        self._bindings = None


class NativeCollection:
    """What a collection of the public client is, as far as it is needed."""

    def __init__(self, client: NativeClient, id: str) -> None:
        self._client = client
        self._id = id

    def count(self) -> int:
        """Return the number of vectors."""
        return int(self._client.call("count", self._id, *_PLACE))

    def upsert(self, ids: Sequence[str], embeddings: NDArray[np.float32]) -> None:
        """Add or replace vectors."""
        import numpy as np

        # Views of memory are taken in twice as fast as arrays are.
        rows = [memoryview(row) for row in np.ascontiguousarray(embeddings, dtype=np.float32)]
        self._client.call("upsert", self._id, list(ids), rows, None, None, None, *_PLACE)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors; ids that are not there are passed over."""
        self._client.call("delete", self._id, list(ids), None, None, None, *_PLACE)

    def modify(self, configuration: Mapping[str, Any]) -> None:
        """Change the configuration."""
        told = {**configuration, "spann": None, "embedding_function": None}
        self._client.call("update_collection", self._id, None, None, json.dumps(told))

    def get(
        self,
        include: Sequence[str],
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Return ids and vectors."""
        wanted = None if ids is None else list(ids)
        found = self._client.call(
            "get", self._id, wanted, None, limit, 0, None, list(include), *_PLACE
        )
        return {"ids": found.ids, "embeddings": found.embeddings}

    def query(
        self,
        query_embeddings: Sequence[Any],
        ids: Sequence[str] | None,
        n_results: int,
        include: Sequence[str],
    ) -> dict[str, Any]:
        """Return the nearest ids of each question, and their distances."""
        found = self._client.call(
            "query",
            self._id,
            None if ids is None else list(ids),
            list(query_embeddings),
            n_results,
            None,
            None,
            list(include),
            *_PLACE,
        )
        return {"ids": found.ids, "distances": found.distances}
