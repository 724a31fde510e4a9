"""The versions of a dataset's vectors on a server, whatever store notes them."""

from __future__ import annotations

import contextlib
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
from knowledge.storage.servers.marks import Mark, told_elsewhere
from knowledge.storage.servers.points import RUN, Carries, Points
from knowledge.storage.servers.server import MAX_RESULTS, Carried
from knowledge.storage.servers.writer import Carrying, ServerWriter
from knowledge.storage.store import REPAIR_INDEX
from knowledge.storage.unit_vectors import unit_rows
from knowledge.storage.vector_index import search_pages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.servers.marks import Held, Marks
    from knowledge.storage.servers.server import Found, VectorServer
    from knowledge.storage.vector_index import ChunkFacts, SparseSearch

_SPARE = 100
_DEEPER = 4
_PAGE = 2_000


class ServerVectors:
    """The index of one dataset whose vectors a server keeps.

    Parameters
    ----------
    marks:
        What the store notes of its versions.
    servers:
        Give the server.
    """

    def __init__(self, marks: Marks, servers: Servers) -> None:
        self._marks = marks
        self._key = marks.key
        self._servers = servers

    def check_place(self, version: int) -> None:
        """See that a version is on our server, which can be reached.

        Raises
        ------
        VectorsElsewhereError
            It is on another server, or where the store keeps vectors itself.
        VectorServerError
            The server can't be reached.
        """
        if (
            version
            and self._marks.is_there(version)
            and ((mark := self._marks.read(version)) is None or mark.place != self._servers.place)
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
            It is on another server, or where the store keeps vectors itself.
        VectorServerError
            The server can't be reached, or fails.
        """
        hold = self._marks.hold(version)
        try:
            mark = self._owned(version)
            reader = ServerReader(self._servers, mark, self._marks.points(version, mark), hold)
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
        return self._marks.points(version, mark).carries.sparse == model

    def candidate(self, version: int, chunks: ChunkFacts | None = None) -> ServerWriter:
        """Begin the next version: with the points of a published one, or none of 0."""
        base, points = None, Points()
        if version:
            base = self._owned(version)
            points = self._marks.points(version, base)
        run = uuid.uuid4().hex[:RUN]
        fresh = f"{self._servers.prefix}-{self._key}-{run}"
        own = version == 0 or self._marks.is_own(version)
        held = base.collections if base is not None and own else ()
        mark = Mark(self._servers.place, (*held, fresh), run, candidate=True)
        server = self._servers.at(mark.place)
        self._marks.begin(mark)  # before anything of it is on the server
        keeper = server.carrying()
        carrying = None
        if keeper is not None and chunks is not None:
            carrying = Carrying(keeper, chunks, sparse=self._servers.sends_sparse)
        writer = ServerWriter(self._marks, server, mark, base, points, carrying)
        if not own:  # nothing is written beside what others have
            writer.rebuild([id.decode() for id in points.ids.tolist()])
        return writer

    def publish(self, version: int, facts: Mapping[str, Any]) -> None:
        """Give the flushed candidate the number of a version."""
        self._marks.publish(version, facts)

    def sweep(self, published: int, *, previous: bool = True) -> None:
        """Drop what no reader needs; first name what is published."""
        # The name is for the eyes of others: a server that refuses it is no reason to end a run.
        with contextlib.suppress(VectorServerError, DamagedStoreError):
            self._name(published)
        self._marks.sweep(published, previous=previous)

    def _name(self, version: int) -> None:
        """Let the dataset's name on the server, its key, stand for a version's collection."""
        mark = self._marks.read(version) if version else None
        if mark is not None and mark.collections and mark.place == self._servers.place:
            keeper = self._servers.at(mark.place).carrying()
            if keeper is not None:
                keeper.name(f"{self._servers.prefix}-{self._key}", mark.collections[0])

    def remove(self) -> bool:
        """Drop all versions that nobody holds; return whether all are gone."""
        return self._marks.remove()

    def size(self, version: int | None = None) -> int:
        """Return the bytes of a version, or of all, with those of the vectors on servers."""
        marks: list[Mark | None] = []
        with contextlib.suppress(DamagedStoreError):
            marks = [*self._marks.all()] if version is None else [self._marks.read(version)]
        vectors = sum(4 * mark.dimensions * mark.vectors for mark in marks if mark is not None)
        return self._marks.size(version) + vectors

    def check(self, version: int, ids: Sequence[str], dimensions: int | None) -> str:
        """Return what is wrong with a version, in words; empty when it is whole.

        Raises
        ------
        VectorServerError
            The server can't be reached, or fails.
        """
        try:
            hold = self._marks.hold(version)
            try:
                mark = self._owned(version)
                points = self._marks.points(version, mark)
                return _damage(self._servers, mark, points, ids, dimensions)
            finally:
                hold.release()
        except (DamagedStoreError, VectorsElsewhereError) as error:
            return error.message

    def proven(self, version: int) -> Callable[[Sequence[str]], Mapping[str, NDArray[np.float32]]]:
        """Return what gives the vectors of ids that are what was written."""
        try:
            mark = self._owned(version)
            points = self._marks.points(version, mark)
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
            It is not there, can't be read, or says that it is another's.
        VectorsElsewhereError
            It is on another server, or where the store keeps vectors itself.
        """
        ours = f"at {self._servers.place}"
        if stranger := self._marks.stranger(version):
            raise DamagedStoreError(
                f"the index is not the dataset's: {stranger}", hint=REPAIR_INDEX
            )
        mark = self._marks.read(version)
        if mark is None:
            if not self._marks.is_there(version):
                raise DamagedStoreError(
                    f"version {version} of the index is missing", hint=REPAIR_INDEX
                )
            raise VectorsElsewhereError(told_elsewhere(self._key, self._marks.home, ours))
        if mark.place != self._servers.place:
            raise VectorsElsewhereError(told_elsewhere(self._key, f"at {mark.place}", ours))
        return mark


class ServerReader:
    """A version on a server, open."""

    def __init__(self, servers: Servers, mark: Mark, points: Points, hold: Held) -> None:
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
        self._hold.renew()
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
        self._hold.renew()
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
