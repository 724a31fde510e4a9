"""The disk's own failures, as errors of ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from knowledge.errors import KnowledgeError

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NO_RIGHT = {errno.EACCES, errno.EPERM}
_LEAST = 256 * 1024
"""Bytes that SQLite and Chroma need free to open anything for writing."""
FULL_HINT = "Free some space and run again; what was published is whole."
_ELSEWHERE = "choose another with `data_dir` or KNOW_DATA_DIR."
ELSEWHERE_HINT = f"The data folder must be writable for this; {_ELSEWHERE}"


class Obstacle(StrEnum):
    """Why nothing can be written somewhere."""

    FULL = "full"
    READ_ONLY = "read-only"
    NO_PERMISSION = "no permission"


def obstacle(path: Path) -> Obstacle | None:
    """Return why nothing can be written at ``path``, or where it would be; ``None`` if it can."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    try:
        facts = os.statvfs(path) if hasattr(os, "statvfs") else None
    except OSError:
        return Obstacle.NO_PERMISSION
    if facts is not None and facts.f_flag & os.ST_RDONLY:
        return Obstacle.READ_ONLY
    if not os.access(path, os.W_OK):
        return Obstacle.NO_PERMISSION
    if facts is not None and facts.f_bavail * facts.f_frsize < _LEAST:
        return Obstacle.FULL
    return None


def cant_write(path: str | os.PathLike[str], why: Obstacle, *, hint: str = "") -> KnowledgeError:
    """Return the error that nothing can be written at ``path``."""
    where = os.fspath(path)
    match why:
        case Obstacle.FULL:
            return KnowledgeError(f"the disk is full: can't write {where}", hint=FULL_HINT)
        case Obstacle.READ_ONLY:
            told = f"the disk is read-only: can't write {where}"
        case Obstacle.NO_PERMISSION:
            told = f"no permission to write {where}"
    return KnowledgeError(told, hint=hint or ELSEWHERE_HINT)


def cant_read(path: str | os.PathLike[str]) -> KnowledgeError:
    """Return the error that the rights to ``path`` do not let us read it."""
    return KnowledgeError(
        f"no permission to read {os.fspath(path)}",
        hint="Ask its owner for the right to read it; `data_dir` names another data folder.",
    )


@contextmanager
def on_disk(path: Path, *, doing: str = "read or write") -> Iterator[None]:
    """Turn the operating system's errors on files at or below ``path`` into ours.

    Raises
    ------
    KnowledgeError
        There is no room, or something can't be read or written.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(error, path, doing=doing) from error


def disk_error(
    error: OSError, path: Path, *, doing: str = "read or write", hint: str = ""
) -> KnowledgeError:
    """Return an error of ours for one of the operating system's.

    Parameters
    ----------
    doing:
        What can't be done, where the error does not tell.
    hint:
        What to do where ``path`` is not in the data folder.
    """
    where = Path(os.fsdecode(error.filename or path))
    if error.errno in _NO_ROOM:
        return cant_write(where, Obstacle.FULL)
    if error.errno == errno.EROFS:
        return cant_write(where, Obstacle.READ_ONLY, hint=hint)
    if error.errno in _NO_RIGHT:
        if where.exists() and not os.access(where, os.R_OK):
            return cant_read(where)
        return cant_write(where, Obstacle.NO_PERMISSION, hint=hint)
    return KnowledgeError(
        f"can't {doing} {where}: {error.strerror or error}",
        hint=hint or f"The data folder must be readable and writable; {_ELSEWHERE}",
    )
