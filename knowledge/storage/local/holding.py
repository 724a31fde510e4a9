"""Folders that stay while somebody uses them.

Whoever reads a folder holds it together with others; whoever removes it must hold it alone. The
hold is the operating system's (``flock`` on the folder itself): it costs microseconds, leaves no
file behind, needs no right to write, and is free by itself when its owner dies. Windows has no such
locks; there a folder in which a file is open can't be renamed, which comes before its removal.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from knowledge.errors import LockedError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

GOING = "removed-"
"""Begins the name that a folder gets before it is removed."""
_PAUSE = 0.01


class Hold:
    """A folder that is not removed until this is released, or forgotten; a context manager.

    Parameters
    ----------
    folder:
        The folder.
    patience:
        Seconds to wait for somebody who removes it, or what is in it, at this moment.

    Raises
    ------
    FileNotFoundError
        It is not there, or is being removed.
    """

    def __init__(self, folder: Path, patience: float = 0.0) -> None:
        self.folder = folder
        handle = _locked(folder, patience, alone=False)
        self._release = weakref.finalize(self, os.close, handle) if handle is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def renew(self) -> None:
        """Do nothing: it is held until its process ends."""

    def release(self) -> None:
        """Let it be removed; a second call does nothing."""
        if self._release is not None:
            self._release()


@contextlib.contextmanager
def held_alone(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold a folder that nobody else holds.

    Raises
    ------
    FileNotFoundError
        It is not there.
    LockedError
        Others held it for all of ``patience`` seconds.
    """
    handle = _locked(folder, patience, alone=True)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def remove_folder(folder: Path, free: Callable[[Path], bool] | None = None) -> bool:
    """Remove a folder with all in it, unless somebody holds it; tell whether it is gone.

    Parameters
    ----------
    free:
        Removes what lies elsewhere for the folder, and tells whether it may go.
    """
    going = folder.with_name(f"{GOING}{uuid.uuid4().hex}")
    try:
        with held_alone(folder):
            if free is not None and not free(folder):
                return False
            folder.rename(going)
            shutil.rmtree(going, ignore_errors=True)
    except FileNotFoundError:
        return True
    except (LockedError, OSError):
        return False
    return True


def remove_folders(home: Path, free: Callable[[Path], bool] | None = None) -> bool:
    """Remove a folder of folders, but for those that somebody holds; tell whether it is gone.

    ``free`` is as for :func:`remove_folder`.
    """
    try:
        entries = list(home.iterdir())
    except OSError:
        entries = []
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            remove_folder(entry, free)
        else:
            with contextlib.suppress(OSError):
                entry.unlink()
    with contextlib.suppress(OSError):
        home.rmdir()
    return not home.exists()


def _locked(folder: Path, patience: float, *, alone: bool) -> int | None:
    """Return a handle that holds a folder; ``None`` where the system has no such thing."""
    if fcntl is None:
        os.stat(folder)  # noqa: PTH116  raises when it is not there
        return None
    deadline = time.monotonic() + patience
    while True:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            raise
        except OSError:
            return None
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            if _is_there(folder, handle):
                return handle
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(handle)
                if alone:
                    raise LockedError(f"another process uses {folder}") from None
                raise FileNotFoundError(f"{folder} is being removed") from None
        except OSError:
            return handle  # a file system without such locks
        os.close(handle)
        time.sleep(_PAUSE)


def _is_there(folder: Path, handle: int) -> bool:
    """Tell whether a folder is still the one that was opened."""
    return os.path.samestat(os.stat(folder), os.fstat(handle))  # noqa: PTH116
