"""Versions whose vectors a server keeps: what their rows say of it, and their lists of points.

The mark is a column of ``versions``; the list is an array of numpy's in parts, in
``version_points``. A mark also names the database and the table in which it was written: a copy of
them, as ``pg_dump`` makes one, reads the points of the original, but never removes one.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError
from knowledge.storage.postgres.session import Session
from knowledge.storage.postgres.versions import Version, listed, version_of
from knowledge.storage.servers import marks
from knowledge.storage.servers.marks import Listed, Mark
from knowledge.storage.servers.points import Carries, Points, packed, unpacked
from knowledge.storage.store import REPAIR_INDEX

if TYPE_CHECKING:
    from knowledge.storage.servers.connections import Servers

_PART = 4 << 20
"""Bytes of a part of a list."""
_OWN = (
    "SELECT (SELECT oid FROM pg_database WHERE datname = current_database())::text || '.' || "
    "to_regclass('versions')::oid::text, "
    "has_function_privilege('pg_control_system()', 'EXECUTE')"
)


def mark_of(version: Version) -> Mark | None:
    """Return a version's mark; ``None`` where no server keeps its vectors.

    Raises
    ------
    DamagedStoreError
        It can't be read.
    """
    if version.told is None:
        return None
    try:
        told = version.told["mark"]
        return Mark(**{**told, "collections": tuple(told["collections"])})
    except (TypeError, LookupError) as error:
        raise DamagedStoreError(
            f"the mark of version {version.version} of the index can't be read", hint=REPAIR_INDEX
        ) from error


def owner(session: Session) -> dict[str, str]:
    """Return what tells these tables from a copy that ``pg_dump`` made of them.

    The server's own number is empty for a role that may not ask for it.
    """
    tables, may_ask = session.one(_OWN)
    server = ""
    if may_ask:
        [server] = session.one("SELECT system_identifier::text FROM pg_control_system()")
    return {"tables": tables, "server": server}


def is_own(session: Session, version: Version) -> bool:
    """Return whether a version was written here, and not in tables of which these are a copy."""
    if version.told is None:
        return True
    ours, written = owner(session), version.told.get("owner") or {}
    servers = {ours["server"], written.get("server", "")} - {""}
    return ours["tables"] == written.get("tables") and len(servers) <= 1


def note_candidate(session: Session, key: str, number: int, mark: Mark) -> None:
    """Note a candidate, on the disk when this returns."""
    with session.transaction(durable=True):
        session.change(
            "INSERT INTO versions (key, version, run, vectors, facts, mark) "
            "VALUES (?, ?, 0, 0, '{}', ?)",
            (key, number, _told(session, mark, Carries())),
        )


def write_points(session: Session, key: str, number: int, mark: Mark, points: Points) -> None:
    """List the points of a candidate, and note its mark with their checksum."""
    content = packed(points.rows)
    mark = replace(mark, checksum=zlib.crc32(content))
    with session.transaction():
        [id] = session.one(
            "UPDATE versions SET vectors = ?, mark = ? WHERE key = ? AND version = ? RETURNING id",
            (mark.vectors, _told(session, mark, points.carries), key, number),
        )
        session.change("DELETE FROM version_points WHERE version = ?", (id,))
        session.change_many(
            "INSERT INTO version_points (version, part, content) VALUES (?, ?, ?)",
            [
                (id, part, content[start : start + _PART])
                for part, start in enumerate(range(0, len(content), _PART))
            ],
        )


def read_points(session: Session, version: Version, mark: Mark) -> Points:
    """Return the points of a version.

    Raises
    ------
    DamagedStoreError
        The list is not what was written.
    """
    parts = session.rows(
        "SELECT content FROM version_points WHERE version = ? ORDER BY part", (version.id,)
    )
    try:
        rows = unpacked(b"".join(content for (content,) in parts), mark.checksum)
        return Points(rows, Carries(**(version.told or {})["carries"]))
    except (ValueError, TypeError, LookupError) as error:
        raise DamagedStoreError(
            f"the points of version {version.version} of the index can't be read: {error}",
            hint=REPAIR_INDEX,
        ) from error


def retire(session: Session, key: str, id: int, servers: Servers) -> None:
    """Retire a version, if it is one on a server and written here; see :func:`marks.retire`."""
    one, others = _among(session, key, id)
    if one is not None:
        marks.retire(one, others, servers)


def retired(key: str, servers: Servers | None, session: Session, id: int) -> bool:
    """Retire a version as far as that is possible; tell whether its row may go now."""
    one, others = _among(session, key, id)
    return one is None or marks.retired(one, others, servers)


def strays(session: Session, key: str, number: int, servers: Servers) -> list[str]:
    """Return what no version has beside a published one; see :func:`marks.strays`."""
    one, others = _among(session, key, _id(session, key, number))
    return marks.strays(one, others, servers) if one is not None else []


def forget_strays(session: Session, key: str, number: int, servers: Servers) -> None:
    """Have the server forget what :func:`strays` returns; raises as that does."""
    one, others = _among(session, key, _id(session, key, number))
    if one is not None:
        marks.forget_strays(one, others, servers)


def _id(session: Session, key: str, number: int) -> int | None:
    found = version_of(session, key, number)
    return found.id if found is not None else None


def _among(session: Session, key: str, id: int | None) -> tuple[Listed | None, Sequence[Listed]]:
    """Return a version that is on a server and was written here, and all others that are.

    Nobody knows what was where a mark can't be read any more; such a version holds nothing up.
    """
    found: dict[int, Listed] = {}
    for version in listed(session, key):
        with contextlib.suppress(DamagedStoreError):
            mark = mark_of(version)
            if mark is not None and is_own(session, version):
                found[version.id] = Listed(mark, partial(read_points, session, version, mark))
    one = found.pop(id, None) if id is not None else None
    return one, [*found.values()]


def _told(session: Session, mark: Mark, carries: Carries) -> str:
    told = {"mark": asdict(mark), "carries": asdict(carries), "owner": owner(session)}
    return json.dumps(told)
