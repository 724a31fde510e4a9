"""The versions of a dataset's vectors on a server: a folder with a mark for each."""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from knowledge.errors import (
    DamagedStoreError,
    KnowledgeError,
    VectorsElsewhereError,
    VectorServerError,
)
from knowledge.files.private import private_files
from knowledge.storage.disk import on_disk
from knowledge.storage.local.elsewhere.marks import (
    MARK,
    RUN,
    Carries,
    Mark,
    Points,
    read_mark,
    read_points,
    retire,
    told_elsewhere,
)
from knowledge.storage.local.elsewhere.writer import Carrying, ServerWriter
from knowledge.storage.local.holding import Hold
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.vectors.folders import FACTS, Versions, stranger_in, sync
from knowledge.storage.servers.server import MAX_RESULTS, Carried
from knowledge.storage.store import REPAIR_INDEX
from knowledge.storage.unit_vectors import unit_rows
from knowledge.storage.vector_index import search_pages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.servers.server import Found, VectorServer
    from knowledge.storage.vector_index import ChunkFacts, SparseSearch

_SPARE = 100
_DEEPER = 4
_PAGE = 2_000


class ServerVectors(Versions):
    """The index of one dataset whose vectors a server keeps.

    Parameters
    ----------
    folder:
        The data folder.
    key:
        The dataset's.
    servers:
        Give the server.
    """

    def __init__(self, folder: DataFolder, key: str, servers: Servers) -> None:
        super().__init__(folder, key, servers)
        self._servers: Servers = servers

    def check_place(self, version: int) -> None:
        """See that a version is on our server, which can be reached.

        Raises
        ------
        VectorsElsewhereError
            It is on another server, or in the data folder.
        VectorServerError
            The server can't be reached.
        """
        home = self._home(version)
        if (
            version
            and home.is_dir()
            and ((mark := read_mark(home)) is None or mark.place != self._servers.place)
        ):
            self._owned(version)
        self._servers.at(self._servers.place).ping()

    def open(self, version: int, dimensions: int | None = None) -> ServerReader:
        """Open a published version; no point of it goes until it is closed.

        Raises
        ------
        DamagedStoreError
            It is not there, lacks points, or is that of another dataset or version.
        VectorsElsewhereError
            It is on another server, or in the data folder.
        VectorServerError
            The server can't be reached, or fails.
        """
        home = self._home(version)
        try:
            hold = Hold(home)
        except FileNotFoundError as error:
            raise DamagedStoreError(f"{home} holds no index", hint=REPAIR_INDEX) from error
        try:
            mark = self._owned(version)
            points = read_points(home, mark)
            reader = ServerReader(self._servers, mark, points, hold)
            reader.check(dimensions)
        except BaseException:
            hold.release()
            raise
        return reader

    def complete(self, version: int, chunks: ChunkFacts) -> bool:
        """Return whether the points of a version carry the sparse vectors that they could."""
        keeper = self._servers.at(self._servers.place).carrying()
        model = chunks.sparse_model() if self._servers.sends_sparse else ""
        if not (version and model) or keeper is None:
            return True
        mark = self._owned(version)
        if not mark.collections or not keeper.takes_sparse(mark.collections[0]):
            return True
        return read_points(self._home(version), mark).carries.sparse == model

    def candidate(self, version: int, chunks: ChunkFacts | None = None) -> ServerWriter:
        """Begin the next version: with the points of a published one, or none of 0."""
        candidate = self._candidate
        base, points = None, Points()
        if version:
            base = self._owned(version)
            points = read_points(self._home(version), base)
        run = uuid.uuid4().hex[:RUN]
        fresh = f"{self._servers.prefix}-{self._key}-{run}"
        held = base.collections if base is not None else ()
        mark = Mark(self._servers.place, (*held, fresh), run, candidate=True)
        server = self._servers.at(mark.place)
        with private_files(), on_disk(candidate):
            if candidate.exists():
                retire(candidate, self._servers)
                shutil.rmtree(candidate)
            candidate.mkdir(parents=True)
            mark.write(candidate)  # before anything of it is on the server
            sync(candidate / MARK)
            sync(candidate)
        keeper = server.carrying()
        carrying = None
        if keeper is not None and chunks is not None:
            carrying = Carrying(keeper, chunks, sparse=self._servers.sends_sparse)
        return ServerWriter(candidate, server, mark, base, points, carrying)

    def sweep(self, published: int, *, previous: bool = True) -> None:
        """Remove what no reader needs, as :meth:`Versions.sweep`; first name what is published."""
        # The name is for the eyes of others: a server that refuses it is no reason to end a run.
        with contextlib.suppress(VectorServerError, DamagedStoreError):
            self._name(published)
        super().sweep(published, previous=previous)

    def _name(self, version: int) -> None:
        """Let the dataset's name on the server, its key, stand for a version's collection."""
        mark = read_mark(self._home(version))
        if mark is not None and mark.collections and mark.place == self._servers.place:
            keeper = self._servers.at(mark.place).carrying()
            if keeper is not None:
                keeper.name(f"{self._servers.prefix}-{self._key}", mark.collections[0])

    def publish(self, version: int, facts: Mapping[str, Any]) -> None:
        """Bring the flushed candidate's mark to the disk and give it the name of a version."""
        candidate, target = self._candidate, self._home(version)
        if target.exists():  # a killed publish left it
            retire(target, self._servers)
        with private_files(), on_disk(candidate):
            told = json.dumps(facts, ensure_ascii=False)
            (candidate / FACTS).write_text(told + "\n", encoding="utf-8")
            for path in (*candidate.iterdir(), candidate):
                sync(path)
            shutil.rmtree(target, ignore_errors=True)
            candidate.rename(target)
            sync(target.parent)

    def size(self, version: int | None = None) -> int:
        """Return the bytes of a version, or of all, with those of the vectors on the server."""
        if version is None:
            homes = [*self._folder.dataset(self._key).glob("g*")]
        else:
            homes = [self._home(version)]
        total = super().size(version)
        for home in homes:
            with contextlib.suppress(DamagedStoreError):
                mark = read_mark(home)
                total += 4 * mark.dimensions * mark.vectors if mark is not None else 0
        return total

    def check(self, version: int, ids: Sequence[str], dimensions: int | None) -> str:
        """Return what is wrong with a version, in words; empty when it is whole.

        Raises
        ------
        VectorServerError
            The server can't be reached, or fails.
        """
        home = self._home(version)
        try:
            with Hold(home):
                mark = self._owned(version)
                return _damage(self._servers, mark, read_points(home, mark), ids, dimensions)
        except FileNotFoundError:
            return "its folder is missing"
        except (DamagedStoreError, VectorsElsewhereError) as error:
            return error.message

    def proven(self, version: int) -> Callable[[Sequence[str]], Mapping[str, NDArray[np.float32]]]:
        """Return what gives the vectors of ids that are what was written."""
        try:
            mark = self._owned(version)
            points = read_points(self._home(version), mark)
        except KnowledgeError:
            return lambda _: {}

        def proven(ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
            found: dict[str, NDArray[np.float32]] = {}
            with contextlib.suppress(KnowledgeError):
                for listed, vectors, right in _fetched(self._servers, mark, points, ids):
                    rows = zip(listed, vectors, right & unit_rows(vectors), strict=True)
                    found |= {id: row for id, row, whole in rows if whole}
            return found

        return proven

    def _owned(self, version: int) -> Mark:
        """Return a version's mark.

        Raises
        ------
        DamagedStoreError
            It can't be read, or says that it is another's.
        VectorsElsewhereError
            It is on another server, or in the data folder.
        """
        home, ours = self._home(version), self._servers.place
        if stranger := stranger_in(home, self._key, version):
            raise DamagedStoreError(
                f"the index {home} is not the dataset's: {stranger}", hint=REPAIR_INDEX
            )
        mark = read_mark(home)
        if mark is None:
            if not home.is_dir():
                raise DamagedStoreError(f"{home} is missing", hint=REPAIR_INDEX)
            raise VectorsElsewhereError(told_elsewhere(self._key, "in the data folder", ours))
        if mark.place != ours:
            raise VectorsElsewhereError(told_elsewhere(self._key, f"at {mark.place}", ours))
        return mark


class ServerReader:
    """A version on a server, open."""

    def __init__(self, servers: Servers, mark: Mark, points: Points, hold: Hold) -> None:
        self._servers = servers
        self._mark = mark
        self._points = points
        self._hold = hold
        self._others = 0

    def check(self, dimensions: int | None) -> None:
        """Raise :class:`DamagedStoreError` where points, or those of a model, are not there."""
        if not len(self._points):
            return
        mark = self._mark
        if dimensions not in (None, mark.dimensions):
            raise DamagedStoreError(
                f"the index at {mark.place} is another model's: its vectors have "
                f"{mark.dimensions} dimensions, not {dimensions}",
                hint=REPAIR_INDEX,
            )
        there = self._server.count(self._collection)
        self._others = there - len(self._points)
        if self._others < 0:
            raise DamagedStoreError(
                f"{mark.place} has {there} of {len(self._points)} vectors of {self._collection}",
                hint=REPAIR_INDEX,
            )

    @property
    def by_file(self) -> bool:
        """Whether all points carry the id of their file."""
        return self._points.carries.files

    def matrix(self) -> None:
        """Return nothing: the vectors are on the server."""

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """Return up to ``top_k`` (id, cosine similarity), most similar first."""
        import numpy as np

        question = np.asarray(query, np.float32)
        question = question / max(float(np.linalg.norm(question)), 1e-12)
        ask = partial(self._server.search, vector=question)
        return self._found(ask, top_k, among, files)

    def sparse(self, model: str) -> SparseSearch | None:
        """Return what searches the sparse vectors of a model; ``None`` where some have none."""
        keeper = self._server.carrying()
        ours = model and model == self._points.carries.sparse and self._servers.sends_sparse
        if keeper is None or not ours:
            return None

        def search(
            terms: NDArray[np.uint32],
            weights: NDArray[np.float32],
            top_k: int,
            *,
            among: Sequence[str] | None = None,
            files: Sequence[str] | None = None,
        ) -> list[tuple[str, float]]:
            ask = partial(keeper.search_sparse, terms=terms, weights=weights)
            return self._found(ask, top_k, among, files)

        return search

    def _found(
        self,
        ask: Callable[..., Found],
        top_k: int,
        among: Sequence[str] | None,
        files: Sequence[str] | None,
    ) -> list[tuple[str, float]]:
        """Search all of the version, or among some of its chunks, in parts where they are many."""
        if not len(self._points):
            return []
        if files is not None and self.by_file:
            return search_pages(
                lambda page: self._deepened(partial(ask, files=page), top_k),
                files,
                top_k,
                MAX_RESULTS,
            )
        if among is None:
            return self._deepened(ask, top_k)
        at = self._points.at(among)
        return search_pages(
            lambda page: self._ours(ask(self._collection, top_k=top_k, among=page)) if page else [],
            self._points.names(at[at >= 0]),
            top_k,
            MAX_RESULTS,
        )

    def _deepened(self, ask: Callable[..., Found], top_k: int) -> list[tuple[str, float]]:
        """Search where points of other versions may be found too.

        They lie in the same collection, more and more of them while a run writes the next one; so
        more is asked for, and what is not of this version is left out.
        """
        wanted = min(top_k, len(self._points))
        depth = min(wanted + min(self._others, wanted + _SPARE), MAX_RESULTS)
        while True:
            found = ask(self._collection, top_k=depth)
            ours = self._ours(found)
            if len(ours) >= wanted or len(found) < depth or depth >= MAX_RESULTS:
                return ours[:top_k]
            depth = min(_DEEPER * depth, MAX_RESULTS)

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (ids, vectors) in pages, for those of ``ids`` that the index holds."""
        for listed, vectors, right in _fetched(self._servers, self._mark, self._points, ids):
            if not right.all():
                raise DamagedStoreError(
                    f"a vector of {self._collection} at {self._mark.place} is not what was written",
                    hint=REPAIR_INDEX,
                )
            yield listed, vectors

    def close(self) -> None:
        """Let go of it; a second call does nothing."""
        self._hold.release()

    @property
    def _server(self) -> VectorServer:
        return self._servers.at(self._mark.place)

    @property
    def _collection(self) -> str:
        return self._mark.collections[0]

    def _ours(self, found: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
        """Return what was found of this version, by id, most similar first."""
        pairs = [(*point.rpartition(".")[::2], cosine) for point, cosine in found]
        at = self._points.at([id for id, _, _ in pairs])
        runs = self._points.rows["run"]
        return [
            (id, cosine)
            for (id, run, cosine), row in zip(pairs, at, strict=True)
            if row >= 0 and runs[row].decode() == run
        ]


def _fetched(
    servers: Servers, mark: Mark, points: Points, ids: Sequence[str]
) -> Iterator[tuple[list[str], NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield ids, vectors and which are what was written, for those of ``ids`` that are there."""
    at = points.at(ids)
    at = at[at >= 0]
    if not len(at):
        return
    server = servers.at(mark.place)
    page = server.page(mark.dimensions)
    for start in range(0, len(at), page):
        names = points.names(at[start : start + page])
        found, vectors = server.fetch(mark.collections[0], names)
        if found:
            listed = [name.rpartition(".")[0] for name in found]
            yield listed, vectors, points.right(points.at(listed), vectors)


def _damage(
    servers: Servers, mark: Mark, points: Points, ids: Sequence[str], dimensions: int | None
) -> str:
    import numpy as np

    at = points.at(ids)
    if others := len(points) - len(np.unique(at[at >= 0])):
        return f"{others} vectors belong to no chunk"
    held = broken = 0
    for _, vectors, right in _fetched(servers, mark, points, ids):
        held += len(vectors)
        broken += int((~(right & unit_rows(vectors))).sum())
    if held < len(ids):
        return f"{len(ids) - held} of {len(ids)} chunks have no vector"
    if broken:
        return f"{broken} of {len(ids)} vectors are not what was written"
    if held and dimensions not in (None, mark.dimensions):
        return f"its vectors have {mark.dimensions} dimensions, the model's {dimensions}"
    if wrong := _wrongly_carried(servers, mark, points):
        return f"{wrong} of {len(ids)} points have another file, or sparse vector, than was written"
    return ""


def _wrongly_carried(servers: Servers, mark: Mark, points: Points) -> int:
    import numpy as np

    keeper = servers.at(mark.place).carrying()
    if keeper is None or points.carries == Carries() or not len(points):
        return 0
    wrong = 0
    for start in range(0, len(points), _PAGE):
        at = np.arange(start, min(start + _PAGE, len(points)))
        names = points.names(at)
        found = keeper.carried(mark.collections[0], names)
        wrong += points.wrongly_carried(at, [found.get(name, Carried()) for name in names])
    return wrong
