"""What one loaded file changes in the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.changes import Remove, Touch, Write
from knowledge.ingestion.run.plan import Planned
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.run.updating import Updater
from knowledge.ingestion.sources.repositories import Commits
from knowledge.ingestion.workers.loading import LoadedFile
from knowledge.model import FileProblem, FileStatus, SourceFile
from tests.ingestion.run.steps import (
    ListPool,
    ListSink,
    StoredFiles,
    found,
    loaded,
    stored_file,
)

OLD = stored_file()


class Update:
    """One loaded file through the updater, and what came of it."""

    def __init__(
        self,
        file: LoadedFile,
        known: SourceFile | None = None,
        *stored: SourceFile,
        texts: Sequence[str] = (),
        **options: Any,
    ) -> None:
        self.sink, self.pool, self.stats = ListSink(), ListPool(), RunStats()
        files = StoredFiles(*filter(None, (known, *stored)), texts={OLD.path: texts})
        updater = Updater(
            RunRequest([], **options),
            files,
            Commits(),
            self.stats,
            self.sink,
            self.pool,  # type: ignore[arg-type]
        )
        updater.take(file, Planned(found(file.task.shown), known))

    @property
    def write(self) -> Write:
        (change,) = self.sink.changes
        assert isinstance(change, Write)
        return change


def test_a_new_file_is_written_with_all_its_chunks() -> None:
    update = Update(loaded("/docs/a.md", "one", "two", metadata={"title": "A"}))
    assert update.pool.texts == ["one", "two"]
    file = update.write.file
    assert (file.path, file.name, file.chunks, file.tokens) == ("/docs/a.md", "a.md", 2, 4)
    assert file.metadata == {"title": "A"}
    assert [chunk.file_id for chunk in update.write.diff.added] == [file.id] * 2
    assert update.write.vectors is not None


def test_only_chunks_that_are_new_are_embedded() -> None:
    update = Update(loaded("/docs/a.md", "one", "three"), OLD, texts=["one", "two"])
    assert update.pool.texts == ["three"]
    diff = update.write.diff
    assert (update.write.file.id, diff.kept, len(diff.removed)) == (OLD.id, 1, 1)


def test_a_file_of_which_nothing_is_new_needs_no_vectors() -> None:
    update = Update(loaded("/docs/a.md", "two", "one"), OLD, texts=["one", "two"])
    assert update.write.vectors is None
    assert len(update.write.diff.moved) == 2


def test_with_force_all_chunks_are_embedded_again() -> None:
    update = Update(loaded("/docs/a.md", "one", "three"), OLD, texts=["one", "two"], force=True)
    assert update.pool.texts == ["one", "three"]
    assert (update.write.diff.kept, len(update.write.diff.removed)) == (0, 1)


def test_a_file_that_moved_keeps_its_id_and_its_vectors() -> None:
    file = loaded("/docs/new.md", "one", content_hash=OLD.content_hash)
    update = Update(file, None, OLD, texts=["one"])
    assert (update.write.file.id, update.write.file.path) == (OLD.id, "/docs/new.md")
    assert update.pool.texts == []


def test_a_file_whose_bytes_are_the_same_is_touched() -> None:
    file = loaded(status=FileStatus.UNCHANGED, mtime_ns=OLD.mtime_ns + 5, reason="")
    update = Update(file, OLD)
    assert update.sink.changes == [Touch(replace(OLD, mtime_ns=OLD.mtime_ns + 5))]
    assert update.stats.files[FileStatus.UNCHANGED] == 1
    assert Update(replace(file, mtime_ns=OLD.mtime_ns), OLD).sink.changes == []


def test_a_file_that_became_empty_is_removed() -> None:
    update = Update(loaded(), OLD)
    assert update.sink.changes == [Remove(OLD, None)]
    assert update.stats.files[FileStatus.EMPTY] == 1
    assert Update(loaded()).sink.changes == []


@pytest.mark.parametrize("status", [FileStatus.FAILED, FileStatus.UNSUPPORTED])
def test_a_file_that_cannot_be_read_leaves_what_is_stored_of_it(status: FileStatus) -> None:
    update = Update(loaded(status=status, reason="it is broken"), OLD)
    assert update.sink.changes == []
    assert update.stats.problems == [FileProblem("/docs/a.md", str(status), "it is broken")]
    assert update.stats.files[status] == 1


def test_unsupported_files_count_as_failed_where_that_is_asked_for() -> None:
    file = loaded(status=FileStatus.UNSUPPORTED, reason="unknown")
    assert Update(file, err_on_unsupported=True).stats.files[FileStatus.FAILED] == 1


def test_problems_of_members_and_notices_are_reported() -> None:
    problems = (FileProblem("in.zip!/b.pdf", "failed", "cut off"),)
    update = Update(loaded("/docs/x.zip", "one", warnings=("two encodings",), problems=problems))
    assert update.stats.problems == [
        FileProblem("/docs/x.zip", "notice", "two encodings"),
        FileProblem("/docs/x.zip!/in.zip!/b.pdf", "failed", "cut off"),
    ]


def test_what_must_not_run_in_a_worker_is_done_before_a_file_is_stored() -> None:
    def finish(file: LoadedFile) -> LoadedFile:
        return replace(file, metadata={"summary": "short"})

    update = Update(loaded("/docs/a.md", "one", terms=("one",)), finish=finish)
    assert update.write.file.metadata == {"summary": "short"}
    assert update.write.terms == {}
