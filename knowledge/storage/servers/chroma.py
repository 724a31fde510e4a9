"""A Chroma server, by its HTTP interface (``/api/v2``, chromadb 1.5.9).

Own requests instead of ``chromadb.HttpClient``: that waits for an answer without end, and its
import takes longer than a question. What Chroma wants:

- At most ``max_batch_size`` rows a request (``/pre-flight-checks``), and a body that the server, or
  a proxy before it, takes: batches are cut by bytes, and halved at 413.
- Vectors travel as base64 of little-endian float32 where the server takes that; they come back as
  decimal numbers, exact for float32.
- Its search is HNSW, approximate: more is asked for than is wanted, since it looks as wide as it is
  asked for results.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge.errors import DamagedStoreError, VectorServerError
from knowledge.storage.servers.server import (
    MAX_RESULTS,
    MISSING,
    PASSING,
    PAUSES,
    SECONDS,
    Found,
    bounded_transport,
    misunderstood,
    refusal,
    understood,
    unreachable,
)
from knowledge.storage.store import REPAIR_INDEX

if TYPE_CHECKING:
    import httpx
    from numpy.typing import NDArray

TENANT, DATABASE = "default_tenant", "default_database"
WIDTH = 4_000
"""Least results that are asked for: over 40,000 random vectors, which are the worst case, recall@10
is .99 with 3,000 results, and .66 with 10."""
_BODY = 8 * 1024 * 1024
_MOST_ROWS = 2_000
_TOO_LARGE = 413


class ChromaServer:
    """A :class:`knowledge.storage.servers.server.VectorServer`.

    Parameters
    ----------
    place:
        As datasets remember it.
    url:
        The server's address, such as ``http://127.0.0.1:8000``.
    token:
        Sent as ``X-Chroma-Token``; empty for none.
    """

    def __init__(
        self,
        place: str,
        url: str,
        token: str = "",
        tenant: str = TENANT,
        database: str = DATABASE,
    ) -> None:
        self.place = place
        self._url = f"{url}/api/v2"
        self._database = f"/tenants/{tenant}/databases/{database}"
        self._token = token
        self._headers = {"X-Chroma-Token": token} if token else {}
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._facts: Mapping[str, Any] | None = None
        self._ids: dict[str, str] = {}

    @understood
    def ping(self) -> None:
        """Ask for what the server takes."""
        self._facts = None
        self._preflight()

    def carrying(self) -> None:
        """Return nothing: points here have a vector and their run alone."""

    @understood
    def create(self, collection: str, dimensions: int) -> None:  # noqa: ARG002
        """Make a collection; the first vectors tell Chroma their dimensions."""
        made = self._ask(
            "POST",
            f"{self._database}/collections",
            {
                "name": collection,
                "get_or_create": True,
                "configuration": {"hnsw": {"space": "cosine", "sync_threshold": 5_000}},
            },
        )
        self._ids[collection] = made["id"]

    @understood
    def drop(self, collection: str) -> None:
        """Remove a collection; one that is not there is fine."""
        self._ids.pop(collection, None)
        self._ask("DELETE", f"{self._database}/collections/{collection}", missing={})

    @understood
    def count(self, collection: str) -> int:
        """Return how many points a collection holds."""
        return int(self._on(collection, "GET", "count"))

    @understood
    def add(
        self, collection: str, points: Sequence[str], vectors: NDArray[np.float32], run: str
    ) -> None:
        """Write points, in batches that the server takes."""
        size = min(self._most_rows(), max(1, _BODY // (6 * vectors.shape[1] + 100)))
        for start in range(0, len(points), size):
            batch = slice(start, start + size)
            self._add(collection, points[batch], vectors[batch], run)

    def _add(
        self, collection: str, points: Sequence[str], vectors: NDArray[np.float32], run: str
    ) -> None:
        body = {
            "ids": list(points),
            "embeddings": self._encoded(vectors),
            "metadatas": [{"run": run}] * len(points),
        }
        try:
            self._on(collection, "POST", "upsert", body)
        except VectorServerError as error:
            if error.status != _TOO_LARGE or len(points) == 1:
                raise
            half = len(points) // 2
            self._add(collection, points[:half], vectors[:half], run)
            self._add(collection, points[half:], vectors[half:], run)

    @understood
    def delete(self, collection: str, points: Sequence[str]) -> None:
        """Remove points; those, and a collection, that are not there are passed over."""
        size = self._most_rows()
        for start in range(0, len(points), size):
            body = {"ids": list(points[start : start + size])}
            self._on(collection, "POST", "delete", body, missing={})

    @understood
    def delete_run(self, collection: str, run: str) -> None:
        """Remove all points that a run wrote, a page at a time."""
        chosen = {"where": {"run": run}, "limit": self._most_rows(), "include": []}
        before: list[str] = []
        while ids := self._on(collection, "POST", "get", chosen, missing={"ids": []})["ids"]:
            if ids == before:  # it would go on for ever
                raise misunderstood(self.place)
            self.delete(collection, ids)
            before = ids

    @understood
    def present(self, collection: str, points: Sequence[str]) -> int:
        """Return how many of some points are there."""
        body = {"ids": list(points), "include": []}
        return len(self._on(collection, "POST", "get", body)["ids"])

    @understood
    def fetch(
        self, collection: str, points: Sequence[str]
    ) -> tuple[list[str], NDArray[np.float32]]:
        """Return those of some points that are there, with their vectors."""
        body = {"ids": list(points), "include": ["embeddings"]}
        found = self._on(collection, "POST", "get", body)
        rows = np.asarray(found["embeddings"], np.float32)
        return found["ids"], rows.reshape(len(found["ids"]), -1 if found["ids"] else 0)

    def names(self, collection: str) -> Iterator[list[str]]:
        """Yield the names of all points in pages."""
        start, before = 0, [""]
        while ids := self._named(collection, start):
            if ids == before:
                raise misunderstood(self.place)
            yield ids
            start, before = start + len(ids), ids

    @understood
    def _named(self, collection: str, start: int) -> list[str]:
        page = {"limit": self._most_rows(), "offset": start, "include": []}
        return [*map(str, self._on(collection, "POST", "get", page)["ids"])]

    @understood
    def page(self, dimensions: int) -> int:
        """Return how many vectors make an answer of some megabytes."""
        return min(self._most_rows(), max(1, _BODY // (12 * dimensions + 100)))

    @understood
    def search(
        self,
        collection: str,
        vector: NDArray[np.float32],
        top_k: int,
        among: Sequence[str] | None = None,
    ) -> Found:
        """Return the nearest points; approximate, but searched :data:`WIDTH` wide."""
        body: dict[str, Any] = {
            "query_embeddings": [vector.tolist()],
            "n_results": min(max(top_k, WIDTH), MAX_RESULTS),
            "include": ["distances"],
        }
        if among is not None:
            body["ids"] = list(among)
        found = self._on(collection, "POST", "query", body)
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        near = [(id, min(1.0, max(-1.0, 1.0 - float(distance)))) for id, distance in pairs]
        return near[:top_k]

    def _most_rows(self) -> int:
        return min(_MOST_ROWS, int(self._preflight().get("max_batch_size") or _MOST_ROWS))

    def _preflight(self) -> Mapping[str, Any]:
        if self._facts is None:
            self._facts = self._ask("GET", "/pre-flight-checks")
        return self._facts

    def _encoded(self, vectors: NDArray[np.float32]) -> list[Any]:
        if not self._preflight().get("supports_base64_encoding"):
            listed: list[Any] = vectors.tolist()
            return listed
        rows = np.ascontiguousarray(vectors, "<f4")
        return [base64.b64encode(row.tobytes()).decode("ascii") for row in rows]

    def _on(
        self, collection: str, method: str, action: str, body: Any = None, *, missing: Any = None
    ) -> Any:
        """Ask for something of a collection; ``missing`` is the answer where there is none."""
        if collection not in self._ids:
            path = f"{self._database}/collections/{collection}"
            found = self._ask("GET", path, missing={})
            if not found:
                if missing is not None:
                    return missing
                raise self._lost(collection)
            self._ids[collection] = found["id"]
        path = f"{self._database}/collections/{self._ids[collection]}/{action}"
        answer = self._ask(method, path, body, missing=_NOTHING if missing is None else missing)
        if answer is _NOTHING:
            del self._ids[collection]
            raise self._lost(collection)
        return answer

    def _lost(self, collection: str) -> DamagedStoreError:
        return DamagedStoreError(
            f"{self.place} holds no collection {collection}", hint=REPAIR_INDEX
        )

    def _ask(self, method: str, path: str, body: Any = None, *, missing: Any = None) -> Any:
        """Return what the server answers; ``missing`` where it says 404, if that is given."""
        response = self._sent(method, path, body)
        if response.status_code == MISSING and missing is not None:
            return missing
        if response.status_code >= 400:
            raise self._refused(response)
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise VectorServerError(f"{self.place} gave an answer that is not JSON") from error

    def _sent(self, method: str, path: str, body: Any) -> httpx.Response:
        """Send a request, again where the failure may pass: each can be repeated harmlessly."""
        import httpx

        from knowledge.remote.transport import ReplyTooLargeError

        lasting = (httpx.ConnectError, httpx.TimeoutException, ReplyTooLargeError)
        content = None if body is None else json.dumps(body).encode()
        for pause in (*PAUSES, None):
            try:
                response = self._open().request(method, self._url + path, content=content)
            except httpx.HTTPError as error:
                if pause is None or isinstance(error, lasting):
                    raise unreachable(self.place, error, self._token) from error
            else:
                if pause is None or response.status_code not in PASSING:
                    return response
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _open(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                headers = {"Content-Type": "application/json", **self._headers}
                self._client = httpx.Client(
                    headers=headers, timeout=SECONDS, transport=bounded_transport()
                )
                weakref.finalize(self, self._client.close)
            return self._client

    def _refused(self, response: httpx.Response) -> VectorServerError:
        status = response.status_code
        try:
            said = str(json.loads(response.content).get("message", ""))
        except (ValueError, RecursionError, AttributeError):
            said = ""
        return refusal(self.place, status, said, "CHROMA_API_KEY", self._token)


_NOTHING = object()
