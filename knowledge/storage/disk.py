"""The disk's own failures, as errors of ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knowledge.errors import KnowledgeError

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
FULL_HINT = "Free some space and run again; what was published is whole."


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Turn the operating system's errors on files at or below ``path`` into ours.

    Raises
    ------
    KnowledgeError
        There is no room, or something can't be read or written.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> KnowledgeError:
    """Return an error of ours for one of the operating system's."""
    where = str(error.filename or path)
    if error.errno in _NO_ROOM:
        return KnowledgeError(f"there is no room to write {where}", hint=FULL_HINT)
    return KnowledgeError(
        f"can't read or write {where}: {error.strerror or error}",
        hint="The data folder must be readable and writable; --data-dir names another.",
    )
