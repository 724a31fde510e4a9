"""Files and folders that are private to their owner from the start, including temporary ones.

Where a library creates them (Chroma, SQLite), only the process's umask applies from the start; a
change of permissions would come too late. On Windows a user's folders are private already, and
nothing here changes permissions.
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
"""The permissions of everybody but the owner."""

_PREFIX = "knowledge-"
_TEMPORARY = r"knowledge-(\d{1,10})-\w+"
_OLD_SECONDS = 600.0
_CHECKED = os.name != "nt"


class _Umask:
    """The process's umask, which threads share: the first sets it, the last restores it."""

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
    """Make all files and folders that are created meanwhile private to their owner."""
    if not _CHECKED:
        yield
        return
    _umask.enter()
    try:
        yield
    finally:
        _umask.leave()


def make_private_file(path: Path) -> None:
    """Create an empty private file if there is none, for a library that then opens it.

    Raises
    ------
    OSError
        It cannot be created.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE))


def replace_text(path: Path, text: str) -> None:
    """Write a private file atomically.

    Raises
    ------
    OSError
        It cannot be written.
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
    """Yield a new file beside ``target``, which replaces it if no error occurs.

    An existing target keeps its permissions; a new one is private.

    Raises
    ------
    OSError
        It cannot be created, or cannot replace the target.
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
    """Return a temporary folder, named so that a later run recognises its process."""
    import tempfile

    return tempfile.TemporaryDirectory(prefix=temporary_prefix(), ignore_cleanup_errors=True)


def temporary_prefix() -> str:
    """Return the prefix of the names of this process's temporary folders."""
    return f"{_PREFIX}{os.getpid()}-"


def sweep_temporary() -> None:
    """Remove the temporary folders of killed runs: our own, old, and without a process."""
    import tempfile

    try:
        entries = list(os.scandir(tempfile.gettempdir()))
    except OSError:
        return
    for entry in entries:
        named = re.fullmatch(_TEMPORARY, entry.name)
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
    """Return those of a folder and its entries on which others have permissions.

    The folder itself is included only if it contains nothing but ``names``, and entries only if
    they belong to us: other files in it are not ours to change.

    Parameters
    ----------
    names:
        Names of files and folders; files with a suffix after one of them are included.
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
    """Remove the permissions of everybody but the owner on a file or folder.

    Links are not followed, and files of other owners are not changed.
    """
    if not _is_wide_and_ours(path):
        return
    with contextlib.suppress(OSError):
        path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~OTHERS)


def tighten_all(root: Path, names: tuple[str, ...]) -> list[Path]:
    """Tighten a folder and those of its entries that :func:`wide_paths` finds; return these.

    The folder comes first, so that nobody else can interfere.
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
