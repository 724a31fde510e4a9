"""What Chroma raises, as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knowledge.errors import DamagedStoreError, KnowledgeError
from knowledge.storage.disk import Obstacle, cant_write, obstacle
from knowledge.storage.store import REPAIR_INDEX

_NO_ROOM = (
    "disk is full",
    "No space left",
    "os error 28",
    "os error 27",  # EFBIG
    "(code: 778)",  # SQLITE_IOERR_WRITE
    "(code: 1034)",  # SQLITE_IOERR_FSYNC
    "(code: 4874)",  # SQLITE_IOERR_SHMSIZE
)
_NO_RIGHT = ("readonly", "read-only", "permission denied", "unable to open")


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn what Chroma raises, of whatever class, into an error of ours."""
    try:
        yield
    except KnowledgeError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if isinstance(error, MemoryError | Warning):
            raise  # not the folder's fault
        text = str(error)
        if any(sign in text for sign in _NO_ROOM):
            raise cant_write(folder, Obstacle.FULL) from error
        if any(sign in text.lower() for sign in _NO_RIGHT):
            raise cant_write(folder, obstacle(folder) or Obstacle.NO_PERMISSION) from error
        raise DamagedStoreError(
            f"the index {folder} is damaged: {text}", hint=REPAIR_INDEX
        ) from error
