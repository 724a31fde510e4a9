"""The sources of a run that are not on this machine: pages, Git repositories, object storages."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Self

from knowledge.documents.options import LoadOptions
from knowledge.documents.recipes import fingerprint
from knowledge.errors import KnowledgeError
from knowledge.files.private import temporary_folder
from knowledge.ingestion.request import Notify, RunRequest
from knowledge.ingestion.scan.files import FoundFile, Origin
from knowledge.ingestion.scan.ignore import IgnoreRules
from knowledge.ingestion.sources.addresses import Objects, Page, Repository, parse_addresses
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.repositories import Commit, Commits, stored_files
from knowledge.ingestion.stored import Stored, has_recipe
from knowledge.model import FileProblem, SourceFile

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

    from knowledge.ingestion.sources.web import FetchedPage

Item = FoundFile | SourceFile
"""A file to be read, or a stored one that is unchanged."""


@dataclass(frozen=True, slots=True)
class FailedSource:
    """A page, repository or storage that could not be fetched."""

    shown: str
    error: KnowledgeError


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is of one repository, or of the objects below one address.

    Parameters
    ----------
    files:
        May be fetched while they are taken; one that can't be is a problem among them.
    count:
        How many there are.
    problems:
        What was found out beside them.
    """

    files: Iterable[Item | FileProblem]
    count: int
    problems: Sequence[FileProblem] = ()


class Remotes:
    """Fetches the pages, repositories and objects of a run; iterate once.

    A context manager: what it fetched is removed at the end.

    Parameters
    ----------
    commits:
        Gets those that are fetched.
    walk:
        Stands for how files of repositories are chosen and read, as :func:`walk_mark` returns it.

    Raises
    ------
    UsageError
        A source is no URL that can be read, or two name the same repository.
    """

    gone: list[SourceFile]
    """Stored objects that are not in their storage any more; known once all was taken."""

    def __init__(
        self,
        request: RunRequest,
        stored: Stored,
        commits: Commits,
        limits: FetchLimits,
        walk: str,
        notify: Notify,
    ) -> None:
        addresses = parse_addresses(request.remote)
        self.pages = addresses.pages
        self.listed: Sequence[Repository | Objects] = (*addresses.repositories, *addresses.objects)
        """Those of which it is not known yet how many files they have."""
        self._request = request
        self._recipe = fingerprint(request.recipes)
        self._stored = stored
        self._commits = commits
        self._limits = limits
        self._walk = walk
        self._notify = notify
        self._folder: TemporaryDirectory[str] | None = None
        self.gone = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __iter__(self) -> Iterator[Item | Listing | FailedSource]:
        """Yield each page, what there is of each other source, and what could not be fetched."""
        yield from self._pages()
        for number, source in enumerate(self.listed):
            try:
                if isinstance(source, Repository):
                    yield self._repository(source, f"repository-{number}")
                else:
                    yield self._objects(source, f"objects-{number}")
            except KnowledgeError as error:
                yield FailedSource(source.name, _naming(error, source.name))

    def release(self, path: str) -> None:
        """Remove what was fetched into a file of its own, which has been read now."""
        if self._folder is not None and os.path.dirname(path) == self._folder.name:
            with contextlib.suppress(OSError):  # else it goes with the folder
                os.unlink(path)

    def _pages(self) -> Iterator[Item | FailedSource]:
        if not self.pages:
            return
        from knowledge.ingestion.sources.pages import PageRequest, fetch_pages

        requests = [PageRequest(page, self._remembered(page)) for page in self.pages]
        for page, result in fetch_pages(requests, self._limits, self._temporary()):
            stored = self._stored.at(page.shown)
            try:
                fetched = result()
            except KnowledgeError as error:
                yield FailedSource(page.shown, error)
                continue
            if fetched is not None:
                yield _found_file(page, fetched)
            elif stored is not None:
                yield stored

    def _remembered(self, page: Page) -> dict[str, object]:
        stored = self._stored.at(page.shown)
        if stored is None or self._request.force:
            return {}
        return dict(stored.remembered) if has_recipe(stored, self._recipe) else {}

    def _repository(self, repository: Repository, place: str) -> Listing:
        from knowledge.ingestion.sources.git import RemoteRepository

        remote = RemoteRepository(repository, self._limits)
        tip = remote.tip()
        old = stored_files(repository, self._stored.by_path.values())
        commit = Commit(repository, tip, self._walk, old)
        if commit.is_stored and not self._request.force:
            return Listing([old[path] for path in sorted(old)], len(old))
        self._notify(f"fetching {repository.name} at {tip.ref}, commit {tip.commit[:12]}")
        folder = os.path.join(self._temporary(), place)
        made = remote.fetch(tip.commit, folder)
        request = self._request
        found = commit.files(folder, made, request.ignore, recursive=request.recursive)
        self._stored.replaced |= {file.id for file in commit.gone()}
        self._commits.add(commit)
        return Listing(found, len(found), commit.problems)

    def _objects(self, objects: Objects, place: str) -> Listing:
        from knowledge.ingestion.sources.object_store import ObjectStore
        from knowledge.ingestion.sources.objects import ObjectFetch, ObjectWalk

        request, by_path = self._request, self._stored.by_path
        self._notify(f"listing {objects.name}")
        store = ObjectStore(objects, self._limits)
        place = os.path.join(self._temporary(), place)
        os.mkdir(place)
        walk = ObjectWalk(
            store, IgnoreRules(request.ignore), self._limits, place, recursive=request.recursive
        )
        walk.run()
        gone = walk.gone(by_path)
        self._stored.replaced |= {file.id for file in gone}
        self.gone += gone
        stays = (
            {}
            if request.force
            else {path: file for path, file in by_path.items() if has_recipe(file, self._recipe)}
        )
        files = ObjectFetch(store, self._limits, place).files(walk.found, stays)
        return Listing(files, len(walk.found), walk.problems)

    def _temporary(self) -> str:
        if self._folder is None:
            self._folder = temporary_folder()
        return self._folder.name


def walk_mark(request: RunRequest, options: LoadOptions) -> str:
    """Return a hash of all that decides how files are chosen and read."""
    from importlib.metadata import version

    way = repr(
        (
            version("knowledge"),
            request.ignore,
            [path.read_bytes() for path in request.ignore.files],
            request.recursive,
            replace(options, passwords=()),
            len(options.passwords),
            *filter(None, [fingerprint(request.recipes)]),
        )
    )
    return sha256(way.encode(errors="replace")).hexdigest()[:16]


def _found_file(page: Page, fetched: FetchedPage) -> FoundFile:
    origin = Origin(fetched.name, fetched.load_as, fetched.mtime_ns, remembered=fetched.remembered)
    return FoundFile(fetched.path, page.shown, fetched.size, fetched.mtime_ns, origin=origin)


def _naming(error: KnowledgeError, name: str) -> KnowledgeError:
    """Return the error with what it is about in its message."""
    if name not in error.message:
        error.message = f"{name}: {error.message}"
    return error
