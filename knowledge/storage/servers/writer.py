"""The next version of a dataset's vectors on a server, and what its points carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.errors import VectorServerError
from knowledge.storage.servers.marks import Mark
from knowledge.storage.servers.points import (
    NO_SPARSE,
    Carries,
    NewPoint,
    Points,
    checks,
    file_check,
    sparse_check,
)
from knowledge.storage.servers.server import Carried
from knowledge.storage.unit_vectors import exact_unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.changes import SparseBytes
    from knowledge.storage.servers.marks import Marks
    from knowledge.storage.servers.server import CarryingServer, VectorServer
    from knowledge.storage.vector_index import ChunkFacts

_PAGE = 2_000


class ServerWriter:
    """The next version, whose points no reader's version lists.

    Parameters
    ----------
    marks:
        Note the candidate.
    mark:
        The candidate's. It names the collections: that of the version it begins with, where there
        is one, and one of its own.
    base:
        That version's mark.
    points:
        That version's points.
    carrying:
        Gives points what they carry, where they can.
    """

    def __init__(
        self,
        marks: Marks,
        server: VectorServer,
        mark: Mark,
        base: Mark | None,
        points: Points,
        carrying: Carrying | None = None,
    ) -> None:
        self._marks = marks
        self._server = server
        self._mark = mark
        self._points = points
        self._dimensions = base.dimensions if base is not None else 0
        self._fresh = mark.collections[-1]
        self._collection = base.collections[0] if base and base.collections else ""
        self._carrying = carrying
        self._new: dict[str, NewPoint] = {}
        self._gone: set[str] = set()
        self._dropped: set[str] = set()

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add or replace vectors, shape (len(ids), dimensions); ids must be unique."""
        if not len(ids):
            return
        exact = exact_unit(vectors)
        self._marks.check()
        if not self._collection:
            self._begin(exact.shape[1])
        run = self._mark.run
        named = [f"{id}.{run}" for id in ids]
        if self._carrying is None:
            carried = [(0, NO_SPARSE)] * len(ids)
            self._server.add(self._collection, named, exact, run)
        else:
            carried = self._carrying.add(self._collection, ids, named, exact, run)
        checked = zip(ids, checks(exact).tolist(), carried, strict=True)
        self._new |= {id: (run, check, *others) for id, check, others in checked}
        self._gone.difference_update(ids)
        self._dropped.difference_update(ids)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove vectors by id; ids that are not there are passed over."""
        self._gone.update(ids)
        self._dropped.update(id for id in ids if self._new.pop(id, None))

    def rebuild(self, ids: Sequence[str]) -> None:
        """Write the vectors of ``ids`` to a collection of their own; the old one goes later."""
        if self._collection in ("", self._fresh):  # all of it is new: nothing takes room
            kept = set(ids)
            self.delete([id for id in self._new if id not in kept])
            return
        points, old = self._points.changed(self._gone, self._new), self._collection
        self._points, self._new, self._gone, self._dropped = Points(), {}, set(), set()
        self._begin(self._dimensions)
        page = self._server.page(self._dimensions)
        for start in range(0, len(ids), page):
            at = points.at(ids[start : start + page])
            found, vectors = self._server.fetch(old, points.names(at[at >= 0]))
            self.add([name.rpartition(".")[0] for name in found], vectors)
        self._server.delete_run(old, self._mark.run)

    def flush(self) -> int:
        """List the points, and see that the server has those of this run; return how many."""
        self._forget_dropped()
        if missing := self._missing():
            raise VectorServerError(
                f"{self._mark.place} lost {missing} of {len(self._new)} vectors of this run"
            )
        points = self._points.changed(self._gone, self._new)
        held = (self._collection,) if self._collection else ()
        if self._carrying is not None and held:
            self._carrying.complete(self._collection, points, self._points.carries)
        mark = Mark(
            self._mark.place,
            held,
            self._mark.run,
            dimensions=self._dimensions,
            vectors=len(points),
        )
        self._marks.note(mark, points)
        return len(points)

    def close(self) -> None:
        """Let go of it; what was not published is swept."""

    def _begin(self, dimensions: int) -> None:
        self._server.create(self._fresh, dimensions)
        self._collection, self._dimensions = self._fresh, dimensions

    def _forget_dropped(self) -> None:
        run = self._mark.run
        if self._dropped:
            self._server.delete(self._collection, [f"{id}.{run}" for id in sorted(self._dropped)])

    def _missing(self) -> int:
        """Count the points of this run that the server does not hold."""
        names = [f"{id}.{self._mark.run}" for id in self._new]
        pages = (names[start : start + _PAGE] for start in range(0, len(names), _PAGE))
        return sum(len(page) - self._server.present(self._collection, page) for page in pages)


class Carrying:
    """Gives the points of the next version what they carry beside their vectors.

    Parameters
    ----------
    chunks:
        Tells what that is.
    sparse:
        Sparse vectors may be sent.
    """

    def __init__(self, server: CarryingServer, chunks: ChunkFacts, *, sparse: bool) -> None:
        self._server = server
        self._chunks = chunks
        self._sends_sparse = sparse

    def add(
        self,
        collection: str,
        ids: Sequence[str],
        named: Sequence[str],
        vectors: NDArray[np.float32],
        run: str,
    ) -> list[tuple[int, float]]:
        """Write points with what is known of their chunks; return the checks of that."""
        files = self._chunks.files(ids)
        weighed = self._weighed(collection, ids)
        carried = [Carried(files.get(id, ""), weighed.get(id)) for id in ids]
        sent = [replace(one, sparse=_if_any(one.sparse)) for one in carried]
        self._server.add(collection, named, vectors, run, sent)
        return [
            (file_check(one.file), NO_SPARSE if one.sparse is None else sparse_check(one.sparse))
            for one in carried
        ]

    def complete(self, collection: str, points: Points, before: Carries) -> None:
        """Send the sparse vectors that are known since, and note what all points carry.

        Parameters
        ----------
        before:
            What the points of the version carried with which this one began.
        """
        import numpy as np

        points.carries = Carries(files=bool((points.rows["file"] != 0).all()))
        model = self._chunks.sparse_model() if self._takes_sparse(collection) else ""
        if not model:
            points.rows["sparse"] = np.nan
            return
        if before.sparse not in ("", model):
            points.rows["sparse"] = np.nan
        lacking = np.flatnonzero(np.isnan(points.rows["sparse"]))
        for start in range(0, len(lacking), _PAGE):
            at = lacking[start : start + _PAGE]
            ids = [id.decode() for id in points.rows["id"][at].tolist()]
            known = self._chunks.sparse(ids)
            names = dict(zip(ids, points.names(at), strict=True))
            sent = {names[id]: one for id, one in known.items() if _if_any(one)}
            self._server.add_sparse(collection, list(sent), list(sent.values()))
            points.rows["sparse"][at] = [
                sparse_check(known[id]) if id in known else NO_SPARSE for id in ids
            ]
        if not np.isnan(points.rows["sparse"]).any():
            points.carries = replace(points.carries, sparse=model)

    def _weighed(self, collection: str, ids: Sequence[str]) -> Mapping[str, SparseBytes]:
        known = self._chunks.sparse_model() and self._takes_sparse(collection)
        return self._chunks.sparse(ids) if known else {}

    def _takes_sparse(self, collection: str) -> bool:
        """Tell whether sparse vectors go there; collections of earlier versions have no room."""
        return self._sends_sparse and self._server.takes_sparse(collection)


def _if_any(vector: SparseBytes | None) -> SparseBytes | None:
    """Return a sparse vector that has terms; ``None`` for one that has none."""
    return vector if vector is not None and vector[0] else None
