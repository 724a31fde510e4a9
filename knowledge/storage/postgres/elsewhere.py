"""The versions of a dataset's vectors on a server: a row with a mark for each."""

from __future__ import annotations

from knowledge.storage.postgres import marks
from knowledge.storage.postgres.sweeping import Versions
from knowledge.storage.postgres.versions import CANDIDATE, VersionHold, listed, version_of
from knowledge.storage.servers.marks import Mark
from knowledge.storage.servers.points import Points


class PostgresMarks(Versions):
    """The marks of one dataset's versions: :class:`knowledge.storage.servers.marks.Marks`."""

    home = "in the database"

    def is_there(self, version: int) -> bool:
        """Return whether there is such a version."""
        with self._writing() as session:
            return version_of(session, self.key, version) is not None

    def read(self, version: int) -> Mark | None:
        """Return a version's mark; ``None`` where it is not there, or on no server."""
        with self._writing() as session:
            found = version_of(session, self.key, version)
        return marks.mark_of(found) if found is not None else None

    def stranger(self, version: int) -> str:
        """Return whose version it is, in words; empty where it is the dataset's own."""
        with self._writing() as session:
            found = version_of(session, self.key, version)
        if found is None:
            return ""
        key, generation = found.facts.get("key"), found.facts.get("generation")
        ours = (key, generation) == (self.key, version)
        return "" if ours else f"it belongs to {key!r}, generation {generation}"

    def is_own(self, version: int) -> bool:
        """Return whether a version was written here, and not in tables that these are a copy of."""
        with self._writing() as session:
            found = version_of(session, self.key, version)
            return found is None or marks.is_own(session, found)

    def points(self, version: int, mark: Mark) -> Points:
        """Return the points of a version; none of one that is not there."""
        with self._writing() as session:
            found = version_of(session, self.key, version)
            return marks.read_points(session, found, mark) if found is not None else Points()

    def hold(self, version: int) -> VersionHold:
        """Hold a version, which is not swept meanwhile."""
        return VersionHold(self._sessions, self.key, version)

    def begin(self, mark: Mark) -> None:
        """Note the candidate, on the disk when this returns."""
        with self._writing() as session:
            self._make_way(session, CANDIDATE)
            marks.note_candidate(session, self.key, CANDIDATE, mark)

    def check(self) -> None:
        """Raise where the connection is lost that holds the dataset's lock."""
        if self._session is not None:
            self._session.rows("SELECT 1")

    def note(self, mark: Mark, points: Points) -> None:
        """List the candidate's points."""
        with self._writing() as session:
            marks.write_points(session, self.key, CANDIDATE, mark, points)

    def all(self) -> list[Mark]:
        """Return the marks of all versions, the candidate left out."""
        with self._writing() as session:
            versions = [one for one in listed(session, self.key) if one.version > CANDIDATE]
        return [mark for one in versions if (mark := marks.mark_of(one)) is not None]
