"""What a store notes of versions whose vectors a server keeps: a mark, and a list of points.

A version is a set of points of one collection. Its mark names the place and the collection, so that
a dataset remembers where its vectors are; its list says which points are its own. Both lie where
the store keeps its versions, and are held, published and swept there as vectors of its own are.
Whoever removes them first has the server forget what no other version has (:func:`retire`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knowledge.errors import DamagedStoreError, VectorServerError

if TYPE_CHECKING:
    from typing import Protocol

    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.servers.points import Points
    from knowledge.storage.servers.server import VectorServer
else:
    Protocol = object

_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the vectors of a version, or of a candidate, are.

    Parameters
    ----------
    place:
        The server's address.
    collections:
        The collection; of a candidate, all that its run may have written to.
    run:
        Name of the run that wrote, or writes, to them.
    candidate:
        True where the points are not listed yet.
    dimensions:
        Of the vectors; 0 where there are none.
    vectors:
        How many there are.
    checksum:
        CRC-32 of the list of points.
    """

    place: str
    collections: tuple[str, ...]
    run: str
    candidate: bool = False
    dimensions: int = 0
    vectors: int = 0
    checksum: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A version, or a candidate, with what reads its list of points.

    That raises :class:`DamagedStoreError` where the list can't be read.
    """

    mark: Mark
    points: Callable[[], Points]


class Held(Protocol):
    """A version that is not swept before it is released."""

    def renew(self) -> None:
        """See that it is still held.

        Raises
        ------
        DamagedStoreError
            It is not, and was swept meanwhile.
        """

    def release(self) -> None:
        """Let it be swept; a second call does nothing."""


class Marks(Protocol):
    """The marks of one dataset's versions, with their lists of points; 0 is the candidate's number.

    Where the store's own kind of vectors is swept, so are versions on servers.
    """

    key: str
    """The dataset's."""
    home: str
    """Where the store keeps vectors itself, in words."""

    def is_there(self, version: int) -> bool:
        """Return whether there is such a version, on a server or not."""

    def read(self, version: int) -> Mark | None:
        """Return a version's mark; ``None`` where it is not there, or on no server.

        Raises
        ------
        DamagedStoreError
            It can't be read.
        """

    def stranger(self, version: int) -> str:
        """Return whose version it is, in words; empty where it is the dataset's own."""

    def is_own(self, version: int) -> bool:
        """Return whether nobody else may have the points of a version: a copy of the store may."""

    def points(self, version: int, mark: Mark) -> Points:
        """Return the points of a version.

        Raises
        ------
        DamagedStoreError
            The list is not what was written.
        """

    def hold(self, version: int) -> Held:
        """Hold a version.

        Raises
        ------
        DamagedStoreError
            It is missing.
        """

    def begin(self, mark: Mark) -> None:
        """Note the candidate, durably, in place of a former one, whose points are forgotten."""

    def check(self) -> None:
        """Raise where the right to write to the dataset was lost meanwhile."""

    def note(self, mark: Mark, points: Points) -> None:
        """List the candidate's points."""

    def publish(self, version: int, facts: Mapping[str, Any]) -> None:
        """Give the candidate the number of a version, durably; see :class:`VectorIndex`."""

    def sweep(self, published: int, *, previous: bool = True) -> None:
        """Drop the candidate and old versions; see :class:`VectorIndex`."""

    def remove(self) -> bool:
        """Drop all versions that nobody holds; return whether all are gone."""

    def size(self, version: int | None = None) -> int:
        """Return the bytes of a version, or of all, without those on servers."""

    def all(self) -> list[Mark]:
        """Return the marks of all versions, as far as they can be read."""


def told_elsewhere(key: str, place: str, wanted: str) -> str:
    """Say that a dataset's vectors are not where the setting wants them."""
    return f"the vectors of dataset {key} are {place}, not {wanted}"


def retire(one: Listed, others: Sequence[Listed], servers: Servers) -> None:
    """Have the server forget what no other version of the dataset has; the list goes next.

    Raises
    ------
    VectorServerError
        The server can't be reached, or fails; nothing that is needed was removed.
    DamagedStoreError
        A list of points can't be read.
    """
    mark = one.mark
    server = servers.at(mark.place)
    for collection in mark.collections:
        users = _users(mark.place, collection, others)
        if not users:
            server.drop(collection)
        elif mark.candidate:
            server.delete_run(collection, mark.run)
        else:
            listed = [user.points() for user in users if not user.mark.candidate]
            _forget(server, collection, one.points().without(listed))


def retired(one: Listed, others: Sequence[Listed], servers: Servers | None) -> bool:
    """Retire a version as far as that is possible; tell whether its list may go now."""
    if servers is None:
        return False
    try:
        retire(one, others, servers)
    except (VectorServerError, DamagedStoreError):
        return False  # it stays, and `gc` comes back to it
    return True


def strays(one: Listed, others: Sequence[Listed], servers: Servers) -> list[str]:
    """Return the points beside those of a version that no version of the dataset has.

    What a killed run had sent may reach the server after its points were forgotten. The caller
    holds the dataset's lock, so that nobody writes.

    Raises
    ------
    VectorServerError
        The server can't be reached, or fails.
    DamagedStoreError
        A list of points can't be read, or the collection is not there.
    """
    mark = one.mark
    if not mark.collections:
        return []
    [collection] = mark.collections
    users = _users(mark.place, collection, others)
    if any(user.mark.candidate for user in users):
        return []  # it goes first, with what it wrote
    listed = [user.points() for user in (one, *users)]
    server = servers.at(mark.place)
    known = {name for points in listed for page in points.all(_PAGE) for name in page}
    if server.count(collection) == len(known):
        return []
    return [name for page in server.names(collection) for name in page if name not in known]


def forget_strays(one: Listed, others: Sequence[Listed], servers: Servers) -> None:
    """Have the server forget what :func:`strays` returns; raises as that does."""
    if found := strays(one, others, servers):
        servers.at(one.mark.place).delete(one.mark.collections[0], found)


def _users(place: str, collection: str, listed: Sequence[Listed]) -> list[Listed]:
    """Return those that have points in a collection."""
    return [one for one in listed if one.mark.place == place and collection in one.mark.collections]


def _forget(server: VectorServer, collection: str, points: Points) -> None:
    for page in points.all(_PAGE):
        server.delete(collection, page)
