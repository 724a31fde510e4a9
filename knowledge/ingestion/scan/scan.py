"""Find the files below the paths of a run, in a stable order."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import PathNotFoundError
from knowledge.ingestion.scan.files import ON_UNIX, FoundFile
from knowledge.ingestion.scan.folder_metadata import SIDECAR, FolderMetadata, SidecarError
from knowledge.ingestion.scan.generated import is_generated, left_out, may_be_generated
from knowledge.ingestion.scan.ignore import FolderRules, IgnoreOptions, IgnoreRules
from knowledge.ingestion.scan.places import Places, lies_within
from knowledge.model import FileProblem, FileStatus
from knowledge.storage.shown_path import shown

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # a real one takes half a millisecond

SKIPPED = "the data folder itself is left out"
WALKED_ALREADY = "a link to a folder that was walked already"


class Unchanged(Protocol):
    """Tells a walk of files that are known, and counts them."""

    def take(self, path: str, facts: os.stat_result) -> bool:
        """Tell whether the file at a path, as it is shown, is taken out of the walk."""

    def count(self) -> None:
        """Tell whoever counts of what was taken since the last call."""


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
    """The data folder: it is left out by whatever path a walk comes to it."""
    only: Places | None = None
    """Look at these places alone; ``None`` is everywhere."""
    address: str = ""
    """Stands for the path of the root in shown paths, when the root is a copy of something."""
    problems: list[FileProblem] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    roots: list[str] = field(default_factory=list)
    """Folders of the run that could be read all through."""
    unchanged: Unchanged | None = None
    """Takes out what need not be looked at any further."""

    def __iter__(self) -> Iterator[FoundFile]:
        rules = IgnoreRules(self.options)
        for path in self.paths:
            root = os.path.abspath(path)
            if not os.path.isdir(root):
                if self.concerns(shown(root)):
                    yield from self._named(root)
                continue
            walk = _Walk(self, rules, root)
            yield from walk.files()
            if walk.generated:
                self.problem(shown(root), "notice", left_out(walk.generated))
            if walk.complete:
                self.roots.append(shown(root))

    def concerns(self, path: str) -> bool:
        """Tell whether a path, as it is shown, is looked at, or leads to what is."""
        return self.only is None or self.only.concern(path)

    def is_skipped(self, facts: os.stat_result) -> bool:
        """Tell whether these are the facts of the data folder, which a walk may see being made."""
        try:
            return self.skipped is not None and os.path.samestat(facts, os.stat(self.skipped))
        except OSError:
            return False

    def leads_into_skipped(self, path: str) -> bool:
        """Tell whether a path, such as that of a link, leads to the data folder or into it."""
        return self.skipped is not None and lies_within(path, os.fspath(self.skipped))

    def problem(self, path: str, status: FileStatus | str, reason: str) -> None:
        """Note that a path, as it is shown, could not be taken."""
        self.problems.append(FileProblem(path, str(status), reason))

    def _named(self, path: str) -> Iterator[FoundFile]:
        """Take a file that was named, with what its folder says of it."""
        folder, name = os.path.split(path)
        metadata = FolderMetadata()
        try:
            beside = {SIDECAR} if os.path.lexists(os.path.join(folder, SIDECAR)) else set()
            metadata = metadata.at(folder, beside)
        except SidecarError as error:
            self.problem(shown(os.path.join(folder, SIDECAR)), FileStatus.FAILED, str(error))
            metadata = metadata.unknown()
        yield from self._file(path, shown(path), metadata, shown(name), named=True)

    def _file(
        self,
        path: str,
        place: str,
        metadata: FolderMetadata,
        name: str,
        *,
        entry: os.DirEntry[str] | None = None,
        named: bool = False,
    ) -> tuple[FoundFile, ...]:
        """Return a file once, unless it is of no use, or known."""
        if place in self.seen:
            return ()
        try:
            # Windows lists sizes and times that may be older than those of the file.
            facts = entry.stat() if entry is not None and ON_UNIX else os.stat(path)
        except OSError as error:
            self.problem(place, FileStatus.FAILED, _reason(error, path))
            return ()
        if not stat.S_ISREG(facts.st_mode):
            status = FileStatus.FAILED if named else FileStatus.UNSUPPORTED
            self.problem(place, status, "not a regular file")
            return ()
        self.seen.add(place)
        if self.unchanged is not None and not metadata and self.unchanged.take(place, facts):
            return ()
        path = place if path == place else path  # all found files may wait in memory
        found = FoundFile(
            path,
            place,
            facts.st_size,
            facts.st_mtime_ns,
            metadata.of(name),
            ctime_ns=facts.st_ctime_ns if ON_UNIX else 0,
        )
        return (found,)


@dataclass(slots=True)
class _Folder:
    """A folder that is being walked.

    ``place`` is its path as it is shown, ending in ``/``; ``entries`` are those still to come.
    ``is_temporary``: it is the system's folder of temporary files.
    """

    place: str
    rules: FolderRules
    metadata: FolderMetadata
    entries: Iterator[os.DirEntry[str]]
    is_temporary: bool


class _Walk:
    """The walk below one root."""

    def __init__(self, scan: Scan, rules: IgnoreRules, root: str) -> None:
        self.scan = scan
        self.rules = rules
        self.complete = True
        self.root = root
        self.folders: set[tuple[int, int]] = set()
        self.temporary = _temporary_folder()
        self.generated: list[str] = []
        """Names of files that were left out since nobody wrote them."""

    def files(self) -> Iterator[FoundFile]:
        """Yield the files in order; a stack, since folders may nest deeper than Python calls."""
        place = (self.scan.address or shown(self.root)).rstrip("/") + "/"
        stack = [*self._enter(self.root, place)]
        while stack:
            here = stack[-1]
            for entry in here.entries:
                name = shown(entry.name)
                path = here.place + name
                if not (self.scan.only is None or self.scan.concerns(path)):
                    continue
                if here.is_temporary and _is_temporary(entry.name):
                    continue
                is_folder = _is_folder(entry)
                if here.rules.ignores(name, is_folder=is_folder):
                    continue
                if is_folder:
                    if self.scan.recursive and self._leads_on(entry):
                        stack += self._enter(entry.path, f"{path}/", here, name)
                        break
                elif self._is_generated(entry):
                    self.generated.append(name)
                else:
                    yield from self.scan._file(entry.path, path, here.metadata, name, entry=entry)
            else:
                stack.pop()

    def _is_followed(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return True
        return self.scan.options.follow_links and not self.scan.leads_into_skipped(entry.path)

    def _is_generated(self, entry: os.DirEntry[str]) -> bool:
        if self.scan.options.include_generated or not may_be_generated(entry.name):
            return False
        try:
            facts = entry.stat()
        except OSError:
            return False
        regular = stat.S_ISREG(facts.st_mode)
        return regular and is_generated(entry.path, entry.name, facts.st_size)

    def _leads_on(self, entry: os.DirEntry[str]) -> bool:
        """Tell whether a folder is entered here: of several ways to it a full walk knows the first.

        A walk to some places cannot know it, so it follows no links.
        """
        return self.scan.only is None or not entry.is_symlink()

    def _enter(
        self, path: str, place: str, above: _Folder | None = None, name: str = ""
    ) -> Iterator[_Folder]:
        """Yield the folder, ready to be walked, unless it cannot be or was walked already."""
        shown_path = place.rstrip("/") or "/"
        try:
            facts = os.stat(path)
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self.complete = False
            self.scan.problem(shown_path, FileStatus.FAILED, _reason(error, path))
            return
        if self.scan.is_skipped(facts) or (above is None and self.scan.leads_into_skipped(path)):
            if above is None:
                self.scan.problem(shown_path, "notice", SKIPPED)
            return
        if (facts.st_dev, facts.st_ino) in self.folders:
            self.scan.problem(shown_path, "notice", WALKED_ALREADY)
            return
        self.folders.add((facts.st_dev, facts.st_ino))
        entries = [entry for entry in entries if self._is_followed(entry)]
        names = {entry.name for entry in entries}
        rules = above.rules.below(name, path, names) if above else self.rules.at(path, names)
        metadata = above.metadata.below(name) if above else FolderMetadata()
        metadata = self._with_sidecar(metadata, path, place, names)
        temporary = os.path.samestat(facts, self.temporary) if self.temporary else False
        yield _Folder(place, rules, metadata, iter(entries), temporary)

    def _with_sidecar(
        self, metadata: FolderMetadata, path: str, place: str, names: set[str]
    ) -> FolderMetadata:
        try:
            return metadata.at(path, names)
        except SidecarError as error:
            self.scan.problem(place + SIDECAR, FileStatus.FAILED, str(error))
            return metadata.unknown()


def check_paths(paths: Sequence[Path]) -> None:
    """Check that all paths of a run exist, before anything is done.

    Raises
    ------
    PathNotFoundError
        Names the first that does not.
    FileNotFoundError
        One is relative, and the working directory was deleted.
    """
    if not all(map(os.path.isabs, paths)):
        os.getcwd()
    for path in paths:
        if not os.path.lexists(path):
            raise PathNotFoundError(f"{shown(str(path))} does not exist")
        if os.path.islink(path) and not os.path.exists(path):
            raise PathNotFoundError(
                f"{shown(str(path))} is a link that leads to nothing",
                hint=f"It points to {shown(os.readlink(path))}.",
            )


def _temporary_folder() -> os.stat_result | None:
    try:
        return os.stat(tempfile.gettempdir())
    except OSError:
        return None


def _is_temporary(name: str) -> bool:
    """Tell whether a run of ours keeps there what it fetched or unpacked, for a moment."""
    return name.startswith("knowledge-")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _reason(error: OSError, path: str) -> str:
    if isinstance(error, FileNotFoundError):
        return "a link to nothing" if os.path.islink(path) else "it vanished during the run"
    return (error.strerror or str(error)).lower()
