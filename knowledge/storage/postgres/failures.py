"""What Postgres, or the way to it, refuses: as errors of ours, each with a remedy."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors

from knowledge.errors import DamagedStoreError, KnowledgeError, LockedError, StoreServerError
from knowledge.text.masking import scrubbed

if TYPE_CHECKING:
    from knowledge.storage.postgres.address import Address

_LOST = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.ConnectionException,
    errors.IdleSessionTimeout,
    errors.IdleInTransactionSessionTimeout,
)
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled)
_GONE = (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName)
_DAMAGE = (errors.DataCorrupted, errors.IndexCorrupted)
_PASSWORD = "Give it by PGPASSWORD, ~/.pgpass, a service file, or the user in the address."  # noqa: S105
_CONNECTING = (
    (
        r'database ".*" does not exist',
        "there is no such database",
        "Create it: createdb NAME; or name another in KNOW_STORE.",
    ),
    (
        r'password|authentication|no pg_hba\.conf entry|role ".*" (?:does not exist|is not perm)',
        "the login was refused",
        _PASSWORD,
    ),
    (
        "too many (?:clients|connections)|remaining connection slots",
        "it takes no more connections",
        "Try again later, end what is not needed, or raise max_connections, or the role's limit.",
    ),
)


@contextlib.contextmanager
def translated(address: Address) -> Iterator[None]:
    """Turn errors of psycopg's into ours.

    Raises
    ------
    StoreServerError
        The connection is lost.
    LockedError
        Another process kept something locked.
    DamagedStoreError
        Tables are missing, or damaged.
    KnowledgeError
        The disk is full, a right is missing, or the server refused otherwise.
    """
    try:
        yield
    except psycopg.Error as error:
        raise translated_error(error, address) from error


def translated_error(error: psycopg.Error, address: Address) -> KnowledgeError:
    """Return what an error of psycopg's means, as one of ours."""
    place, said = address.place, _said(error, address)
    if isinstance(error, _BUSY):
        return LockedError(f"{place}: {said}")
    if isinstance(error, _GONE):
        return DamagedStoreError(
            f"{place} lacks what the schema {address.schema} should hold: {said}",
            hint="Restore it from a backup (pg_restore), or `knowledge reset` and ingest again.",
        )
    if isinstance(error, _DAMAGE):
        return DamagedStoreError(f"{place} is damaged: {said}", hint="Restore it from a backup.")
    if isinstance(error, errors.InsufficientPrivilege):
        return KnowledgeError(
            f"no right to use the schema {address.schema} at {place}: {said}",
            hint="Log in as the role that owns it, or take that on, by "
            "?options=-c%20role%3DROLE at the end of the address; or name another by "
            "`store_schema`.",
        )
    if isinstance(error, errors.DiskFull):
        return KnowledgeError(f"the disk of {place} is full", hint="Free some space there.")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return KnowledgeError(
            f"{place} can only be read: it is a standby, or set so",
            hint="Name the primary server in KNOW_STORE.",
        )
    if isinstance(error, _LOST) or _is_connection(error):
        return StoreServerError(f"the connection to {place} was lost: {said}")
    return KnowledgeError(f"{place} failed: {said}")


def refused(error: psycopg.Error, address: Address) -> StoreServerError:
    """Return why no connection could be made."""
    said = _said(error, address)
    for pattern, what, remedy in _CONNECTING:
        if re.search(pattern, said):
            return StoreServerError(f"{address.place}: {what} ({said})", hint=remedy)
    return StoreServerError(f"{address.place} can't be reached: {said}")


def _is_connection(error: psycopg.Error) -> bool:
    """Tell whether an error without a code of the server's says that there is no connection."""
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def _said(error: psycopg.Error, address: Address) -> str:
    """Return the first line of a message, without anything secret that it may repeat."""
    told = error.diag.message_primary or str(error).strip()
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return scrubbed(lines[0], address.secrets) if lines else type(error).__name__
