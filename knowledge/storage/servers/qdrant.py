"""A Qdrant server, by ``qdrant-client``.

A collection has two named vectors, both compared by dot product: ``dense``, of unit length, and
``sparse``, which not every point has. They come back as they were sent. A point's id is the UUIDv5
of its name; its payload says the chunk, its file and the run that wrote it, by their ids. Searches
ask for ``exact``: no graph is used.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from knowledge.errors import DamagedStoreError, UsageError, VectorServerError
from knowledge.extras import install_command
from knowledge.storage.servers.server import (
    MAX_RESULTS,
    MISSING,
    PASSING,
    PAUSES,
    SECONDS,
    Carried,
    Found,
    bounded_transport,
    misunderstood,
    refusal,
    understood,
    unreachable,
)
from knowledge.storage.store import REPAIR_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.storage.changes import SparseBytes

Answer = TypeVar("Answer")

DENSE = "dense"
SPARSE = "sparse"
FILE = "file"
_NAMES = uuid.UUID("7a2f6c1e-5d0b-5e53-9d0c-2f0f7b1f4c11")
_LEAST, _MOST = 64, 256
"""Points of one request."""
_BODY = 4 * 1024 * 1024
_BUSY = 429


class QdrantServer:
    """A :class:`knowledge.storage.servers.server.CarryingServer`.

    Parameters
    ----------
    place:
        As datasets remember it.
    url:
        The server's address, such as ``http://127.0.0.1:6333``.
    key:
        Its API key; empty for none.
    client:
        Takes the place of one of our own.
    """

    def __init__(self, place: str, url: str, key: str = "", client: Any = None) -> None:
        self.place = place
        self._url = url
        self._key = key
        self._lock = threading.Lock()
        self._opened = client

    @understood
    def ping(self) -> None:
        """Ask for the collections."""
        self._ask(lambda client: client.get_collections())

    def carrying(self) -> QdrantServer:
        """Return itself."""
        return self

    @understood
    def create(self, collection: str, dimensions: int) -> None:
        """Make a collection; one of this name that is there already stays."""
        from qdrant_client import models

        def create(client: Any) -> None:
            if client.collection_exists(collection):
                return
            params = models.VectorParams(size=dimensions, distance=models.Distance.DOT)
            client.create_collection(
                collection,
                vectors_config={DENSE: params},
                sparse_vectors_config={SPARSE: models.SparseVectorParams()},
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # without a server an index has no effect
                for field in ("run", FILE):
                    client.create_payload_index(
                        collection, field, field_schema=models.PayloadSchemaType.KEYWORD
                    )

        self._ask(create)

    @understood
    def drop(self, collection: str) -> None:
        """Remove a collection; one that is not there is fine."""
        self._if_there(collection, lambda client: client.delete_collection(collection))

    @understood
    def count(self, collection: str) -> int:
        """Return how many points a collection holds."""
        counted = self._in(collection, lambda client: client.count(collection, exact=True))
        return int(counted.count)

    @understood
    def name(self, alias: str, collection: str) -> None:
        """Let an alias stand for a collection, and for no other any more."""
        from qdrant_client import models

        def name(client: Any) -> None:
            known = client.get_collection_aliases(collection).aliases
            if all(one.alias_name != alias for one in known):
                fresh = models.CreateAlias(collection_name=collection, alias_name=alias)
                client.update_collection_aliases(  # all of it at once
                    [
                        models.DeleteAliasOperation(
                            delete_alias=models.DeleteAlias(alias_name=alias)
                        ),
                        models.CreateAliasOperation(create_alias=fresh),
                    ]
                )

        self._in(collection, name)

    @understood
    def add(
        self,
        collection: str,
        points: Sequence[str],
        vectors: NDArray[np.float32],
        run: str,
        carried: Sequence[Carried] = (),
    ) -> None:
        """Write points, a batch at a time."""
        from qdrant_client import models

        size = min(_MOST, max(_LEAST, _BODY // (12 * vectors.shape[1] + 100)))
        for start in range(0, len(points), size):
            batch = [
                models.PointStruct(
                    id=_id(point),
                    vector=_named_vectors(vector, one),
                    payload=_payload(point, run, one),
                )
                for point, vector, one in zip(
                    points[start : start + size],
                    vectors[start : start + size].tolist(),
                    (carried or [Carried()] * len(points))[start : start + size],
                    strict=True,
                )
            ]
            self._in(collection, partial(_upsert, collection=collection, batch=batch))

    @understood
    def takes_sparse(self, collection: str) -> bool:
        """Return whether a collection was made with sparse vectors."""
        found = self._in(collection, lambda client: client.get_collection(collection))
        return SPARSE in (found.config.params.sparse_vectors or {})

    @understood
    def add_sparse(
        self, collection: str, points: Sequence[str], vectors: Sequence[SparseBytes]
    ) -> None:
        """Give points a sparse vector each, a batch at a time."""
        from qdrant_client import models

        for start in range(0, len(points), _MOST):
            batch = [
                models.PointVectors(id=_id(point), vector={SPARSE: _sparse(vector)})
                for point, vector in zip(
                    points[start : start + _MOST], vectors[start : start + _MOST], strict=True
                )
            ]
            self._in(collection, partial(_update, collection=collection, batch=batch))

    @understood
    def carried(self, collection: str, points: Sequence[str]) -> Mapping[str, Carried]:
        """Return what some points carry, of those that are there."""
        names = {_id(point): point for point in points}
        found = self._in(
            collection,
            lambda client: client.retrieve(
                collection, list(names), with_payload=True, with_vectors=[SPARSE]
            ),
        )
        return {_point(one): _carried(one) for one in found}

    @understood
    def delete(self, collection: str, points: Sequence[str]) -> None:
        """Remove points; those, and a collection, that are not there are passed over."""
        from qdrant_client import models

        for start in range(0, len(points), _PAGE):
            ids: list[Any] = [_id(one) for one in points[start : start + _PAGE]]
            chosen = models.PointIdsList(points=ids)
            self._if_there(collection, partial(_delete, collection=collection, chosen=chosen))

    @understood
    def delete_run(self, collection: str, run: str) -> None:
        """Remove all points that a run wrote; a collection that is not there is passed over."""
        from qdrant_client import models

        matches = models.FieldCondition(key="run", match=models.MatchValue(value=run))
        chosen = models.FilterSelector(filter=models.Filter(must=[matches]))
        self._if_there(collection, partial(_delete, collection=collection, chosen=chosen))

    @understood
    def present(self, collection: str, points: Sequence[str]) -> int:
        """Return how many of some points are there."""
        ids = [_id(point) for point in points]
        return len(
            self._in(
                collection,
                lambda client: client.retrieve(
                    collection, ids, with_payload=False, with_vectors=False
                ),
            )
        )

    @understood
    def fetch(
        self, collection: str, points: Sequence[str]
    ) -> tuple[list[str], NDArray[np.float32]]:
        """Return those of some points that are there, with their vectors."""
        names = {_id(point): point for point in points}
        found = self._in(
            collection,
            lambda client: client.retrieve(
                collection, list(names), with_payload=False, with_vectors=[DENSE]
            ),
        )
        rows = np.asarray([one.vector[DENSE] for one in found], np.float32)
        return [names[str(one.id)] for one in found], rows.reshape(len(found), -1 if found else 0)

    def names(self, collection: str) -> Iterator[list[str]]:
        """Yield the names of all points in pages."""
        following: Any = None
        while True:
            found, after = self._named(collection, following)
            if found:
                yield found
            if after is None:
                return
            if after == following:  # it would go on for ever
                raise misunderstood(self.place)
            following = after

    @understood
    def _named(self, collection: str, following: Any) -> tuple[list[str], Any]:
        """Return a page of names, and where the next one begins."""
        found, following = self._in(
            collection, partial(_scroll, collection=collection, following=following)
        )
        return [_point(one) for one in found], following

    @understood
    def page(self, dimensions: int) -> int:
        """Return how many vectors make an answer of some megabytes."""
        return min(_PAGE, max(1, _BODY // (12 * dimensions + 100)))

    @understood
    def search(
        self,
        collection: str,
        vector: NDArray[np.float32],
        top_k: int,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
    ) -> Found:
        """Return the nearest points; exact."""
        found = self._searched(collection, DENSE, vector.tolist(), top_k, among, files)
        return [(name, min(1.0, max(-1.0, cosine))) for name, cosine in found]

    @understood
    def search_sparse(
        self,
        collection: str,
        terms: NDArray[np.uint32],
        weights: NDArray[np.float32],
        top_k: int,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
    ) -> Found:
        """Return the points whose inner product with a sparse vector is highest, and above 0."""
        from qdrant_client import models

        question = models.SparseVector(indices=terms.tolist(), values=weights.tolist())
        found = self._searched(collection, SPARSE, question, top_k, among, files)
        return [(name, score) for name, score in found if score > 0]

    def _searched(
        self,
        collection: str,
        using: str,
        question: Any,
        top_k: int,
        among: Sequence[str] | None,
        files: Sequence[str] | None,
    ) -> Found:
        from qdrant_client import models

        found = self._in(
            collection,
            lambda client: client.query_points(
                collection,
                query=question,
                using=using,
                query_filter=_filter(among, files),
                limit=min(top_k, MAX_RESULTS),
                search_params=models.SearchParams(exact=True),
                with_payload=["chunk", "run"],
            ),
        )
        return [(_point(one), float(one.score)) for one in found.points]

    def _in(self, collection: str, act: Callable[[Any], Answer]) -> Answer:
        """Do something in a collection.

        Raises
        ------
        DamagedStoreError
            It is not there.
        """
        try:
            return self._ask(act)
        except _MissingError as error:
            raise DamagedStoreError(
                f"{self.place} holds no collection {collection}", hint=REPAIR_INDEX
            ) from error

    def _if_there(self, collection: str, act: Callable[[Any], object]) -> None:
        """Do something in a collection, if it is there."""
        try:
            if self._ask(lambda client: client.collection_exists(collection)):
                self._ask(act)
        except _MissingError:
            pass  # somebody else was faster

    def _ask(self, act: Callable[[Any], Answer]) -> Answer:
        """Ask, again where the failure may pass: each request can be repeated harmlessly."""
        client = self._open()  # says what to install where it is not there
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        for pause in (*PAUSES, None):
            try:
                return act(client)
            except UnexpectedResponse as error:
                if pause is None or error.status_code not in PASSING:
                    raise self._refused(error.status_code or 0, error.reason_phrase) from error
            except QdrantException as error:  # it says how long to wait
                if pause is None:
                    raise self._refused(_BUSY, str(error)) from error
            except ResponseHandlingException as error:
                raise self._unreachable(error.source) from error
            except (json.JSONDecodeError, RecursionError) as error:
                raise VectorServerError(f"{self.place} gave an answer that is not JSON") from error
            except ValueError as error:  # without a server: there is no such collection
                raise _MissingError(str(error)) from error
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _unreachable(self, error: Exception) -> VectorServerError:
        """Return the error of an answer that did not come, or that the client could not read."""
        if isinstance(error, ValueError):  # pydantic's
            return misunderstood(self.place)
        return unreachable(self.place, error, self._key)

    def _refused(self, status: int, said: str) -> Exception:
        if status == MISSING:
            return _MissingError(said)
        return refusal(self.place, status, said, "QDRANT_API_KEY", self._key)

    def _open(self) -> Any:
        with self._lock:
            if self._opened is None:
                try:
                    from qdrant_client import QdrantClient
                except ImportError as error:
                    raise UsageError(
                        "Qdrant needs the package qdrant-client",
                        hint=f"Install it: {install_command('qdrant')}",
                    ) from error
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # a key over HTTP is the user's choice
                    self._opened = QdrantClient(
                        url=self._url,
                        api_key=self._key or None,
                        timeout=int(SECONDS),
                        check_compatibility=False,
                        transport=bounded_transport(),
                    )
            return self._opened


class _MissingError(LookupError):
    """The collection is not there."""


_PAGE = 1_000


_STRANGE = "#"
"""What the name of a point begins with that somebody else has put there; its id follows."""


def _id(point: str) -> str | int:
    if point.startswith(_STRANGE):
        id = point.removeprefix(_STRANGE)
        return int(id) if id.isdecimal() else id
    return str(uuid.uuid5(_NAMES, point))


def _point(found: Any) -> str:
    """Return the name of a point, as far as it is one of ours."""
    told = found.payload or {}
    name = f"{told.get('chunk')}.{told.get('run')}"
    return name if str(found.id) == _id(name) else f"{_STRANGE}{found.id}"


def _payload(point: str, run: str, carried: Carried) -> dict[str, str]:
    told = {"chunk": point.rpartition(".")[0], "run": run}
    return {**told, FILE: carried.file} if carried.file else told


def _named_vectors(vector: list[float], carried: Carried) -> dict[str, Any]:
    if carried.sparse is None:
        return {DENSE: vector}
    return {DENSE: vector, SPARSE: _sparse(carried.sparse)}


def _sparse(vector: SparseBytes) -> Any:
    from qdrant_client import models

    terms, weights = vector
    return models.SparseVector(
        indices=np.frombuffer(terms, "<u4").tolist(),
        values=np.frombuffer(weights, "<f2").astype(np.float32).tolist(),
    )


def _bytes(vector: Any) -> SparseBytes | None:
    """Return a sparse vector as it was sent; ``None`` for one that is empty."""
    if vector is None or not vector.indices:
        return None
    terms = np.array(vector.indices, "<u4")
    order = np.argsort(terms, kind="stable")
    with np.errstate(over="ignore"):
        weights = np.array(vector.values, np.float32)[order].astype("<f2")
    return terms[order].tobytes(), weights.tobytes()


def _carried(found: Any) -> Carried:
    file = str((found.payload or {}).get(FILE, ""))
    return Carried(file, _bytes((found.vector or {}).get(SPARSE)))


def _filter(among: Sequence[str] | None, files: Sequence[str] | None) -> Any:
    from qdrant_client import models

    if files is not None:
        matches = models.MatchAny(any=list(files))
        return models.Filter(must=[models.FieldCondition(key=FILE, match=matches)])
    if among is not None:
        ids: list[Any] = [_id(point) for point in among]
        return models.Filter(must=[models.HasIdCondition(has_id=ids)])
    return None


def _upsert(client: Any, *, collection: str, batch: Any) -> None:
    client.upsert(collection, batch, wait=True)


def _update(client: Any, *, collection: str, batch: Any) -> None:
    client.update_vectors(collection, batch, wait=True)


def _scroll(client: Any, *, collection: str, following: Any) -> Any:
    return client.scroll(
        collection, limit=_PAGE, offset=following, with_payload=True, with_vectors=False
    )


def _delete(client: Any, *, collection: str, chosen: Any) -> None:
    client.delete(collection, chosen, wait=True)
