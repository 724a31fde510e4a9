"""Find the files of a run: texts that were given, folders, and what URLs name."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.remote import FailedSource, Item, Listing, Remotes
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.scan.files import FoundFile, Origin
from knowledge.ingestion.scan.patterns import stopped_by
from knowledge.ingestion.scan.scan import Scan
from knowledge.model import FileProblem, FileStatus
from knowledge.requests import InlineText

T = TypeVar("T")

_TOGETHER = 256
"""Items handed over at once while nobody waits: each hand-over may wait for the other thread."""


class Discovery:
    """Yields what there is of all sources of a run, and counts it."""

    def __init__(self, request: RunRequest, scan: Scan, remotes: Remotes, stats: RunStats) -> None:
        self._request = request
        self._scan = scan
        self._remotes = remotes
        self._stats = stats

    def files(self) -> Iterator[Item]:
        """Yield files that may have to be read, and stored ones that are unchanged for sure.

        Raises
        ------
        FetchError, PathNotFoundError
            The only source of the run is a URL, and it cannot be fetched.
        """
        # Of several with one name, the last counts, as if they had come one after the other.
        for inline in {one.name: one for one in self._request.inline}.values():
            self._stats.found()
            self._scan.seen.add(inline.name)
            yield _inline(inline)
        yield from prefetched(self._scanned())
        self._report(self._scan.problems)
        if self._request.remote:
            yield from self._fetched()
            self._stats.scanned()

    def _scanned(self) -> Iterator[FoundFile]:
        for file in self._scan:
            self._stats.found()
            yield file
        if self._scan.unchanged is not None:
            self._scan.unchanged.count()
        if not self._request.remote:
            self._stats.scanned()

    def _fetched(self) -> Iterator[Item]:
        unlisted = len(self._remotes.listed)
        self._stats.found(len(self._remotes.pages) + unlisted)
        if not unlisted:
            self._stats.scanned()
        for item in self._remotes:
            if isinstance(item, FailedSource):
                self._failed(item)
            elif isinstance(item, Listing):
                unlisted -= 1
                self._stats.found(item.count - 1)  # the source itself was counted as one
                if not unlisted:
                    self._stats.scanned()
                yield from self._files(item)
                self._report(item.problems)
            else:
                yield item

    def _files(self, listing: Listing) -> Iterator[Item]:
        for item in listing.files:
            if isinstance(item, FileProblem):
                self._stats.problem(item.file, item.status, item.reason)
                self._stats.finished(item.file, FileStatus(item.status))
            else:
                yield item

    def _report(self, problems: Iterable[FileProblem]) -> None:
        for problem in problems:
            self._stats.problem(problem.file, problem.status, problem.reason)
            if problem.status != "notice":
                self._stats.found()
                status = self._request.counted_as(FileStatus(problem.status))
                self._stats.finished(problem.file, status)

    def _failed(self, source: FailedSource) -> None:
        """Count a source that cannot be fetched as failed; raise when there is no other."""
        if self._request.sources == 1:
            raise source.error
        reason = f"{source.error.message}. {source.error.hint}".rstrip(" .")
        reason = reason.removeprefix(source.shown).lstrip(": ")
        self._stats.problem(source.shown, FileStatus.FAILED, reason)
        self._stats.finished(source.shown, FileStatus.FAILED)


@dataclass(frozen=True, slots=True)
class _End:
    """Stands behind the last item."""

    error: BaseException | None = None


def prefetched(items: Iterable[T]) -> Iterator[T]:
    """Yield ``items``, which a thread of its own takes as fast as they come.

    For small items, such as found files: all that are not taken yet are held in memory. What
    ``items`` raises is raised here, in its place.
    """
    batches: queue.SimpleQueue[list[T] | _End] = queue.SimpleQueue()
    stop = threading.Event()

    def run() -> None:
        batch: list[T] = []
        error = None
        try:
            with stopped_by(stop):
                for item in items:
                    if stop.is_set():
                        return
                    batch.append(item)
                    if len(batch) >= _TOGETHER or batches.empty():
                        batches.put(batch)
                        batch = []
        except BaseException as raised:  # noqa: BLE001  raised again where the items are taken
            error = raised
        batches.put(batch)
        batches.put(_End(error))

    thread = threading.Thread(target=run, name="scan", daemon=True)
    thread.start()
    try:
        while not isinstance(batch := batches.get(), _End):
            yield from batch
        if batch.error is not None:
            raise batch.error
    finally:
        stop.set()
        thread.join()


def _inline(given: InlineText) -> FoundFile:
    name, content = given.name, given.content
    if isinstance(content, bytes):
        return FoundFile(name, name, len(content), 0, content=content, given=given.metadata)
    kind = PurePosixPath(name).name
    size = content.stat().st_size
    return FoundFile(str(content), name, size, 0, origin=Origin(kind, kind), given=given.metadata)
