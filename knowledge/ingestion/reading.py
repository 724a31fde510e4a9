"""The reading half of a run: what is there, beside what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.documents.options import MIB, LoadOptions
from knowledge.ingestion.ahead import ahead
from knowledge.ingestion.loading import LoadedFile, LoadTask
from knowledge.ingestion.plan import Stored, given_metadata, is_unchanged
from knowledge.ingestion.request import IngestRequest
from knowledge.ingestion.scan import FoundFile, Scan
from knowledge.ingestion.tally import Tally
from knowledge.ingestion.workers import load_files
from knowledge.model import Chunk, Dataset, FileStatus, SourceFile, SplitterSpec
from knowledge.settings import Settings

if TYPE_CHECKING:
    from knowledge.storage.catalog import Catalog


class Reader:
    """Scans, plans and loads; tells of each file that must be looked at.

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
    ) -> None:
        self.request = request
        self.scan = Scan(request.paths, request.ignore, request.recursive, data_folder)
        self.tally = tally
        self._catalog = catalog
        self._dataset = dataset
        self._splitter = splitter
        self._settings = settings
        self._options = LoadOptions.from_settings(settings, request.passwords)
        files: list[SourceFile] = []
        if dataset is not None and catalog is not None:
            with catalog.snapshot() as snapshot:
                files = list(snapshot.files(dataset))
        self.stored = Stored.of(files)
        self._touched: list[SourceFile] = []

    def steps(self) -> Iterator[tuple[LoadedFile, SourceFile | None]]:
        """Yield each file that had to be read, with the stored file it is, if any."""
        loaded = load_files(
            self._tasks(),
            workers=self._settings["concurrency"],
            timeout=self._settings["file_timeout"],
        )
        for file in loaded:
            known = self.stored.by_path.get(file.task.shown)
            if known is None and file.status is FileStatus.INGESTED:
                known = self.stored.claim_moved(file.content_hash)
            yield file, known

    def take_touched(self) -> list[SourceFile]:
        """Return the unchanged files whose metadata the user changed, once."""
        touched, self._touched = self._touched, []
        return touched

    def stored_chunks(self, known: SourceFile | None) -> list[Chunk]:
        """Return the stored chunks of a file."""
        if known is None or self._dataset is None or self._catalog is None:
            return []
        with self._catalog.snapshot() as snapshot:
            dataset = snapshot.dataset(self._dataset.name)
            return snapshot.chunks_of_file(dataset, known.id)

    def _tasks(self) -> Iterator[LoadTask]:
        for inline in self.request.inline:
            self.tally.found()
            self.scan.seen.add(inline.name)
            yield self._task(inline.name, inline.name, content=inline.content)
        for found in ahead(self._found()):
            stored = self.stored.by_path.get(found.shown)
            if stored and not self.request.force and is_unchanged(found, stored):
                self._unchanged(stored)
            else:
                yield self._task(found.path, found.shown)
        for problem in self.scan.problems:
            self.tally.problem(problem.file, problem.status, problem.reason)
            if problem.status != "notice":
                self.tally.found()
                self.tally.finished(problem.file, self._status(FileStatus(problem.status)))

    def _found(self) -> Iterator[FoundFile]:
        for found in self.scan:
            self.tally.found()
            yield found
        self.tally.scanned()

    def _unchanged(self, stored: SourceFile) -> None:
        given = given_metadata(stored, self.request.metadata)
        if given != stored.given:
            self._touched.append(replace(stored, given=given))
        self.tally.finished(stored.path, FileStatus.UNCHANGED, reused=stored.chunks)

    def _task(self, path: str, shown: str, content: bytes | None = None) -> LoadTask:
        stored = None if self.request.force else self.stored.by_path.get(shown)
        return LoadTask(
            path,
            shown,
            self._splitter,
            max_file=self._settings["max_file_size"] * MIB,
            options=self._options,
            known_hash=stored.content_hash if stored else None,
            content=content,
        )

    def _status(self, status: FileStatus) -> FileStatus:
        if status is FileStatus.UNSUPPORTED and self.request.err_on_unsupported:
            return FileStatus.FAILED
        return status
