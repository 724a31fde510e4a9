"""The sources of a run that are not on this machine: pages and Git repositories."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from knowledge.documents.recipes import fingerprint
from knowledge.errors import KnowledgeError, UsageError
from knowledge.files.private import temporary_folder
from knowledge.ingestion.request import IngestRequest, Notify
from knowledge.ingestion.run.plan import Stored, has_recipe
from knowledge.ingestion.scan.files import FoundFile, Origin
from knowledge.ingestion.sources.addresses import Page, Repository, parse_address
from knowledge.ingestion.sources.git import RemoteRepository
from knowledge.ingestion.sources.pages import Wanted, fetch_pages
from knowledge.ingestion.sources.repositories import Commit, stored_files
from knowledge.ingestion.sources.web import FetchedPage, FetchLimits
from knowledge.model import FileProblem, SourceFile

Item = FoundFile | SourceFile
"""A file to be read, or a stored one that is unchanged."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A page or repository that could not be had."""

    shown: str
    error: KnowledgeError


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is of one repository."""

    files: Sequence[Item]
    problems: Sequence[FileProblem] = ()


class Remotes:
    """Fetches the pages and repositories of a run; iterate once, then ask what is gone.

    Parameters
    ----------
    walk:
        Tells how files of repositories are chosen and read.

    Raises
    ------
    UsageError
        A source is no URL that can be read, or two name the same repository.
    """

    def __init__(
        self,
        request: IngestRequest,
        stored: Stored,
        limits: FetchLimits,
        walk: str,
        notify: Notify,
    ) -> None:
        self.pages, self.repositories = parse_addresses(request.remote)
        self._request = request
        self._stored = stored
        self._limits = limits
        self._walk = walk
        self._notify = notify
        self._commits: list[Commit] = []
        self._folder: TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Remove what was fetched."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __iter__(self) -> Iterator[Item | Listing | Lost]:
        """Yield each page, then what there is of each repository, and what could not be had."""
        yield from self._pages()
        for number, repository in enumerate(self.repositories):
            try:
                yield self._repository(repository, f"repository-{number}")
            except KnowledgeError as error:
                yield Lost(repository.name, _naming(error, repository.name))

    def keep(self, file: SourceFile) -> None:
        """Note a file as it will be stored."""
        commit = self._commit_of(file.path)
        if commit is not None:
            commit.keep(file)

    def fail(self, shown: str) -> None:
        """Note that a file failed: its repository must be looked at again."""
        commit = self._commit_of(shown)
        if commit is not None:
            commit.failed = True

    def finish(self) -> tuple[list[SourceFile], list[SourceFile]]:
        """Return the stored files to remove, and those to touch, once all files are taken."""
        done = [commit for commit in self._commits if commit.fetched]
        gone = [file for commit in done for file in commit.gone()]
        marks = [commit.mark() for commit in done]
        moved = self._stored.moved
        return [f for f in gone if f.id not in moved], [mark for mark in marks if mark is not None]

    def _pages(self) -> Iterator[Item | Lost]:
        if not self.pages:
            return
        wanted = [Wanted(page, self._remembered(page)) for page in self.pages]
        for page, result in fetch_pages(wanted, self._limits, self._temporary()):
            stored = self._stored.by_path.get(page.shown)
            try:
                fetched = result()
            except KnowledgeError as error:
                yield Lost(page.shown, error)
                continue
            if fetched is not None:
                yield _found(page, fetched)
            elif stored is not None:
                yield stored

    def _remembered(self, page: Page) -> dict[str, object]:
        stored = self._stored.by_path.get(page.shown)
        if stored is None or self._request.force:
            return {}
        recipe = fingerprint(self._request.recipes)
        return dict(stored.remembered) if has_recipe(stored, recipe) else {}

    def _repository(self, repository: Repository, place: str) -> Listing:
        remote = RemoteRepository(repository, self._limits)
        tip = remote.tip()
        old = stored_files(repository, self._stored.by_path.values())
        commit = Commit(repository, tip, self._walk, old)
        if commit.is_stored and not self._request.force:
            return Listing([old[path] for path in sorted(old)])
        self._notify(f"fetching {repository.name} at {tip.ref}, commit {tip.commit[:12]}")
        folder = os.path.join(self._temporary(), place)
        made = remote.fetch(tip.commit, folder)
        request = self._request
        found = commit.files(folder, made, request.ignore, recursive=request.recursive)
        self._stored.replaced |= {file.id for file in commit.gone()}
        self._commits.append(commit)
        return Listing(found, commit.problems)

    def _commit_of(self, path: str) -> Commit | None:
        return next((commit for commit in self._commits if path.startswith(commit.base)), None)

    def _temporary(self) -> str:
        if self._folder is None:
            self._folder = temporary_folder()
        return self._folder.name


def parse_addresses(sources: Sequence[str]) -> tuple[list[Page], list[Repository]]:
    """Return what URLs name; the same page twice is one.

    Raises
    ------
    UsageError
        One is no URL that can be read, or two name the same repository.
    """
    parsed = [parse_address(source) for source in sources]
    pages = {one.shown: one for one in parsed if isinstance(one, Page)}
    repositories: dict[str, Repository] = {}
    for one in parsed:
        if isinstance(one, Repository) and repositories.setdefault(one.name, one) != one:
            raise UsageError(
                f"{one.name} is named twice",
                hint="A dataset holds one commit of a repository; use two datasets for two.",
            )
    return list(pages.values()), list(repositories.values())


def _found(page: Page, fetched: FetchedPage) -> FoundFile:
    origin = Origin(fetched.name, fetched.load_as, fetched.mtime_ns, remembered=fetched.remembered)
    return FoundFile(fetched.path, page.shown, fetched.size, fetched.mtime_ns, origin=origin)


def _naming(error: KnowledgeError, name: str) -> KnowledgeError:
    """Return the error with what it is about in its message."""
    if name not in error.message:
        error.message = f"{name}: {error.message}"
    return error
