"""Locks as Postgres's advisory ones: a session holds them, and they end with it.

That of a dataset is held by whoever writes to it. That of the whole store is shared by all that are
connected, so that nobody empties it meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from knowledge.errors import KnowledgeError, LockedError
from knowledge.storage.holder import ANOTHER, this_process, told_holder
from knowledge.storage.postgres.session import Session, number_of

if TYPE_CHECKING:
    from knowledge.storage.store import Notify

ANNOUNCE_AFTER = 0.5
"""Seconds; shorter waits are not worth a word."""
_POLL = 0.05
_HELD = (
    "locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND classid = ?::bigint::oid AND objid = ?::bigint::oid "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""SQL: the rows of ``pg_locks`` of an advisory lock, given its :func:`_halves`."""


@contextlib.contextmanager
def write_lock(
    session: Session, key: str, name: str, timeout: float, notify: Notify
) -> Iterator[None]:
    """Hold the lock of the dataset with a key.

    Parameters
    ----------
    name:
        The dataset's, for messages.
    timeout:
        Seconds to wait; 0 is one try.
    notify:
        Told once whom we wait for.

    Raises
    ------
    LockedError
        Somebody else held it for all of ``timeout``; the message names the holder.
    """
    number = _number(session, key)
    first = min(ANNOUNCE_AFTER, timeout)
    if not _taken(session, key, first):
        if timeout > first:
            notify(f"waiting for {_holder(session, key)} to finish with dataset {name!r}")
        if timeout <= first or not _taken(session, key, timeout - first):
            raise LockedError(f"dataset {name!r} is being written by {_holder(session, key)}")
    session.held.add(key)
    try:
        session.change(
            "INSERT INTO locks VALUES (?, pg_backend_pid(), ?) ON CONFLICT (key) DO UPDATE "
            "SET backend = excluded.backend, holder = excluded.holder",
            (key, json.dumps(this_process())),
        )
        yield
    finally:
        session.held.discard(key)
        with contextlib.suppress(KnowledgeError):  # lost: the lock ended with the connection
            session.change("DELETE FROM locks WHERE key = ?", (key,))
            session.rows("SELECT pg_advisory_unlock(?)", (number,))


def is_held(session: Session, key: str) -> bool:
    """Tell whether anybody holds the lock of a dataset."""
    held = f"SELECT EXISTS (SELECT 1 FROM pg_locks WHERE {_HELD})"
    return bool(session.one(held, _halves(_number(session, key)))[0])


def hold_store(session: Session) -> None:
    """See that nobody empties the store while this session lives.

    Raises
    ------
    LockedError
        It is being emptied, and that does not end.
    """
    number = number_of("store", session.address.schema)
    deadline = time.monotonic() + 60
    while not session.one("SELECT pg_try_advisory_lock_shared(?)", (number,))[0]:
        if time.monotonic() > deadline:
            raise LockedError(f"another process empties {session.address.place}")
        time.sleep(_POLL)


def let_go_of_store(session: Session) -> None:
    """End :func:`hold_store`."""
    number = number_of("store", session.address.schema)
    session.rows("SELECT pg_advisory_unlock_shared(?)", (number,))


@contextlib.contextmanager
def store_alone(session: Session, patience: float) -> Iterator[None]:
    """Hold the store alone, once those who are connected have been waited for.

    Raises
    ------
    LockedError
        Others were connected all the time.
    """
    number = number_of("store", session.address.schema)
    if not _within(session, number, patience):
        raise LockedError(f"others use {session.address.place}; nothing was removed")
    try:
        yield
    finally:
        with contextlib.suppress(KnowledgeError):
            session.rows("SELECT pg_advisory_unlock(?)", (number,))


def _number(session: Session, key: str) -> int:
    return number_of("dataset", session.address.schema, key)


def _taken(session: Session, key: str, timeout: float) -> bool:
    """Take a dataset's lock; a session that holds it already does not get it twice."""
    if key in session.held:
        return False
    return _within(session, _number(session, key), timeout)


def _within(session: Session, number: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not _tried(session, number):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


def _tried(session: Session, number: int) -> bool:
    return bool(session.one("SELECT pg_try_advisory_lock(?)", (number,))[0])


def _holder(session: Session, key: str) -> str:
    """Return who holds the lock of a dataset, as far as a live session says so."""
    found = session.rows(
        "SELECT holder FROM locks WHERE key = ? AND backend IN "
        f"(SELECT pid FROM pg_locks WHERE {_HELD})",
        (key, *_halves(_number(session, key))),
    )
    if not found:
        return ANOTHER
    return told_holder(found[0][0], lives=True)


def _halves(number: int) -> tuple[int, int]:
    """Return the high and the low half of a lock's number, as ``pg_locks`` shows them."""
    return (number >> 32) & 0xFFFFFFFF, number & 0xFFFFFFFF
