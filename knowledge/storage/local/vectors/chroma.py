"""A generation's vectors in a Chroma folder: cosine collections of ids and vectors.

Chroma holds all of a collection's graph in memory while it writes to it. So a collection takes up
to ``PART_BYTES``; then it is written out and closed, and what follows goes to another one:
``vectors``, ``vectors-2`` and so on. An id stands in one of them.

Chroma's limits, and how they are kept (chromadb 1.5.9):

- ``embedding_function=None`` always, else a model is downloaded.
- At most 5,461 rows a write, and some 32,000 ids or results in a call: everything is paged.
- The graph is written out when ``sync_threshold`` changes were made since the last time, which
  is read when the graph is opened. Changes past that are put into the graph again at every open.
  So vectors are held back until so many are there, and :meth:`flush` gives the rest a threshold of
  its own.
- A missing path is created by opening it, so callers check first.
- Cosine distance can be slightly off [0, 2]; scores are clipped.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from knowledge.errors import DamagedStoreError, KnowledgeError
from knowledge.files.private import FOLDER, private_files
from knowledge.storage.disk import Obstacle, cant_write, obstacle
from knowledge.storage.local.catalog.database import open_to_look
from knowledge.storage.local.holding import Hold
from knowledge.storage.local.vectors import native
from knowledge.storage.local.vectors.checksums import SQLITE, check_whole
from knowledge.storage.store import REPAIR_INDEX
from knowledge.storage.vector_index import search_pages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLLECTION = "vectors"
PAGE = 5_000
WRITTEN_AT_ONCE = 1_000  # more take no less time, and 10 KB of memory each on the way to Chroma
MAX_RESULTS = 30_000
SYNC_THRESHOLD = 5_000
_LEAST_THRESHOLD = 2  # that Chroma takes
PART_BYTES = 32 * 2**20
"""Of vectors in a collection: 32,000 of 256 dimensions, 5,500 of 1,536. With its links and ids, and
what Chroma needs to write it out, a graph takes 1.7 times as much memory."""
_NO_ROOM = (
    "disk is full",
    "No space left",
    "os error 28",
    "os error 27",  # EFBIG
    "(code: 778)",  # SQLITE_IOERR_WRITE
    "(code: 1034)",  # SQLITE_IOERR_FSYNC
    "(code: 4874)",  # SQLITE_IOERR_SHMSIZE
)
_NO_RIGHT = ("readonly", "read-only", "permission denied", "unable to open")


class ChromaIndex:
    """An open index; a context manager. Open it for one operation or one generation.

    A folder must have one writer, and no reader while it is written: candidates have one owner,
    published generations are never written.

    Parameters
    ----------
    folder:
        The generation's folder.
    create:
        Make a new index; else the folder must hold one.
    dimensions:
        What the vectors that are read must have; ``None`` takes any.
    hold:
        Is released when the index is closed.
    """

    by_file = False

    def __init__(
        self,
        folder: Path,
        *,
        create: bool = False,
        dimensions: int | None = None,
        hold: Hold | None = None,
    ) -> None:
        if not create and not (folder / "chroma.sqlite3").is_file():
            raise DamagedStoreError(f"{folder} holds no index", hint=REPAIR_INDEX)
        check_whole(folder)
        self.folder = folder
        self._dimensions = dimensions
        self._hold = hold
        self._gone: dict[str, list[str]] = {}
        with private_files() if create else nullcontext():
            self._open(create)

    def _open(self, create: bool) -> None:
        """Open the last collection; the others are opened when something is asked of them."""
        names = [COLLECTION] if create else part_names(self.folder)
        self._parts = [_Part(self.folder, name) for name in names]
        self._parts[-1].open(create)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder, without what was not flushed; a second call does nothing."""
        for part in self._parts:
            part.close()
        if self._hold is not None:
            self._hold.release()

    def count(self) -> int:
        """Return the number of vectors. Loads the index, and can crash on a damaged one."""
        self._settle()
        return sum(part.count() for part in self._parts)

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add or replace vectors, shape (len(ids), dimensions); ids must be unique."""
        for start in range(0, len(ids), PAGE):
            page = slice(start, start + PAGE)
            self._make_room(4 * vectors.shape[1])
            self._forget(ids[page])
            self._parts[-1].add(ids[page], vectors[page])

    def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors by id; ids that are not there are passed over."""
        if len(self._parts) == 1:
            self._parts[0].delete(ids)
            return
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            self._forget(page)
            self._parts[-1].drop(page)

    def _make_room(self, size: int) -> None:
        """Begin another collection where the last one is full of vectors of ``size`` bytes."""
        if self._parts[-1].size * size < PART_BYTES:
            return
        self._parts[-1].flush()
        part = _Part(self.folder, f"{COLLECTION}-{len(self._parts) + 1}")
        with private_files():
            part.open(create=True)
        self._parts.append(part)

    def _forget(self, ids: Sequence[str]) -> None:
        """Note which of some ids stand in collections that are full: those are opened but once."""
        for part in self._parts[:-1]:
            if found := part.among(ids):
                self._gone.setdefault(part.name, []).extend(found)

    def _settle(self) -> None:
        """Remove from full collections what is to be removed."""
        for part in self._parts:
            if gone := self._gone.pop(part.name, None):
                part.delete([*dict.fromkeys(gone)])

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,  # noqa: ARG002
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, cosine similarity), most similar first.

        Approximate: HNSW. At most 30,000 results, which is as far as Chroma goes.
        """
        if among is None:
            return self._searched(query, top_k, None)
        return search_pages(
            lambda page: self._searched(query, top_k, page), among, top_k, MAX_RESULTS
        )

    def sparse(self, model: str) -> None:
        """Return nothing: sparse vectors are in the catalog."""

    def _searched(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        among: Sequence[str] | None,
    ) -> list[tuple[str, float]]:
        self._settle()
        found = [pair for part in self._parts for pair in part.search(query, top_k, among)]
        if len(self._parts) > 1:
            found = sorted(found, key=lambda pair: pair[1])[:top_k]
        return [(id, min(1.0, max(-1.0, 1.0 - distance))) for id, distance in found]

    def matrix(self) -> None:
        """Return nothing: Chroma gives its vectors a few at a time."""

    def vectors(
        self, ids: Sequence[str], parts: Sequence[_Part] | None = None
    ) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds.

        Parameters
        ----------
        parts:
            Of its collections; ``None`` asks all.
        """
        self._settle()
        remaining = iter(ids)
        while page := list(islice(remaining, PAGE)):
            for part in self._parts if parts is None else parts:
                yield from self._page(part, page)

    def _page(self, part: _Part, ids: list[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        found, vectors = part.vectors(ids)
        if not found:
            return  # there is no second axis then
        if self._dimensions not in (None, vectors.shape[1]):
            raise DamagedStoreError(
                f"the index {self.folder} is another model's: its vectors have "
                f"{vectors.shape[1]} dimensions, not {self._dimensions}",
                hint=REPAIR_INDEX,
            )
        yield found, vectors

    def rebuild(self, ids: Sequence[str]) -> None:
        """Rebuild it from the vectors of ``ids``; deleted ones take room and time."""
        fresh_folder = self.folder.with_name("candidate-fresh")
        shutil.rmtree(fresh_folder, ignore_errors=True)
        fresh_folder.mkdir(mode=FOLDER)
        self._settle()
        with ChromaIndex(fresh_folder, create=True) as fresh:
            for part in self._parts:
                for found, vectors in self.vectors(ids, [part]):
                    fresh.add(found, vectors)
                part.close()
            fresh.flush()
        self.close()
        shutil.rmtree(self.folder)
        fresh_folder.rename(self.folder)
        self._open(create=False)

    def flush(self) -> int:
        """Write everything out so that opening replays nothing; return the count of vectors.

        The index is closed afterwards.
        """
        *full, last = self._parts
        count = last.flush()
        for part in full:
            gone = self._gone.pop(part.name, None)
            if gone or part.is_open:
                part.delete([*dict.fromkeys(gone or ())])
                count += part.flush()
            else:
                count += part.size
        return count


class _Part:
    """A collection of an index, with a client of its own.

    Parameters
    ----------
    folder:
        The index's.
    name:
        The collection's.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder
        self._client: Any = None
        self._held: dict[str, NDArray[np.float32]] = {}
        self._size: int | None = None
        self._unsaved = 0  # changes that Chroma has not written out to the graph's files
        self._is_fresh = False  # no graph was opened yet, with the threshold that held then

    def open(self, create: bool = False) -> None:
        """Open the collection, or make it."""
        self._client = _open(self._folder)
        try:
            with _translated(self._folder):
                self._opened = self._create() if create else self._find()
        except BaseException:
            self.close()
            raise
        self._is_fresh = create
        self._size = 0 if create else None

    @property
    def is_open(self) -> bool:
        """Whether Chroma may hold its graph in memory."""
        return self._client is not None

    @property
    def size(self) -> int:
        """How many vectors it holds, or a few more where some were replaced, by Chroma's rows."""
        if self._size is None:
            with _translated(self._folder), closing(open_to_look(self._folder / SQLITE)) as sql:
                [count] = sql.execute(f"SELECT count(*) FROM ({_HELD})", (self.name,)).fetchone()
            self._size = int(count)
        return self._size

    @property
    def _collection(self) -> Any:
        if self._client is None:
            self.open()
        return self._opened

    def _create(self) -> Any:
        return self._client.create_collection(
            self.name,
            configuration={"hnsw": {"space": "cosine", "sync_threshold": SYNC_THRESHOLD}},
            embedding_function=None,
        )

    def _find(self) -> Any:
        return self._client.get_collection(self.name, embedding_function=None)

    def close(self) -> None:
        """Close it, without what was not flushed; a second call does nothing."""
        self._held = {}
        client, self._client = self._client, None
        if client is not None:
            _close(client)

    def count(self) -> int:
        """Return the number of vectors, from Chroma."""
        self._write_held()
        return int(self._collection.count())

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add or replace vectors."""
        self._size = self.size + len(ids)
        self._held |= zip(ids, vectors, strict=True)
        while self._unsaved + len(self._held) >= SYNC_THRESHOLD:
            self._write_held(max(SYNC_THRESHOLD - self._unsaved, 1))

    def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors by id; ids that are not there are passed over."""
        for id in ids:
            self._held.pop(id, None)
        with private_files(), _translated(self._folder):
            for start in range(0, len(ids), PAGE):
                page = list(ids[start : start + PAGE])
                self._collection.delete(ids=page)
                self._changed(len(page))

    def _write_held(self, most: int | None = None) -> None:
        """Give Chroma the first ``most`` of the vectors that are held back, or all."""
        import numpy as np

        from knowledge.storage.unit_vectors import exact_unit

        names = list(islice(self._held, most))
        with private_files(), _translated(self._folder):
            for start in range(0, len(names), WRITTEN_AT_ONCE):
                page = names[start : start + WRITTEN_AT_ONCE]
                vectors = exact_unit(np.stack([self._held.pop(id) for id in page]))
                self._collection.upsert(ids=page, embeddings=vectors)
                self._changed(len(page))

    def _changed(self, changes: int) -> None:
        self._is_fresh = False
        self._unsaved += changes
        if self._unsaved >= SYNC_THRESHOLD:
            self._unsaved = 0

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        among: Sequence[str] | None,
    ) -> Iterator[tuple[str, float]]:
        """Yield up to ``top_k`` (id, distance), nearest first."""
        self._write_held()
        with _translated(self._folder):
            answer = self._collection.query(
                query_embeddings=[query],
                ids=None if among is None else list(among),
                n_results=min(top_k, MAX_RESULTS),
                include=["distances"],
            )
        for id, distance in zip(answer["ids"][0], answer["distances"][0], strict=True):
            yield id, float(distance)

    def vectors(self, ids: list[str]) -> tuple[list[str], NDArray[np.float32]]:
        """Return those of some ids that it holds, and their vectors."""
        import numpy as np

        self._write_held()
        with _translated(self._folder):
            answer = self._collection.get(ids=ids, include=["embeddings"])
        return answer["ids"], np.asarray(answer["embeddings"], dtype=np.float32)

    def among(self, ids: Sequence[str]) -> list[str]:
        """Return those of some ids that Chroma's rows name: to look in the graph, it is loaded."""
        statement = f"{_HELD} AND embedding_id IN ({','.join('?' * len(ids))})"
        with _translated(self._folder), closing(open_to_look(self._folder / SQLITE)) as sql:
            return [id for (id,) in sql.execute(statement, (self.name, *ids))]

    def drop(self, ids: Sequence[str]) -> None:
        """Remove vectors as :meth:`delete` does, and load the graph only where it holds one."""
        for id in ids:
            self._held.pop(id, None)
        if found := self.among(ids):
            self.delete(found)

    def flush(self) -> int:
        """Have Chroma write all out, and close it; return the count of vectors."""
        with private_files(), _translated(self._folder):
            if self._held:
                self._reopen(max(self._unsaved + len(self._held), _LEAST_THRESHOLD))
                self._write_held()
            count = int(self._collection.count())
            if count and waiting(self._folder, self.name):
                self._reopen(_LEAST_THRESHOLD)
                self._collection.count()
                if waiting(self._folder, self.name):
                    _write_again(self._collection)
            self._collection.modify(configuration={"hnsw": {"sync_threshold": SYNC_THRESHOLD}})
            self.close()
        self._unsaved = 0
        return count

    def _reopen(self, threshold: int) -> None:
        """Let Chroma write the graph out after so many changes, those of its queue included."""
        self._collection.modify(configuration={"hnsw": {"sync_threshold": threshold}})
        if self._is_fresh:
            return
        _close(self._client)
        self._client = _open(self._folder)
        self._opened = self._find()
        self._opened.count()  # takes in what waits in the queue


_HELD = """
    SELECT embedding_id FROM embeddings WHERE segment_id = (
        SELECT s.id FROM segments s JOIN collections c ON c.id = s.collection
        WHERE c.name = ? AND s.scope = 'METADATA')
"""


def part_names(folder: Path) -> list[str]:
    """Return the names of an index's collections, in the order in which they were begun."""
    with _translated(folder), closing(open_to_look(folder / SQLITE)) as sql:
        found = {name for (name,) in sql.execute("SELECT name FROM collections")}
    later = [f"{COLLECTION}-{number}" for number in range(2, len(found) + 1)]
    return [COLLECTION, *(name for name in later if name in found)]


def waiting(folder: Path, name: str | None = None) -> bool:
    """Return whether Chroma holds changes that are not in the files of the graphs yet.

    Changes lie in a queue in its SQLite file, and each segment remembers the last one it has
    taken in.

    Parameters
    ----------
    name:
        Of one collection; ``None`` asks for all.
    """
    with _translated(folder), closing(open_to_look(folder / SQLITE)) as sql:
        return bool(sql.execute(_WAITING, {"name": name}).fetchone()[0])


_WAITING = """
    SELECT EXISTS (
        SELECT 1 FROM embeddings_queue q
        JOIN collections c ON q.topic LIKE '%/' || c.id
        JOIN segments s ON s.collection = c.id AND s.scope = 'VECTOR'
        LEFT JOIN max_seq_id m ON m.segment_id = s.id
        WHERE q.seq_id > coalesce(m.seq_id, 0) AND c.name = coalesce(:name, c.name))
"""


def _write_again(collection: Any) -> None:
    """Write one vector once more: one change alone is not enough for Chroma to write anything out.

    It would do so in each reader instead, and a published folder must stay as it is.
    """
    one = collection.get(limit=1, include=["embeddings"])
    collection.upsert(ids=one["ids"], embeddings=one["embeddings"])


# Public clients of one folder share an engine, which Chroma starts and stops without a lock.
_opening = threading.Lock()


def _open(folder: Path) -> Any:
    """Return a client: Chroma's native part alone, where that is known to be right."""
    if native.installed_version() in native.TESTED:
        with _translated(folder):
            return native.NativeClient(folder)
    return _open_publicly(folder)


def _open_publicly(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    with _translated(folder), _opening:
        try:
            return chromadb.PersistentClient(
                path=str(folder), settings=Settings(anonymized_telemetry=False)
            )
        except BaseException:
            _forget_half_open(str(folder))
            raise


def _forget_half_open(path: str) -> None:
    """Let the next client of a path start an engine of its own, not get the one that failed."""
    from chromadb.api.shared_system_client import SharedSystemClient

    if not SharedSystemClient._identifier_to_refcount.get(path):
        SharedSystemClient._identifier_to_system.pop(path, None)


def _close(client: Any) -> None:
    with _opening:
        client.close()


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """Turn what Chroma raises, of whatever class, into an error of ours."""
    try:
        yield
    except KnowledgeError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if isinstance(error, MemoryError | Warning):
            raise  # not the folder's fault
        text = str(error)
        if any(sign in text for sign in _NO_ROOM):
            raise cant_write(folder, Obstacle.FULL) from error
        if any(sign in text.lower() for sign in _NO_RIGHT):
            raise cant_write(folder, obstacle(folder) or Obstacle.NO_PERMISSION) from error
        raise DamagedStoreError(
            f"the index {folder} is damaged: {text}", hint=REPAIR_INDEX
        ) from error
