"""The rows of one dataset's versions, wherever their vectors lie: publishing and dropping them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from knowledge.storage.postgres.marks import retired
from knowledge.storage.postgres.session import Session, Sessions
from knowledge.storage.postgres.versions import CANDIDATE, drop, listed, undo, version_of

if TYPE_CHECKING:
    from knowledge.storage.servers.connections import Servers

_ROW = 80
"""Bytes of a row besides its vector, with its place in the index of ids."""


class Versions:
    """The versions of one dataset.

    Parameters
    ----------
    session:
        The connection that writes: that which holds the dataset's lock, so that who lost the lock
        writes no more. Default: one for each call.
    servers:
        Give the servers on which versions may have their vectors.
    """

    def __init__(
        self,
        sessions: Sessions,
        key: str,
        session: Session | None = None,
        servers: Servers | None = None,
    ) -> None:
        self.key = key
        self._sessions = sessions
        self._session = session
        self._retired = partial(retired, key, servers)

    def publish(self, version: int, facts: Mapping[str, Any]) -> None:
        """Give the candidate the number of a version; it is on the disk when this returns."""
        with self._writing() as session:
            self._make_way(session, version)  # a killed publish left it
            with session.transaction(durable=True):
                session.change(
                    "UPDATE versions SET version = ?, facts = ? WHERE key = ? AND version = ?",
                    (version, json.dumps(facts, ensure_ascii=False), self.key, CANDIDATE),
                )

    def sweep(self, published: int, *, previous: bool = True) -> None:
        """Drop the candidate and old versions: all but ``published``, the one before (with
        ``previous``), and those that a reader holds."""
        with self._writing() as session:
            there = listed(session, self.key)
            before = [one.version for one in there if CANDIDATE < one.version < published][-1:]
            kept = {published, *(before if previous else ())} - {0}
            swept = [one.id for one in there if one.version not in kept]
            drop(session, self.key, swept, self._retired)

    def others(self, published: int) -> list[int]:
        """Return the numbers of the versions that are not published; 0 and less are candidates."""
        with self._writing() as session:
            numbers = [one.version for one in listed(session, self.key)]
        return [number for number in numbers if number <= CANDIDATE or number != published]

    def is_on_server(self, version: int) -> bool:
        """Return whether a server keeps the vectors of a published version."""
        with self._writing() as session:
            found = version_of(session, self.key, version)
        return found is not None and found.told is not None

    def drop(self, version: int) -> bool:
        """Drop a version that nobody holds; return whether it is gone."""
        with self._writing() as session:
            ids = [one.id for one in listed(session, self.key, version)]
            drop(session, self.key, ids, self._retired)
            return not listed(session, self.key, version)

    def remove(self) -> bool:
        """Drop all versions, but for those that a reader holds; return whether all are gone."""
        self.sweep(0)
        with self._writing() as session:
            [left] = session.one(
                "SELECT EXISTS (SELECT 1 FROM vector_tables WHERE key = ?) "
                "OR EXISTS (SELECT 1 FROM versions WHERE key = ?)",
                (self.key, self.key),
            )
        return not left

    def size(self, version: int | None = None) -> int:
        """Return the bytes of a version, or of all, without those on servers."""
        with self._writing() as session:
            [points] = session.one(
                "SELECT coalesce(sum(length(content)), 0)::bigint FROM version_points "
                "JOIN versions ON versions.id = version_points.version "
                "WHERE key = ? AND versions.version = coalesce(?::integer, versions.version)",
                (self.key, version),
            )
            if version is not None:
                found = version_of(session, self.key, version)
                if found is None or not found.number:
                    return int(points)
                return int(points) + found.vectors * (4 * found.dimensions + _ROW)
            sizes = session.rows(
                "SELECT pg_total_relation_size(to_regclass('vectors_' || id)) FROM vector_tables "
                "WHERE key = ?",
                (self.key,),
            )
        return int(points) + sum(size or 0 for (size,) in sizes)

    def _make_way(self, session: Session, number: int) -> None:
        """See that no row has the number of the candidate, or of what is to be published.

        What its server can't be asked to forget now, ``gc`` comes back to.
        """
        for one in listed(session, self.key, number):
            if self._retired(session, one.id):
                session.change("DELETE FROM versions WHERE id = ?", (one.id,))
            else:
                session.change("UPDATE versions SET version = -id WHERE id = ?", (one.id,))
        if number == CANDIDATE:
            undo(session, self.key)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Session]:
        if self._session is not None:
            yield self._session
            return
        with self._sessions.lent() as session:
            yield session
