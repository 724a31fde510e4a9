"""The write lock of a dataset: one writer at a time, and whom one waits for.

The lock is the operating system's (``flock``, by filelock), so a dead holder's lock is free by
itself. Who holds it stands in a file beside it, since waiting for the lock truncates the lock
file.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import LockedError
from knowledge.files.private import FILE, private_files, replace_text
from knowledge.storage.disk import disk_error
from knowledge.storage.holder import ANOTHER, this_process, told_holder

if TYPE_CHECKING:
    from filelock import BaseFileLock

ANNOUNCE_AFTER = 0.5
"""Seconds; shorter waits are not worth a word."""
_MOST_BYTES = 4096


@contextlib.contextmanager
def write_lock(
    path: Path, dataset: str, timeout: float, notify: Callable[[str], None]
) -> Iterator[None]:
    """Hold the lock at ``path``.

    Parameters
    ----------
    dataset:
        Its name, for messages.
    timeout:
        Seconds to wait; 0 is one try.
    notify:
        Told once whom we wait for.

    Raises
    ------
    LockedError
        Another process held it for all of ``timeout``; the message names the holder.
    KnowledgeError
        The lock's file can't be made or opened.
    """
    lock = _acquired(path, dataset, timeout, notify)
    holder = _holder_file(path)
    try:
        with contextlib.suppress(OSError):  # it is only for messages
            write_holder(holder)
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _acquired(
    path: Path, dataset: str, timeout: float, notify: Callable[[str], None]
) -> BaseFileLock:
    import filelock

    lock = filelock.FileLock(path, thread_local=False, mode=FILE)
    first = min(ANNOUNCE_AFTER, timeout)
    try:
        with private_files():
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=first, poll_interval=0.05)
        except filelock.Timeout:
            if timeout <= first:
                raise
            notify(f"waiting for {_holder(path)} to finish with dataset {dataset!r}")
            lock.acquire(timeout=timeout - first, poll_interval=0.05)
    except filelock.Timeout:
        raise LockedError(f"dataset {dataset!r} is being written by {_holder(path)}") from None
    except OSError as error:
        raise disk_error(error, path) from error
    return lock


def is_held(path: Path) -> bool:
    """Tell whether somebody holds the lock at ``path``, by trying to take it."""
    with if_free(path) as free:
        return not free


@contextlib.contextmanager
def if_free(path: Path) -> Iterator[bool]:
    """Hold the lock at ``path`` where nobody does; give whether it is so. Nothing is written."""
    import filelock

    if not path.is_file():  # nobody ever took it
        yield True
        return
    lock = filelock.FileLock(path, thread_local=False, mode=FILE)
    try:
        lock.acquire(timeout=0)
    except (filelock.Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _holder(lock: Path) -> str:
    return describe_holder(_holder_file(lock))


def _holder_file(lock: Path) -> Path:
    return lock.with_suffix(".holder")


def write_holder(path: Path) -> None:
    """Say that this process holds the lock.

    Raises
    ------
    OSError
        It can't be written.
    """
    replace_text(path, json.dumps(this_process()))


def describe_holder(path: Path) -> str:
    """Return who holds a lock, in words; ``another process`` where its file does not say."""
    try:
        with path.open("rb") as file:
            return told_holder(file.read(_MOST_BYTES))
    except OSError:
        return ANOTHER  # it is just starting, or just ending
