"""The files of a Git repository at one commit, beside those that are stored of it.

A dataset holds one commit of a repository. When another one is taken, a file keeps its id by its
path inside the repository, or by its content when it was moved; what the commit does not have is
removed once the rest is in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from knowledge.documents.signatures import ELSEWHERE, LARGEST_POINTER, is_pointer
from knowledge.ingestion.scan.files import FoundFile, Origin
from knowledge.ingestion.scan.ignore import IgnoreOptions
from knowledge.ingestion.scan.scan import Scan
from knowledge.ingestion.sources.addresses import Repository
from knowledge.model import FileProblem, FileStatus, SourceFile

if TYPE_CHECKING:
    from knowledge.ingestion.sources.git import Tip


@dataclass(slots=True)
class Commit:
    """What a run takes of one repository.

    Parameters
    ----------
    walk:
        Stands for how its files are chosen and read; a run with the same need not look again.
    old:
        The files that are stored of it, at any commit, by path inside it.
    """

    repository: Repository
    tip: Tip
    walk: str
    old: dict[str, SourceFile]
    base: str = field(init=False)
    """URL of the folder that holds its files, ending in ``/``."""
    fetched: bool = field(init=False, default=False)
    """All its files are found."""
    failed: bool = field(init=False, default=False)
    problems: list[FileProblem] = field(init=False, default_factory=list)
    _kept: dict[str, SourceFile] = field(init=False, default_factory=dict)
    _paths: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        from knowledge.ingestion.sources.git import files_url

        self.base = files_url(self.repository.name, self.tip.commit) + "/"

    @property
    def is_stored(self) -> bool:
        """True when the dataset holds all of this commit that this run would take."""
        marks = [file.remembered for file in self.old.values() if "walk" in file.remembered]
        whole = {"walk": self.walk, "files": len(self.old)}
        return (
            len(marks) == 1
            and {key: marks[0].get(key) for key in whole} == whole
            and all(file.path.startswith(self.base) for file in self.old.values())
        )

    def files(
        self, folder: str, made: int, options: IgnoreOptions, *, recursive: bool
    ) -> list[FoundFile]:
        """Return the files to look at.

        Parameters
        ----------
        folder:
            Holds the commit's files.
        made:
            When the commit was made, in seconds.
        """
        options = replace(options, follow_links=False)  # Git writes none; should it, none leads out
        scan = Scan([Path(folder)], options, recursive, address=self.base.rstrip("/"))
        found = [self._found_file(file, made) for file in scan if not self._is_pointer(file)]
        self.problems += scan.problems
        self._paths = {file.shown.removeprefix(self.base) for file in found}
        self.fetched = bool(scan.roots)
        return found

    def gone(self) -> list[SourceFile]:
        """Return the stored files that the commit does not have."""
        return [file for path, file in self.old.items() if path not in self._paths]

    def keep(self, file: SourceFile) -> None:
        """Note a file of it as it will be stored."""
        self._kept[file.path] = file

    def mark(self) -> SourceFile | None:
        """Return one of its files with the mark that all of them are there; ``None`` when not."""
        failed = self.failed or any(one.status == FileStatus.FAILED for one in self.problems)
        if failed or not self.fetched or not self._kept:
            return None
        first = self._kept[min(self._kept)]
        mark = {"walk": self.walk, "files": len(self._kept)}
        return replace(first, remembered={**first.remembered, **mark})

    def _found_file(self, file: FoundFile, made: int) -> FoundFile:
        path = file.shown.removeprefix(self.base)
        name = PurePosixPath(path).name
        facts: dict[str, Any] = {
            "repository": self.repository.name,
            "commit": self.tip.commit,
            "ref": self.tip.ref,
        }
        origin = Origin(name, name, made * 1_000_000_000, facts, known=self.old.get(path))
        return replace(file, origin=origin)

    def _is_pointer(self, file: FoundFile) -> bool:
        if file.size > LARGEST_POINTER:
            return False
        with open(file.path, "rb") as content:
            pointer = is_pointer(content.read(LARGEST_POINTER))
        if pointer:
            self.problems.append(FileProblem(file.shown, str(FileStatus.UNSUPPORTED), ELSEWHERE))
        return pointer


class Commits:
    """The commits that a run takes, and what becomes of their files."""

    def __init__(self) -> None:
        self._all: list[Commit] = []

    def add(self, commit: Commit) -> None:
        """Begin to take a commit."""
        self._all.append(commit)

    def keep(self, file: SourceFile) -> None:
        """Note a file as it will be stored."""
        for commit in self._of(file.path):
            commit.keep(file)

    def fail(self, path: str) -> None:
        """Note that a file failed: its repository must be looked at again."""
        for commit in self._of(path):
            commit.failed = True

    def gone(self, moved: set[str]) -> list[SourceFile]:
        """Return the stored files that the commits do not have, but for those ``moved``, by id."""
        gone = [file for commit in self._all if commit.fetched for file in commit.gone()]
        return [file for file in gone if file.id not in moved]

    def marks(self) -> list[SourceFile]:
        """Return a file of each commit that is there completely, with the mark of that."""
        marks = [commit.mark() for commit in self._all]
        return [mark for mark in marks if mark is not None]

    def _of(self, path: str) -> list[Commit]:
        return [commit for commit in self._all if path.startswith(commit.base)]


def stored_files(repository: Repository, files: Iterable[SourceFile]) -> dict[str, SourceFile]:
    """Return the stored files of a repository, at any commit, by their path inside it."""
    from knowledge.ingestion.sources.git import files_url

    found = {}
    for file in files:
        commit = file.metadata.get("commit")
        if file.metadata.get("repository") == repository.name and isinstance(commit, str):
            base = files_url(repository.name, commit) + "/"
            if file.path.startswith(base):
                found[file.path.removeprefix(base)] = file
    return found
