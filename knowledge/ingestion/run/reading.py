"""The reading half of a run: what is there, beside what is stored."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from knowledge.documents.options import MIB, LoadOptions
from knowledge.documents.recipes import fingerprint
from knowledge.ingestion.request import IngestRequest, Notify
from knowledge.ingestion.run.plan import Planned, Stored, described, has_recipe, is_unchanged
from knowledge.ingestion.run.tally import Tally
from knowledge.ingestion.scan.files import FoundFile
from knowledge.ingestion.scan.ignore import IgnoreRules
from knowledge.ingestion.scan.scan import Scan, check_paths
from knowledge.ingestion.sources.remote import Item, Listing, Lost, Remotes, parse_addresses
from knowledge.ingestion.sources.web import FetchLimits
from knowledge.ingestion.workers.crew import load_files
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.model import Chunk, Dataset, FileProblem, FileStatus, SourceFile, SplitterSpec
from knowledge.settings.reading import Settings

if TYPE_CHECKING:
    from knowledge.storage.store import Catalog


# Let an iterator run ahead of whoever takes its items.

T = TypeVar("T")

_TOGETHER = 256
"""Items handed over at once while nobody waits: each hand-over may wait for the other thread."""


@dataclass(frozen=True, slots=True)
class _End:
    """Stands behind the last item."""

    error: BaseException | None = None


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield ``items``, which a thread of its own takes as fast as they come.

    For small items, such as found files: all that are not taken yet are held in memory. What
    ``items`` raises is raised here, in its place.
    """
    found: queue.SimpleQueue[list[T] | _End] = queue.SimpleQueue()
    stop = threading.Event()

    def run() -> None:
        batch: list[T] = []
        error = None
        try:
            for item in items:
                if stop.is_set():
                    return
                batch.append(item)
                if len(batch) >= _TOGETHER or found.empty():
                    found.put(batch)
                    batch = []
        except BaseException as raised:  # noqa: BLE001  raised again where the items are taken
            error = raised
        found.put(batch)
        found.put(_End(error))

    thread = threading.Thread(target=run, name="scan", daemon=True)
    thread.start()
    try:
        while not isinstance(batch := found.get(), _End):
            yield from batch
        if batch.error is not None:
            raise batch.error
    finally:
        stop.set()
        thread.join()


class Reader:
    """Scans, plans, fetches and loads; tells of each file that must be looked at.

    A context manager: what it fetched is removed at the end.

    Parameters
    ----------
    catalog:
        A connection of its own, for reading; ``None`` when there is no catalog yet.
    data_folder:
        Never read as documents, also when it stands below a path of the run.
    dataset:
        ``None`` in a dry run on a dataset that does not exist.
    """

    def __init__(
        self,
        request: IngestRequest,
        catalog: Catalog | None,
        dataset: Dataset | None,
        splitter: SplitterSpec,
        settings: Settings,
        tally: Tally,
        data_folder: Path,
        notify: Notify,
    ) -> None:
        self.request = request
        self.scan = Scan(
            request.paths, request.ignore, request.recursive, data_folder, only=request.only
        )
        self.tally = tally
        self._catalog = catalog
        self._dataset = dataset
        self._splitter = splitter
        self._settings = settings
        self._options = LoadOptions.from_settings(settings, request.passwords)
        self._recipe = fingerprint(request.recipes)
        files: list[SourceFile] = []
        if dataset is not None and catalog is not None:
            with catalog.snapshot() as snapshot:
                files = list(snapshot.files(dataset))
        self.stored = Stored.of(files)
        self.remotes = Remotes(
            request, self.stored, fetch_limits(settings), self._walk_mark(), notify
        )
        self._touched: list[SourceFile] = []
        self._planned: dict[str, Planned] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remotes.close()

    def steps(self) -> Iterator[tuple[LoadedFile, Planned]]:
        """Yield each file that had to be read, beside the stored file it is, if any."""
        loaded = load_files(
            self._tasks(),
            workers=self._settings["concurrency"],
            timeout=self._settings["file_timeout"],
            memory=self._settings["file_memory"],
        )
        with contextlib.closing(loaded):  # type: ignore[type-var]
            for file in loaded:
                planned = self._planned.pop(file.task.shown)
                if planned.known is None and file.status is FileStatus.INGESTED:
                    moved = self.stored.claim_moved(file.content_hash)
                    planned = replace(planned, known=moved)
                if file.status is FileStatus.FAILED:
                    self.remotes.fail(file.task.shown)
                yield file, planned

    def take_touched(self) -> list[SourceFile]:
        """Return the unchanged files whose metadata the user changed, once."""
        touched, self._touched = self._touched, []
        return touched

    def stored_chunks(self, known: SourceFile | None) -> list[Chunk]:
        """Return the stored chunks of a file."""
        if known is None or self._dataset is None or self._catalog is None:
            return []
        with self._catalog.snapshot() as snapshot:
            dataset = snapshot.dataset_by_key(self._dataset.key)
            return snapshot.chunks_of_file(dataset, known.id, proven=False)

    def _tasks(self) -> Iterator[LoadTask]:
        for inline in self.request.inline:
            self.tally.found()
            self.scan.seen.add(inline.name)
            found = FoundFile(inline.name, inline.name, len(inline.content), 0)
            yield self._task(found, content=inline.content)
        for found in ahead(self._found()):
            stored = self.stored.by_path.get(found.shown)
            if stored and self._may_stay(stored) and is_unchanged(found, stored):
                self._unchanged(described(stored, found.folder_metadata, self.request.metadata))
            else:
                yield self._task(found)
        self._tell(self.scan.problems)
        if self.request.remote:
            yield from self._remote_tasks()

    def _remote_tasks(self) -> Iterator[LoadTask]:
        for _ in (*self.remotes.pages, *self.remotes.repositories):
            self.tally.found()
        unlisted = len(self.remotes.repositories)
        if not unlisted:
            self.tally.scanned()
        for item in self.remotes:
            if isinstance(item, Lost):
                self._lost(item)
                continue
            if not isinstance(item, Listing):
                yield from self._take(item)
                continue
            unlisted -= 1
            self.tally.found(len(item.files) - 1)  # the repository itself was counted as one
            if not unlisted:
                self.tally.scanned()
            for file in item.files:
                yield from self._take(file)
            self._tell(item.problems)
        self.tally.scanned()

    def _take(self, item: Item) -> Iterator[LoadTask]:
        if isinstance(item, SourceFile):
            self._unchanged(described(item, None, self.request.metadata))
        else:
            yield self._task(item)

    def _found(self) -> Iterator[FoundFile]:
        for found in self.scan:
            self.tally.found()
            yield found
        if not self.request.remote:
            self.tally.scanned()

    def _tell(self, problems: Iterable[FileProblem]) -> None:
        for problem in problems:
            self.tally.problem(problem.file, problem.status, problem.reason)
            if problem.status != "notice":
                self.tally.found()
                self.tally.finished(problem.file, self._status(FileStatus(problem.status)))

    def _lost(self, lost: Lost) -> None:
        """Count a source that could not be had as failed; raise when there is no other."""
        if self.request.sources == 1:
            raise lost.error
        reason = f"{lost.error.message}. {lost.error.hint}".rstrip(" .")
        told = reason.removeprefix(lost.shown).lstrip(": ")
        self.tally.problem(lost.shown, FileStatus.FAILED, told)
        self.tally.finished(lost.shown, FileStatus.FAILED)

    def _unchanged(self, file: SourceFile) -> None:
        if file != self.stored.by_path[file.path]:
            self._touched.append(file)
        self.tally.finished(file.path, FileStatus.UNCHANGED, reused=file.chunks)

    def _task(self, found: FoundFile, content: bytes | None = None) -> LoadTask:
        origin = found.origin
        stored = origin.known if origin and origin.known else self.stored.by_path.get(found.shown)
        self._planned[found.shown] = Planned(found, stored, self._recipe)
        return LoadTask(
            found.path,
            found.shown,
            self._splitter,
            max_file=self._settings["max_file_size"] * MIB,
            options=self._options,
            known_hash=stored.content_hash if stored and self._may_stay(stored) else None,
            content=content,
            size=found.size,
            name=origin.load_as if origin else "",
            recipes=tuple(self.request.recipes),
        )

    def _may_stay(self, stored: SourceFile) -> bool:
        """Tell whether a stored file may stay as it is, unless its bytes have changed."""
        return not self.request.force and has_recipe(stored, self._recipe)

    def _status(self, status: FileStatus) -> FileStatus:
        if status is FileStatus.UNSUPPORTED and self.request.err_on_unsupported:
            return FileStatus.FAILED
        return status

    def _walk_mark(self) -> str:
        """Return what tells how files are chosen and read, short enough to be stored."""
        from importlib.metadata import version

        options = self._options
        told = repr(
            (
                version("knowledge"),
                self.request.ignore,
                [path.read_bytes() for path in self.request.ignore.files],
                self.request.recursive,
                replace(options, passwords=()),
                len(options.passwords),
                *filter(None, [self._recipe]),
            )
        )
        return sha256(told.encode(errors="replace")).hexdigest()[:16]


def check_request(request: IngestRequest, settings: Settings) -> None:
    """Check what can be checked before anything is made.

    Raises
    ------
    PathNotFoundError
        A path, or a file of ignore rules, does not exist.
    UsageError
        A URL, a glob or a setting can't be understood.
    """
    check_paths(request.paths)
    IgnoreRules(request.ignore)
    parse_addresses(request.remote)
    LoadOptions.from_settings(settings, request.passwords)


def fetch_limits(settings: Settings) -> FetchLimits:
    """Return what the settings let fetching take.

    A folder's own settings open no private network unless the folder is trusted.
    """
    from knowledge.settings.trust import is_trusted

    of_folder = settings.origin("allow_private_hosts").of_folder
    return FetchLimits(
        seconds=settings["fetch_timeout"],
        file_bytes=settings["max_file_size"] * MIB,
        repository_bytes=settings["max_repository_size"] * MIB,
        allow_private=settings["allow_private_hosts"] and (not of_folder or is_trusted(settings)),
    )
