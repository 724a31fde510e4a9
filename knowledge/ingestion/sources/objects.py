"""The objects below an address: which are taken, which have changed, which are gone.

One listing tells. Folders that a rule leaves out are not listed, and only objects are fetched whose
``ETag`` (on SFTP: time) or size differs from the stored one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from knowledge.errors import FetchError, KnowledgeError, PathNotFoundError
from knowledge.ingestion.scan.files import FoundFile, Origin
from knowledge.ingestion.scan.folder_metadata import SIDECAR, FolderMetadata, SidecarError
from knowledge.ingestion.scan.generated import is_generated, left_out
from knowledge.ingestion.scan.ignore import GITIGNORE, IGNORE_FILE, FolderRules, IgnoreRules
from knowledge.ingestion.sources.ahead import ahead
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.object_store import Entry, ObjectStore
from knowledge.model import FileProblem, FileStatus, SourceFile

MOST_OBJECTS = 1_000_000
ABOUT_OTHERS = frozenset({IGNORE_FILE, GITIGNORE, SIDECAR})
"""Objects that say something of the others in their folder."""
_GRAIN = timedelta(seconds=2)
"""A change within this of an ingest may have the same time."""


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object to look at.

    Parameters
    ----------
    key:
        Its path from the address; empty when it is what was named.
    metadata:
        What ``.knowledge.json`` objects say of it; ``None`` when one of them can't be read.
    """

    key: str
    entry: Entry
    metadata: Mapping[str, Any] | None


@dataclass(slots=True)
class _Folder:
    """A folder to be listed; ``path`` ends in ``/`` or is empty."""

    path: str
    rules: FolderRules | None = None
    metadata: FolderMetadata = field(default_factory=FolderMetadata)


class ObjectWalk:
    """Lists what is below an address, some folders at the same time.

    Parameters
    ----------
    folder:
        Takes copies of the objects that say something of others.
    """

    def __init__(
        self,
        store: ObjectStore,
        rules: IgnoreRules,
        limits: FetchLimits,
        folder: str,
        *,
        recursive: bool,
    ) -> None:
        self._store = store
        self._rules = rules
        self._limits = limits
        self._folder = folder
        self._recursive = recursive
        self._copies = 0
        self._listed: set[str] = set()
        self._passed_over: list[str] = []
        self._generated: list[str] = []
        self.found: list[FoundObject] = []
        self.problems: list[FileProblem] = []

    @property
    def base(self) -> str:
        """URL of the address, as in the catalog."""
        return self._store.objects.name

    def run(self) -> None:
        """Find all objects.

        Raises
        ------
        FetchError, PathNotFoundError
            The address itself can't be listed, nothing is there, or there are too many objects.
        """
        root = self._store.root()
        if not root.is_folder:
            self._listed.add("")
            self.found.append(FoundObject("", root, {}))
            return
        folders = [_Folder("")]
        while folders:
            folders = [below for one in self._listings(folders) for below in self._taken(*one)]
        if not self._listed and not self._passed_over:
            raise PathNotFoundError(f"{self.base} holds no objects", hint="Check the URL.")
        self.found.sort(key=lambda one: one.key)
        if self._generated:
            self._problem("", "notice", left_out(self._generated))

    def gone(self, stored: Mapping[str, SourceFile]) -> list[SourceFile]:
        """Return the stored files that are not in the storage any more.

        Nothing is known of folders that were not listed.
        """
        start = self.base + "/"
        passed_over = tuple(start + path for path in self._passed_over)
        return [
            file
            for path, file in stored.items()
            if path.startswith(start)
            and path.removeprefix(start) not in self._listed
            and not path.startswith(passed_over)
            and "" not in self._listed
        ]

    def _listings(
        self, folders: list[_Folder]
    ) -> Iterator[tuple[_Folder, Callable[[], list[Entry]]]]:
        return ahead(
            folders,
            lambda folder: self._store.listing(folder.path),
            self._store.at_once,
            self._limits.seconds,
            lambda folder: f"{self.base}/{folder.path}",
        )

    def _taken(self, folder: _Folder, listing: Callable[[], list[Entry]]) -> list[_Folder]:
        """Take the objects of a folder; return its folders that are to be listed.

        A folder below the address that can't be listed, or whose rules can't be read, costs itself.
        """
        try:
            entries = listing()
            rules = self._enter(folder, entries)
        except KnowledgeError as error:
            if not folder.path:
                raise
            self._passed_over.append(folder.path)
            self._problem(folder.path, FileStatus.FAILED, error.message)
            return []
        return list(self._take(folder, entries, rules))

    def _take(self, folder: _Folder, entries: list[Entry], rules: FolderRules) -> Iterator[_Folder]:
        for entry in entries:
            path = folder.path + entry.name
            if entry.is_folder:
                if self._recursive and not rules.ignores(entry.name, is_folder=True):
                    yield _Folder(f"{path}/", rules, folder.metadata.below(entry.name))
                else:
                    self._passed_over.append(f"{path}/")
                continue
            self._listed.add(path)
            if len(self._listed) > MOST_OBJECTS:
                raise FetchError(f"{self.base} holds more than {MOST_OBJECTS:,} objects")
            if rules.ignores(entry.name, is_folder=False):
                continue
            if self._is_generated(entry.name):
                self._generated.append(entry.name)
            else:
                self.found.append(FoundObject(path, entry, folder.metadata.of(entry.name)))

    def _enter(self, folder: _Folder, entries: list[Entry]) -> FolderRules:
        """Read what the folder itself says of its objects; return its rules."""
        names = {entry.name for entry in entries if not entry.is_folder or entry.name == ".git"}
        copy = self._copied(folder.path, [one for one in entries if one.name in ABOUT_OTHERS])
        try:
            folder.metadata = folder.metadata.at(copy, names)
        except SidecarError as error:
            self._problem(folder.path + SIDECAR, FileStatus.FAILED, str(error))
            folder.metadata = folder.metadata.unknown()
        if folder.rules is None:
            return self._rules.at_copy(copy, names)
        return folder.rules.below(folder.path.rstrip("/").rpartition("/")[2], copy, names)

    def _copied(self, path: str, entries: list[Entry]) -> str:
        """Return a folder with copies of some objects of the one at ``path``."""
        if not entries:
            return self._folder
        self._copies += 1
        folder = os.path.join(self._folder, f"about-{self._copies}")
        os.mkdir(folder)
        for entry in entries:
            self._store.fetch(path + entry.name, entry, os.path.join(folder, entry.name))
        return folder

    def _is_generated(self, name: str) -> bool:
        # By its name alone: a look at its first bytes would cost a request for each object.
        return not self._rules.options.include_generated and is_generated(os.devnull, name, 0)

    def _problem(self, path: str, status: FileStatus | str, reason: str) -> None:
        shown = f"{self.base}/{path}".rstrip("/")
        self.problems.append(FileProblem(shown, str(status), reason.removeprefix(f"{shown}: ")))


class ObjectFetch:
    """Fetches the objects of an address that have changed.

    Parameters
    ----------
    place:
        Beginning of the paths of the files that take them.
    """

    def __init__(self, store: ObjectStore, limits: FetchLimits, place: str) -> None:
        self._store = store
        self._limits = limits
        self._place = place

    def files(
        self, found: list[FoundObject], stored: Mapping[str, SourceFile]
    ) -> Iterator[FoundFile | FileProblem]:
        """Yield what is unchanged, then each other object once it is fetched, a few ahead.

        Parameters
        ----------
        stored:
            The files that stay as they are where the storage has not changed them.
        """
        changed = []
        for one in found:
            if is_stored(one.entry, stored.get(self.shown(one))):
                yield self._file(one, "", one.entry.size, unchanged=True)
            else:
                changed.append(one)
        results = ahead(
            enumerate(changed),
            self._fetch,
            self._store.at_once,
            self._limits.seconds,
            lambda numbered: self.shown(numbered[1]),
        )
        for (_, one), result in results:
            try:
                path, size = result()
            except KnowledgeError as error:
                shown = self.shown(one)
                reason = f"{error.message}. {error.hint}".rstrip(" .")
                reason = reason.removeprefix(shown).lstrip(": ")
                yield FileProblem(shown, str(FileStatus.FAILED), reason)
            else:
                yield self._file(one, path, size)

    def shown(self, one: FoundObject) -> str:
        """Return the URL that an object is cited by."""
        return f"{self._store.objects.name}/{one.key}" if one.key else self._store.objects.name

    def _fetch(self, numbered: tuple[int, FoundObject]) -> tuple[str, int]:
        number, one = numbered
        path = f"{self._place}-{number}"
        return path, self._store.fetch(one.key, one.entry, path)

    def _file(
        self, one: FoundObject, path: str, size: int, *, unchanged: bool = False
    ) -> FoundFile:
        entry = one.entry
        origin = Origin(
            entry.name, entry.name, entry.mtime_ns, remembered=_mark(entry), unchanged=unchanged
        )
        return FoundFile(path, self.shown(one), size, entry.mtime_ns, one.metadata, origin)


def is_stored(entry: Entry, stored: SourceFile | None) -> bool:
    """Tell whether size and mark prove that an object is the stored one."""
    if stored is None or not _mark(entry).items() <= stored.remembered.items():
        return False
    if entry.exact:
        return True
    changed = datetime.fromtimestamp(entry.mtime_ns / 1e9, tz=stored.ingested_at.tzinfo)
    return changed + _GRAIN < stored.ingested_at


def _mark(entry: Entry) -> dict[str, Any]:
    return {"mark": entry.mark, "bytes": entry.size}
