"""Files and folders that are their owner's alone from the first moment, also temporary ones.

Where a library makes them (Chroma, SQLite), only the process's umask reaches the first moment; a
rights change would come after it. On Windows a user's folders are private already, and nothing here
changes rights.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tempfile  # takes longer than most commands do with files

FOLDER, FILE = 0o700, 0o600
OTHERS = 0o077
"""The rights of everybody but the owner."""

_PREFIX = "knowledge-"
_TEMPORARY = re.compile(r"knowledge-(\d{1,10})-\w+")
_OLD_SECONDS = 600.0
_CHECKED = os.name != "nt"


class _Umask:
    """The process's umask, which threads share: the first sets it, the last sets it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0

    def enter(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = os.umask(OTHERS)
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                os.umask(self._before)


_umask = _Umask()


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Let all files and folders that are made meanwhile be their owner's alone."""
    if not _CHECKED:
        yield
        return
    _umask.enter()
    try:
        yield
    finally:
        _umask.leave()


def make_private_file(path: Path) -> None:
    """Make an empty file, where there is none, for a library that opens what is there.

    Raises
    ------
    OSError
        It can't be made.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE))


def replace_text(path: Path, text: str) -> None:
    """Write a file that others can't read; it is there as a whole or as it was.

    Raises
    ------
    OSError
        It can't be written.
    """
    import tempfile

    handle, temporary = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123  of a handle
            file.write(text)
        os.replace(temporary, path)  # noqa: PTH105  in one step
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


@contextlib.contextmanager
def private_output(target: Path) -> Iterator[Path]:
    """Give a new file beside ``target``, which takes its place when all went well.

    A target that exists keeps its rights; a new one is its owner's alone.

    Raises
    ------
    OSError
        It can't be made, or not take the target's place.
    """
    import tempfile

    handle, name = tempfile.mkstemp(
        prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent
    )
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with contextlib.suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder, named so that a later run can tell whose it is."""
    import tempfile

    return tempfile.TemporaryDirectory(prefix=temporary_prefix(), ignore_cleanup_errors=True)


def temporary_prefix() -> str:
    """Return what the names of this process's temporary folders begin with."""
    return f"{_PREFIX}{os.getpid()}-"


def sweep_temporary() -> None:
    """Remove the temporary folders of runs that were killed: ours, old, and without a process."""
    import tempfile

    try:
        entries = list(os.scandir(tempfile.gettempdir()))
    except OSError:
        return
    for entry in entries:
        named = _TEMPORARY.fullmatch(entry.name)
        if named and _is_left(entry, int(named[1])):
            shutil.rmtree(entry.path, ignore_errors=True)


def _is_left(entry: os.DirEntry[str], process: int) -> bool:
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    if not stat.S_ISDIR(facts.st_mode) or time.time() - facts.st_mtime < _OLD_SECONDS:
        return False
    if _CHECKED and facts.st_uid != os.geteuid():
        return False
    import psutil

    return not psutil.pid_exists(process)


def wide_paths(root: Path, names: tuple[str, ...]) -> list[Path]:
    """Return those of a folder's entries, and the folder itself, that others have rights to.

    The folder itself counts only where it holds nothing but ``names``, and all only where they
    belong to us: what else is in it is not ours to change.

    Parameters
    ----------
    names:
        Of files and folders; a file with a suffix after one of them counts too.
    """
    if not _CHECKED or not _is_wide_and_ours(root, follow=True):
        return []
    try:
        entries = sorted(root.iterdir())
    except OSError:
        return []
    known = [path for path in entries if path.name.startswith(names)]
    whole = [root] if len(known) == len(entries) else []
    return whole + [path for path in known if _is_wide_and_ours(path)]


def tighten(path: Path) -> None:
    """Take all rights to a file, or to a folder with all in it, from everybody but the owner.

    Links are not followed, and what belongs to others stays as it is.
    """
    if not _is_wide_and_ours(path):
        return
    with contextlib.suppress(OSError):
        path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~OTHERS)


def tighten_all(root: Path, names: tuple[str, ...]) -> list[Path]:
    """Tighten a folder and what in it bears one of ``names``; return what :func:`wide_paths` said.

    The folder is shut first; then nobody else can come in the way.
    """
    wide = wide_paths(root, names)
    for path in wide:
        if path == root:
            with contextlib.suppress(OSError):
                root.chmod(stat.S_IMODE(root.stat().st_mode) & ~OTHERS)
            continue
        tighten(path)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                tighten(Path(folder, name))
    return wide


def _is_wide_and_ours(path: Path, *, follow: bool = False) -> bool:
    try:
        facts = path.stat() if follow else path.lstat()
    except OSError:
        return False
    if stat.S_ISLNK(facts.st_mode):
        return False
    return bool(facts.st_mode & OTHERS) and facts.st_uid == os.geteuid()
