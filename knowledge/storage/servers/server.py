"""What a server of vectors does for us: named points with unit vectors, in collections.

A point is ``<chunk id>.<run>``: the run that wrote it is part of its name, so no run ever
overwrites what an earlier one published. Which points belong to which version of an index is not
the server's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from knowledge.errors import VectorServerError
from knowledge.text.masking import scrubbed

if TYPE_CHECKING:
    from typing import Protocol

    import httpx
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.changes import SparseBytes
else:
    Protocol = object

Given = ParamSpec("Given")
Result = TypeVar("Result")

Found = list[tuple[str, float]]
"""(point, cosine), most similar first."""
MAX_RESULTS = 30_000
"""Most results, or points to search among, of one request."""
SECONDS = 120.0
"""That a request and its answer may take as a whole."""
CONNECT_SECONDS = 5.0
"""That are waited for a connection."""
MOST_BYTES = 128 << 20
"""Of an answer: several times what is asked for at once."""
PAUSES = (0.2, 1.0)
"""Seconds before a request is sent again whose failure may pass."""
PASSING = frozenset({429, 502, 503, 504})
"""Statuses of such a failure."""
MISSING = 404
_UNAUTHORISED = frozenset({401, 403})


def refusal(place: str, status: int, said: str, variable: str, key: str) -> VectorServerError:
    """Return the error of a status that will not pass; ``variable`` holds the server's key.

    A server may repeat the key in what it says.
    """
    if status in _UNAUTHORISED:
        return VectorServerError(
            f"{place} refuses the key, or wants one ({status})",
            hint=f"Set {variable} to a key that it takes.",
            status=status,
        )
    return VectorServerError(f"{place} answers {status}: {scrubbed(said, [key])}", status=status)


def unreachable(place: str, error: Exception, key: str) -> VectorServerError:
    """Return the error of an answer that did not come, or is too large; it may quote it."""
    from knowledge.remote.transport import ReplyTooLargeError

    if isinstance(error, ReplyTooLargeError):
        return VectorServerError(f"{place} {error}")
    said = scrubbed(str(error), [key]) or type(error).__name__
    return VectorServerError(f"{place} can't be reached: {said}")


def bounded_transport() -> httpx.BaseTransport:
    """Return what sends requests whose answers are bounded in bytes, and in time as a whole."""
    from knowledge.remote.transport import BoundedTransport

    return BoundedTransport(SECONDS, MOST_BYTES, connect=CONNECT_SECONDS)


def misunderstood(place: str) -> VectorServerError:
    """Return the error of an answer that is not what was asked for."""
    return VectorServerError(
        f"{place} gave an answer of another form than expected",
        hint="Is it such a server, of a version that is supported?",
    )


_ODD = (LookupError, TypeError, ValueError, AttributeError, OverflowError, AssertionError)
"""What comes of an answer that lacks something; qdrant-client asserts that there is one."""


def understood(
    method: Callable[Concatenate[Any, Given], Result],
) -> Callable[Concatenate[Any, Given], Result]:
    """Have a method of a server raise ``VectorServerError`` for an answer of another form.

    What a method looks for in an answer may not be there, or be something else, whatever the
    status said.
    """

    @wraps(method)
    def checked(self: Any, /, *given: Given.args, **named: Given.kwargs) -> Result:
        try:
            return method(self, *given, **named)
        except _ODD as error:
            raise misunderstood(self.place) from error

    return checked


@dataclass(frozen=True, slots=True)
class Carried:
    """What a point has beside its vector: the id of the chunk's file, and a sparse vector."""

    file: str = ""
    sparse: SparseBytes | None = None


class VectorServer(Protocol):
    """One server; its methods may be called from several threads.

    Each raises ``VectorServerError`` where the server can't be reached, or fails; those that read
    raise ``DamagedStoreError`` where the collection is not there.
    """

    place: str
    """Its address, by which datasets remember it; no key is part of it."""

    def ping(self) -> None:
        """Raise where the server can't be reached."""

    def carrying(self) -> CarryingServer | None:
        """Return itself where points may carry more than a vector; else ``None``."""

    def create(self, collection: str, dimensions: int) -> None:
        """Make a collection; one of this name that is there already stays."""

    def drop(self, collection: str) -> None:
        """Remove a collection with all in it; one that is not there is fine."""

    def count(self, collection: str) -> int:
        """Return how many points a collection holds."""

    def add(
        self, collection: str, points: Sequence[str], vectors: NDArray[np.float32], run: str
    ) -> None:
        """Write points, durable when this returns; vectors have shape (len(points), dimensions)."""

    def delete(self, collection: str, points: Sequence[str]) -> None:
        """Remove points; those, and a collection, that are not there are passed over."""

    def delete_run(self, collection: str, run: str) -> None:
        """Remove all points that a run wrote; a collection that is not there is passed over."""

    def present(self, collection: str, points: Sequence[str]) -> int:
        """Return how many of some points are there."""

    def fetch(
        self, collection: str, points: Sequence[str]
    ) -> tuple[list[str], NDArray[np.float32]]:
        """Return those of some points that are there, with their vectors, in any order."""

    def names(self, collection: str) -> Iterator[list[str]]:
        """Yield the names of all points in pages, none empty."""

    def page(self, dimensions: int) -> int:
        """Return how many vectors to ask for at once."""

    def search(
        self,
        collection: str,
        vector: NDArray[np.float32],
        top_k: int,
        among: Sequence[str] | None = None,
    ) -> Found:
        """Return the nearest points to a unit vector, at most :data:`MAX_RESULTS`.

        ``among`` names as many points at most; ``None`` is all.
        """


class CarryingServer(VectorServer, Protocol):
    """A server whose points carry the id of their file and a sparse vector, and are found by these.

    In searches ``files`` are the ids of up to :data:`MAX_RESULTS` files, whose points may be found.
    """

    def add(
        self,
        collection: str,
        points: Sequence[str],
        vectors: NDArray[np.float32],
        run: str,
        carried: Sequence[Carried] = (),
    ) -> None:
        """Write points with what each carries, where it is given."""

    def takes_sparse(self, collection: str) -> bool:
        """Return whether the points of a collection can carry sparse vectors."""

    def add_sparse(
        self, collection: str, points: Sequence[str], vectors: Sequence[SparseBytes]
    ) -> None:
        """Give points that are there a sparse vector each; raise where one is not there."""

    def carried(self, collection: str, points: Sequence[str]) -> Mapping[str, Carried]:
        """Return what some points carry, of those that are there."""

    def search(
        self,
        collection: str,
        vector: NDArray[np.float32],
        top_k: int,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
    ) -> Found:
        """Return the nearest points to a unit vector, at most :data:`MAX_RESULTS`."""

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

    def name(self, alias: str, collection: str) -> None:
        """Let another name stand for a collection, and for no other any more."""
