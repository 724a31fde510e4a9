"""The paths of a watch: whether they are there, and what a change in them concerns."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from knowledge.ingestion.scan.folder_metadata import SIDECAR
from knowledge.ingestion.scan.ignore import GIT, GITIGNORE, IGNORE_FILE
from knowledge.ingestion.scan.places import Places, lies_within
from knowledge.ingestion.watch.notifications import ADDED, MODIFIED, Changes
from knowledge.storage.shown_path import shown

GRACE = 2.0  # seconds: editors and syncing programs put new things in place of old ones
RULES = frozenset({IGNORE_FILE, GITIGNORE, SIDECAR})
"""Files that say something of the others of their folder."""
RIGHTS_MATTER = sys.platform == "linux"
"""Each folder is watched by itself, those that may be read; elsewhere the whole tree is."""


@dataclass(slots=True)
class Root:
    """A file or folder that is watched; ``path`` is absolute."""

    path: str
    is_folder: bool = field(init=False)
    is_there: bool = True
    missing_since: float = 0.0
    reported: bool = False
    """It was reported that it is gone."""
    _identity: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self.is_folder = os.path.isdir(self.path)
        self._identity = self._seen()

    @property
    def exists(self) -> bool:
        """True when something stands there at this moment."""
        return self._seen() is not None

    def look(self) -> bool:
        """Look whether it is there; return true when another thing stands there than before.

        An empty folder in place of another is taken for a place where nothing is mounted any
        more, not for a folder whose files were all deleted.
        """
        identity = self._seen()
        renewed = identity is not None and (identity != self._identity or not self.is_there)
        if identity is None or (identity != self._identity and self._is_empty()):
            if self.is_there:
                self.missing_since = time.monotonic()
            self.is_there = False
            return False
        self.is_there = True
        self._identity = identity
        return renewed and self.is_folder

    def _seen(self) -> tuple[int, int] | None:
        try:
            facts = os.stat(self.path)
        except OSError:
            return None
        return (facts.st_dev, facts.st_ino)

    def _is_empty(self) -> bool:
        try:
            with os.scandir(self.path) as entries:
                return self.is_folder and next(entries, None) is None
        except OSError:
            return False  # it is there, and the walk says why it cannot be read


class Roots:
    """All paths of a watch.

    Parameters
    ----------
    paths:
        As the user gave them; they exist.
    skipped:
        Folders whose changes mean nothing: the data folder.
    include_hidden:
        Whether changes of hidden files mean something.
    """

    def __init__(
        self, paths: Iterable[Path], skipped: Iterable[Path], *, include_hidden: bool
    ) -> None:
        self.all = [Root(path) for path in dict.fromkeys(map(os.path.abspath, paths))]
        self._skipped = [os.path.realpath(path) for path in skipped]
        self._skipped_places = Places(self._skipped)
        self._include_hidden = include_hidden
        self._real = {os.path.realpath(root.path): root for root in self.all}

    @property
    def present(self) -> list[Path]:
        """Those that are there."""
        return [Path(root.path) for root in self.all if root.is_there]

    @property
    def is_complete(self) -> bool:
        """True when all are there."""
        return all(root.is_there for root in self.all)

    def folders(self) -> list[str]:
        """Return the folders that are there."""
        return [root.path for root in self.all if root.is_there and root.is_folder]

    def files(self) -> list[str]:
        """Return the files, there or not: their folders show when they come back."""
        return [
            root.path
            for root in self.all
            if not root.is_folder and os.path.isdir(os.path.dirname(root.path))
        ]

    def keeps(self, path: str) -> bool:
        """Tell whether a change of a path can mean something to a run."""
        if self._skipped_places.covers(path):
            return False
        if any(lies_within(os.path.dirname(path), folder) for folder in self._skipped):
            return False
        root, below = self._below(path)
        if root is None or os.path.basename(path) in RULES:
            return True
        parts = below.split(os.sep)
        if self._include_hidden:
            return GIT not in parts
        return not any(part.startswith(".") for part in parts)

    def places(self, changes: Changes) -> set[str] | None:
        """Return what has to be looked at, as shown paths; ``None`` is everything.

        Everything, when a root itself changed, or something that links lead to by other paths.
        """
        found = set()
        for _, path in changes:
            root, below = self._below(path)
            if root is None or (root.is_folder and not below):
                return None
            if os.path.basename(path) in RULES and below:
                below = os.path.dirname(below)
                if not below:
                    return None
            if _leads_through_link(root.path, below):
                return None
            found.add(shown(os.path.join(root.path, below) if below else root.path))
        return found

    def new_folders(self, changes: Changes) -> bool:
        """Tell whether folders were added: the system may not tell of their first files."""
        return any(kind == ADDED and os.path.isdir(path) for kind, path in changes)

    def needs_renewal(self, changes: Changes) -> bool:
        """Tell whether a root changed, or the rights of a folder: the system may not watch it."""
        return any(
            (root is not None and root.is_folder and not below)
            or (kind == MODIFIED and RIGHTS_MATTER and os.path.isdir(path))
            for kind, path in changes
            for root, below in [self._below(path)]
        )

    def _below(self, path: str) -> tuple[Root | None, str]:
        """Return the root that a path lies below, and its path from there."""
        for real, root in self._candidates():
            if path == real:
                return root, ""
            if path.startswith(real.rstrip(os.sep) + os.sep):
                return root, path[len(real.rstrip(os.sep)) + 1 :]
        return None, ""

    def _candidates(self) -> Iterator[tuple[str, Root]]:
        yield from ((root.path, root) for root in self.all)
        yield from self._real.items()  # macOS reports real paths


def _leads_through_link(root: str, below: str) -> bool:
    path = root
    for part in below.split(os.sep):
        path = os.path.join(path, part)
        if os.path.islink(path) and os.path.isdir(path):
            return True
    return False
