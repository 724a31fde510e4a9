"""Parts of the folders of a run: where something changed, so that nothing else is looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator


class Places:
    """Files and folders, by their absolute paths as they are shown; a folder with all below it."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = {path.rstrip(os.sep) or os.sep for path in paths}
        self._above = {above for path in self._paths for above in _folders_above(path)}

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def covers(self, path: str) -> bool:
        """Tell whether a path is one of the places, or lies in one."""
        return path in self._paths or any(above in self._paths for above in _folders_above(path))

    def concern(self, path: str) -> bool:
        """Tell whether a walk to the places comes past a path."""
        return path in self._above or self.covers(path)


def lies_within(path: str, folder: str) -> bool:
    """Tell whether a path leads to a folder or into it, by links and under other names too.

    Folders are compared by device and inode: a mount, or letters of the other case, may give a
    folder a second path.
    """
    try:
        wanted = os.stat(folder)
    except OSError:
        return False  # it is not there
    real = os.path.realpath(path)
    return any(_is(one, wanted) for one in (real, *_folders_above(real)))


def _is(path: str, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), wanted)
    except OSError:
        return False


def _folders_above(path: str) -> Iterator[str]:
    while True:
        above = os.path.dirname(path)
        if above == path or not above:
            return
        yield above
        path = above
