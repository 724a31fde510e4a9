"""The versions of a dataset's vectors: rows of ``versions``, and what they show of their tables.

A version whose vectors a server keeps has no table, but a mark; see :mod:`marks`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from knowledge.errors import DamagedStoreError, KnowledgeError, LockedError, StoreServerError
from knowledge.storage.postgres.session import Session, Sessions, number_of
from knowledge.storage.store import REPAIR_INDEX

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Answer = TypeVar("Answer")

PAGE = 2_000
CANDIDATE = 0
"""The number of the version that nobody can see."""


@dataclass(frozen=True, slots=True)
class Version:
    """A row of ``versions`` with that of its table; ``number`` is that table's, if there is one.

    ``told`` is what the row says of a server that keeps the vectors; nothing where none does.
    """

    id: int
    version: int
    run: int
    vectors: int
    number: int | None
    dimensions: int
    facts: Mapping[str, Any]
    told: Mapping[str, Any] | None = None

    @property
    def table(self) -> str:
        """The table's name."""
        return f"vectors_{self.number}"

    @property
    def shown(self) -> str:
        """SQL: the rows that this version shows."""
        return f"added <= {self.run} AND (removed IS NULL OR removed > {self.run})"


def fetched(
    session: Session, version: Version, ids: Sequence[str]
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """Yield ids and vectors in pages, for those of some ids that a version shows, none empty."""
    for start in range(0, len(ids) if version.number else 0, PAGE):
        found = session.rows(
            f"SELECT id, vector FROM {version.table} WHERE id = ANY(?) AND {version.shown}",
            (list(ids[start : start + PAGE]),),
        )
        if found:
            yield [id for id, _ in found], _unpacked([vector for _, vector in found])


def owned(session: Session, key: str, number: int) -> Version:
    """Return a version.

    Raises
    ------
    DamagedStoreError
        It is missing, or belongs to another dataset or version.
    """
    found = version_of(session, key, number)
    if found is None:
        raise DamagedStoreError(f"version {number} of the index is missing", hint=REPAIR_INDEX)
    told = (found.facts.get("key"), found.facts.get("generation"))
    if told != (key, number):
        raise DamagedStoreError(
            f"the index belongs to {told[0]!r}, generation {told[1]}", hint=REPAIR_INDEX
        )
    return found


def version_of(session: Session, key: str, number: int) -> Version | None:
    """Return a version; ``None`` where it is not there."""
    found = [one for one in listed(session, key, number) if number > CANDIDATE]
    return found[0] if found else None


def listed(session: Session, key: str, number: int | None = None) -> list[Version]:
    """Return all versions of a dataset, the candidate too, or those of a number, in order."""
    rows = session.rows(
        "SELECT versions.id, version, run, vectors, vector_table, coalesce(dimensions, 0), facts, "
        "mark FROM versions LEFT JOIN vector_tables ON vector_tables.id = vector_table "
        "WHERE versions.key = ? AND version = coalesce(?::integer, version) ORDER BY version",
        (key, number),
    )
    return [_version(*row) for row in rows]


def _version(
    id: int,
    version: int,
    run: int,
    vectors: int,
    table: int | None,
    dimensions: int,
    facts: str,
    mark: str | None,
) -> Version:
    told = json.loads(mark) if mark else None
    return Version(id, version, run, vectors, table, dimensions, json.loads(facts), told)


def held(session: Session, key: str, number: int) -> Version:
    """Hold a version, so that nobody sweeps it, and return it."""
    found = owned(session, key, number)
    lock = _hold_number(session, found.id)
    if session.one("SELECT pg_try_advisory_lock_shared(?)", (lock,))[0]:
        return owned(session, key, number)  # it may have gone before it was held
    raise DamagedStoreError(f"version {number} of the index is being removed", hint=REPAIR_INDEX)


def let_go(session: Session, id: int) -> None:
    """Let go of a version that was held."""
    session.rows("SELECT pg_advisory_unlock_shared(?)", (_hold_number(session, id),))


def _hold_number(session: Session, id: int) -> int:
    return number_of("version", session.address.schema, str(id))


class VersionHold:
    """A version that nobody sweeps until this is released.

    All who read vectors of a store share a connection, which holds what they hold; where it is
    lost, another one takes its place.

    Raises
    ------
    DamagedStoreError
        The version is missing, being removed, or another dataset's.
    """

    def __init__(self, sessions: Sessions, key: str, number: int) -> None:
        self._sessions = sessions
        self._key = key
        self._number = number
        self._session: Session | None = None
        self._open = True
        sessions.join()
        try:
            with sessions.reading() as session:
                self._hold(session)
        except BaseException:
            sessions.leave()
            raise

    def ask(self, ask: Callable[[Session], Answer]) -> Answer:
        """Ask, and once more by another connection where that is lost.

        Raises
        ------
        DamagedStoreError
            The version was swept while no connection held it.
        """
        with self._sessions.reading() as session:
            try:
                return self._asked(ask, session)
            except StoreServerError:
                if session.is_open:
                    raise
        with self._sessions.reading() as session:
            return self._asked(ask, session)

    def renew(self) -> None:
        """See that it is still held; raises as :meth:`ask` does."""
        self.ask(lambda session: session.rows("SELECT 1"))

    def release(self) -> None:
        """Let it be swept; a second call does nothing."""
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(KnowledgeError), self._sessions.reading() as session:
            if session is self._session:
                let_go(session, self.version.id)
        self._sessions.leave()

    def _hold(self, session: Session) -> None:
        self.version = held(session, self._key, self._number)
        self._session = session

    def _asked(self, ask: Callable[[Session], Answer], session: Session) -> Answer:
        if session is not self._session:
            self._hold(session)
        return ask(session)


def drop(
    session: Session, key: str, ids: Sequence[int], free: Callable[[Session, int], bool]
) -> None:
    """Drop those of some versions that nobody holds, and all vectors that none shows.

    Parameters
    ----------
    free:
        Removes what a server keeps of a version, and tells whether it may go.
    """
    for id in ids:
        number = _hold_number(session, id)
        if not session.one("SELECT pg_try_advisory_lock(?)", (number,))[0]:
            continue
        try:
            if free(session, id):
                session.change("DELETE FROM versions WHERE id = ?", (id,))
        finally:
            session.rows("SELECT pg_advisory_unlock(?)", (number,))
    undo(session, key)


def undo(session: Session, key: str) -> None:
    """Remove all vectors that no version shows, and tables without a version."""
    tables = session.rows(
        "SELECT vector_tables.id, array_agg(run) FILTER (WHERE run IS NOT NULL) "
        "FROM vector_tables LEFT JOIN versions ON vector_table = vector_tables.id "
        "WHERE vector_tables.key = ? GROUP BY vector_tables.id",
        (key,),
    )
    for number, runs in tables:
        if runs and not exists(session, f"vectors_{number}"):
            continue  # it was lost, and is missed by whoever looks
        if runs:
            _forget(session, f"vectors_{number}", sorted(runs))
            continue
        with contextlib.suppress(LockedError), session.transaction():
            session.script("SET LOCAL lock_timeout = '2s'")  # who reads it has not held it
            session.script(f"DROP TABLE IF EXISTS vectors_{number}")
            session.change("DELETE FROM vector_tables WHERE id = ?", (number,))


def exists(session: Session, relation: str) -> bool:
    """Return whether there is a table, or an index."""
    return bool(session.one("SELECT to_regclass(?) IS NOT NULL", (relation,))[0])


def _forget(session: Session, table: str, runs: Sequence[int]) -> None:
    """Delete the rows that none of some runs shows, and undo what an unpublished one removed."""
    last = runs[-1]
    shown = " OR ".join(f"(added <= {run} AND removed > {run})" for run in runs)
    with session.transaction():
        session.change(f"DELETE FROM {table} WHERE added > ?", (last,))
        session.change(f"UPDATE {table} SET removed = NULL WHERE removed > ?", (last,))
        session.change(f"DELETE FROM {table} WHERE removed IS NOT NULL AND NOT ({shown})")


def damage(session: Session, version: Version, ids: Sequence[str], dimensions: int | None) -> str:
    """Return what is wrong with a version, in words."""
    held: list[str] = []
    if version.number:
        if not exists(session, version.table):
            return "its table is missing"
        rows = session.rows(f"SELECT id FROM {version.table} WHERE {version.shown}")
        held = [id for (id,) in rows]
    known, wanted = set(held), set(ids)
    if missing := len(wanted - known):
        return f"{missing} of {len(wanted)} chunks have no vector"
    if others := len(held) - len(wanted):
        return f"{others} vectors belong to no chunk"
    if not held:
        return ""
    [broken] = session.one(
        f"SELECT count(*) FROM {version.table} "
        f"WHERE {version.shown} AND NOT abs(vector_norm(vector) - 1) < 1e-3"
    )
    if broken:
        return f"{broken} of {len(wanted)} vectors are not of unit length"
    if dimensions not in (None, version.dimensions):
        return f"its vectors have {version.dimensions} dimensions, the model's {dimensions}"
    return ""


def _unpacked(vectors: Sequence[bytes]) -> NDArray[np.float32]:
    """Return vectors that ``vector_send`` wrote, as rows."""
    import numpy as np

    rows = np.frombuffer(b"".join(vectors), np.uint8).reshape(len(vectors), -1)
    return rows[:, 4:].copy().view(">f4").astype(np.float32)
