"""The write lock of a dataset: one writer at a time, and whom one waits for.

The lock is the operating system's (``flock``, by filelock), so a dead holder's lock is free by
itself. Who holds it stands in a file beside it, since waiting for the lock truncates the lock
file.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import LockedError
from knowledge.files.private import FILE, private_files, replace_text
from knowledge.settings.reading import without_password
from knowledge.storage.disk import disk_error

if TYPE_CHECKING:
    from filelock import BaseFileLock

ANNOUNCE_AFTER = 0.5
"""Seconds; shorter waits are not worth a word."""
_MASK = "********"
_LONGEST = 200
"""Characters of a command line that are shown."""
_MOST_BYTES = 4096
_TELLTALE = (
    r"pass(?:word|wd|phrase|code)?s?|pwd|tokens?|(?:api)?keys?|secrets?|headers?|auth(?:orization)?"
    r"|bearer|credentials?|cookies?|sig(?:nature)?|jwt|login"
)
_SECRET_OPTION = re.compile(rf"-{{1,2}}(?:\w+[-_])*(?:{_TELLTALE})", re.IGNORECASE)
_SECRET_PAIR = re.compile(
    rf"((?<![a-z])(?:{_TELLTALE})[\"']?\s*[=:]\s*).+", re.IGNORECASE | re.DOTALL
)
_LOGIN = re.compile(r"://[^\s]*@")
_QUERY = re.compile(r"(://[^\s?#]*)[?#]\S+")


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
    who = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": masked_command([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "process_started": _started(os.getpid()),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    replace_text(path, json.dumps(who))


def describe_holder(path: Path) -> str:
    """Return who holds a lock, in words; ``another process`` where its file does not say.

    A file that a killed process left says nothing of who holds the lock now.
    """
    try:
        with path.open("rb") as file:
            who = json.loads(file.read(_MOST_BYTES))
        if _is_stale(who):
            return "another process"
        since = f", since {_plain(who['since'])}" if who.get("since") else ""
        return (
            f"process {int(who['pid'])} on {_plain(who['host'])} ({_plain(who['command'])}{since})"
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "another process"  # it is just starting, or just ending


def masked_command(arguments: Sequence[str]) -> str:
    """Return a command line without the secrets in it: passwords, keys, logins and queries."""
    return " ".join(_masked(arguments))[:_LONGEST]


def _masked(arguments: Iterable[str]) -> Iterable[str]:
    after_secret = False
    for argument in arguments:
        if after_secret:
            after_secret = False
            yield _MASK
            continue
        name, equals, _ = argument.partition("=")
        if _SECRET_OPTION.fullmatch(name):
            after_secret = not equals
            yield f"{name}={_MASK}" if equals else name
        else:
            yield _without_secrets(argument)


def _without_secrets(argument: str) -> str:
    told = _LOGIN.sub(f"://{_MASK}@", argument)
    told = _QUERY.sub(rf"\1?{_MASK}", told)
    return _SECRET_PAIR.sub(rf"\g<1>{_MASK}", without_password(told))


def _is_stale(who: Any) -> bool:
    """Tell whether the process that wrote a holder's file is gone, as far as that can be known."""
    if who["host"] != socket.gethostname():
        return False
    started, noted = _started(int(who["pid"])), who.get("process_started")
    return started is None or (noted is not None and abs(started - float(noted)) > 1.0)


def _started(process: int) -> float | None:
    import psutil

    with contextlib.suppress(psutil.Error):
        return float(psutil.Process(process).create_time())
    return None


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in str(text))[:_LONGEST]
