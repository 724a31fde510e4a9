"""Find the files below the paths of a run, in a stable order."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from knowledge.errors import PathNotFoundError
from knowledge.ingestion.ignore import IgnoreOptions, IgnoreRules
from knowledge.model import FileProblem, FileStatus
from knowledge.storage.shown_path import shown


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to look at.

    ``path`` opens it; ``shown`` is the same for people and for the catalog, where bytes that are
    no UTF-8 stand as ``\\xNN``. ``size`` counts bytes.
    """

    path: str
    shown: str
    size: int
    mtime_ns: int


@dataclass(slots=True)
class Scan:
    """A walk over the paths of a run; iterate over it once, then read what it saw.

    Parameters
    ----------
    paths:
        Files and folders; they must exist.
    options:
        What to leave out below folders.
    recursive:
        Walk into sub-folders.
    """

    paths: Sequence[Path]
    options: IgnoreOptions = field(default_factory=IgnoreOptions)
    recursive: bool = True
    skipped: Path | None = None
    """A folder that is left out wherever it stands: the data folder."""
    problems: list[FileProblem] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    roots: list[str] = field(default_factory=list)
    """Folders of the run that could be read all through."""

    def __iter__(self) -> Iterator[FoundFile]:
        for path in self.paths:
            root = os.path.abspath(path)
            if not os.path.isdir(root):
                yield from self._file(root, named=True)
                continue
            walk = _Walk(self, root)
            yield from walk.folder(root, "")
            if walk.complete:
                self.roots.append(shown(root))

    def problem(self, path: str, status: FileStatus | str, reason: str) -> None:
        """Note that a path could not be taken."""
        self.problems.append(FileProblem(shown(path), str(status), reason))

    def _file(self, path: str, *, named: bool = False) -> Iterator[FoundFile]:
        name = shown(path)
        if name in self.seen:
            return
        try:
            facts = os.stat(path)
        except OSError as error:
            self.problem(path, FileStatus.FAILED, _reason(error, path))
            return
        if not stat.S_ISREG(facts.st_mode):
            status = FileStatus.FAILED if named else FileStatus.UNSUPPORTED
            self.problem(path, status, "not a regular file")
            return
        self.seen.add(name)
        yield FoundFile(path, name, facts.st_size, facts.st_mtime_ns)


class _Walk:
    """The walk below one root."""

    def __init__(self, scan: Scan, root: str) -> None:
        self.scan = scan
        self.rules = IgnoreRules(Path(root), scan.options)
        self.complete = True
        self.root = root
        self.skipped = os.path.abspath(scan.skipped) if scan.skipped else None
        self.folders: set[tuple[int, int]] = set()

    def folder(self, path: str, relative: str) -> Iterator[FoundFile]:
        try:
            facts = os.stat(path)
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            self.complete = False
            self.scan.problem(path, FileStatus.FAILED, _reason(error, path))
            return
        if (facts.st_dev, facts.st_ino) in self.folders:
            self.scan.problem(path, "notice", "a link to a folder that was walked already")
            return
        self.folders.add((facts.st_dev, facts.st_ino))
        self.rules.enter(shown(relative))
        for entry in entries:
            below = f"{relative}/{entry.name}" if relative else entry.name
            is_folder = _is_folder(entry)
            if self.rules.ignores(shown(below), is_folder=is_folder):
                continue
            if not is_folder:
                yield from self.scan._file(entry.path)
            elif self.scan.recursive and entry.path != self.skipped:
                yield from self.folder(entry.path, below)


def check_paths(paths: Sequence[Path]) -> None:
    """Check that all paths of a run exist, before anything is done.

    Raises
    ------
    PathNotFoundError
        Names the first that does not.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise PathNotFoundError(f"{shown(str(path))} does not exist")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _reason(error: OSError, path: str) -> str:
    if isinstance(error, FileNotFoundError):
        return "a link to nothing" if os.path.islink(path) else "it vanished during the run"
    return (error.strerror or str(error)).lower()
