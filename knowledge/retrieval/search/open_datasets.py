"""Indexes and columns that stay open between questions, shared by all who ask in this process."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from knowledge.errors import KnowledgeError
from knowledge.storage.store import open_vectors

if TYPE_CHECKING:
    from knowledge.model import Dataset
    from knowledge.retrieval.search.sparse import SparseVectors
    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Snapshot, Store
    from knowledge.storage.vector_index import VectorReader

KEPT = 8
"""Datasets that stay open when a question has been answered."""


class OpenDatasets:
    """What was opened of each dataset: one generation of its index, one of its columns.

    Use it from one thread at a time. Objects of the same store, in whatever threads, share what
    they open: the first that meets a new generation opens it, and the others wait for it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, _Shared] = {}
        self._used: dict[str, _Index] = {}
        self._warming: dict[str, threading.Thread] = {}

    def close(self) -> None:
        """Close everything that nobody else has open."""
        self.trim(0)

    def trim(self, kept: int = KEPT) -> None:
        """End the use of what a question used; keep open the ``kept`` datasets asked last."""
        for key in [*self._warming]:
            self._end_warming(key)
        for used in self._used.values():
            used.give_back()
        self._used.clear()
        while len(self._kept) > kept:
            self._kept.pop(next(iter(self._kept))).leave(self)

    def forget(self) -> None:
        """Close everything, so that all who ask open it anew: it is damaged."""
        for shared in self._kept.values():
            shared.forget()
        self.close()

    def columns(self, snapshot: Snapshot, dataset: Dataset) -> ChunkColumns:
        """Return the columns of the generation that the snapshot shows."""
        return self._shared(dataset).columns(snapshot, dataset)

    def sparse(self, snapshot: Snapshot, dataset: Dataset, columns: ChunkColumns) -> SparseVectors:
        """Return the sparse vectors of the generation that the columns are of."""
        return self._shared(dataset).sparse(snapshot, dataset, columns)

    def warm(self, dataset: Dataset) -> None:
        """Begin to open a dataset's index in a thread of its own, while its model is loaded.

        Chroma's native part holds no lock of Python's while it reads.
        """
        if not dataset.chunks or dataset.key in self._warming or self._shared(dataset).has_index:
            return
        thread = threading.Thread(target=self._read_ahead, args=(dataset,), daemon=True)
        self._warming[dataset.key] = thread
        thread.start()

    def _read_ahead(self, dataset: Dataset) -> None:
        assert dataset.embedding is not None
        # Whoever asks for the index meets the same error, and knows what to do about it.
        with contextlib.suppress(KnowledgeError):
            used = self._used[dataset.key] = self._opened(dataset)
            if used.reader.matrix() is None:
                used.reader.search([1.0] * (dataset.embedding.dimensions or 0), 1)  # reads all

    def _end_warming(self, key: str) -> None:
        if thread := self._warming.pop(key, None):
            thread.join()

    def index(self, dataset: Dataset) -> VectorReader:
        """Return the index of the dataset's generation, for use until :meth:`trim`.

        Raises
        ------
        DamagedStoreError
            It is not there, or cannot be read.
        """
        self._end_warming(dataset.key)
        used = self._used.get(dataset.key)
        if used is None or used.version != dataset.vectors:
            if used is not None:
                del self._used[dataset.key]
                used.give_back()
            used = self._used[dataset.key] = self._opened(dataset)
        return used.reader

    def _opened(self, dataset: Dataset) -> _Index:
        return self._shared(dataset).index(
            dataset.vectors, lambda: open_vectors(self._store, dataset)
        )

    def _shared(self, dataset: Dataset) -> _Shared:
        place = (self._store.identity(), dataset.key)
        known = self._kept.pop(dataset.key, None)
        if known is not None and (known.place != place or known.forgotten):
            known.leave(self)
            known = None
        self._kept[dataset.key] = known = known or _join(place, self)  # the last one asked
        return known


class _Index:
    """An open index, which is closed when nobody uses it and another has taken its place."""

    def __init__(self, version: int, reader: VectorReader) -> None:
        self.version = version
        self.reader = reader
        self._lock = threading.Lock()
        self._users = 0
        self._replaced = False

    def use(self) -> bool:
        """Begin to use it; tell whether it is still open."""
        with self._lock:
            if self._replaced and not self._users:
                return False
            self._users += 1
            return True

    def give_back(self) -> None:
        """End a use of it."""
        with self._lock:
            self._users -= 1
            closes = self._replaced and not self._users
        if closes:
            self.reader.close()

    def replace(self) -> None:
        """Let its last user close it."""
        with self._lock:
            closes = not (self._replaced or self._users)
            self._replaced = True
        if closes:
            self.reader.close()


class _Shared:
    """The newest generation of a dataset that anybody asked for.

    A question that was begun before a publish may still ask for an earlier one, which it gets for
    itself.

    Parameters
    ----------
    place:
        The store and the dataset's key.
    """

    def __init__(self, place: Hashable) -> None:
        self.place = place
        self.forgotten = False
        self._users: weakref.WeakSet[OpenDatasets] = weakref.WeakSet()
        self._opening = threading.Lock()
        self._reading = threading.Lock()
        self._weighing = threading.Lock()
        self._index: _Index | None = None
        self._columns: tuple[tuple[int, int], ChunkColumns] | None = None
        self._sparse: tuple[ChunkColumns, SparseVectors] | None = None

    @property
    def has_index(self) -> bool:
        """True when an index is open, of whatever generation."""
        return self._index is not None

    def join(self, user: OpenDatasets) -> None:
        """Keep it open for somebody."""
        self._users.add(user)

    def leave(self, user: OpenDatasets) -> None:
        """Close it, unless somebody else keeps it open."""
        with _lock:
            self._users.discard(user)
            unused = not self._users
        if unused:
            self.forget()

    def forget(self) -> None:
        """Close it; who asks next opens it anew."""
        with _lock:
            self.forgotten = True
            if _open.get(self.place) is self:
                del _open[self.place]
        with self._opening:
            index, self._index = self._index, None
        if index is not None:
            index.replace()

    def index(self, version: int, make: Callable[[], VectorReader]) -> _Index:
        """Return the index of a version, which the caller gives back."""
        known = self._index
        if known is not None and known.version == version and known.use():
            return known
        with self._opening:
            known = self._index
            if known is not None and known.version == version and known.use():
                return known
            opened = _Index(version, make())
            opened.use()
            if self.forgotten or (known is not None and known.version > version):
                opened.replace()
                return opened
            self._index = opened
        if known is not None:
            known.replace()
        return opened

    def columns(self, snapshot: Snapshot, dataset: Dataset) -> ChunkColumns:
        """Return the columns of the state that a snapshot shows."""
        from knowledge.storage.columns import ChunkColumns

        state = (dataset.generation, snapshot.revision(dataset))
        known = self._columns
        if known is not None and known[0] == state:
            return known[1]
        with self._reading:
            known = self._columns
            if known is not None and known[0] == state:
                return known[1]
            columns = ChunkColumns(snapshot, dataset, known[1] if known else None)
            if known is None or known[0] < state:
                self._columns = (state, columns)
            return columns

    def sparse(self, snapshot: Snapshot, dataset: Dataset, columns: ChunkColumns) -> SparseVectors:
        """Return the sparse vectors of the chunks that the columns show."""
        from knowledge.retrieval.search.sparse import SparseVectors

        known = self._sparse
        if known is not None and known[0] is columns:
            return known[1]
        with self._weighing:
            known = self._sparse
            if known is not None and known[0] is columns:
                return known[1]
            self._sparse = (columns, SparseVectors(snapshot, dataset, columns))
            return self._sparse[1]


_lock = threading.Lock()
_open: weakref.WeakValueDictionary[Hashable, _Shared] = weakref.WeakValueDictionary()


def _join(place: Hashable, user: OpenDatasets) -> _Shared:
    with _lock:
        shared = _open.get(place)
        if shared is None:
            shared = _open[place] = _Shared(place)
        shared.join(user)
        return shared
