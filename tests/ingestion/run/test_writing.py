"""The writing thread: order, checkpoints, and what is published when something fails."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from knowledge.errors import KnowledgeError, RemoteAuthError, RemoteError
from knowledge.ingestion.run.changes import Change, Remove, Touch, Write
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.run.writing import Writer
from knowledge.model import EmbedderSpec, FileStatus, SplitterSpec
from knowledge.storage.changes import ChunkDiff, FileChange
from knowledge.storage.identity import identify
from tests.ingestion.run.steps import ListPool, passages, stored_file

A, B = stored_file("/docs/a.md"), stored_file("/docs/b.md")


class ListRun:
    """Keeps what is written, and what was written by each publish."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.published: list[list[str]] = []
        self.dimensions: int | None = None
        self.dataset = self
        self.chunks = 0

    def prepare(self) -> None:
        """Do nothing."""

    def write_file(self, change: FileChange) -> None:
        self.written.append(f"write {change.file.name}")
        self.chunks += len(change.diff.added)

    def touch_file(self, file: Any) -> None:
        self.written.append(f"touch {file.name}")

    def remove_file(self, file: Any) -> int:
        self.written.append(f"remove {file.name}")
        return 3

    def publish(self, embedding: EmbedderSpec, _: SplitterSpec) -> None:
        self.dimensions = embedding.dimensions
        self.published.append([*self.written])


class Writing:
    """A writer with what it writes to."""

    def __init__(self, *errors: BaseException | None, checkpoint: float = 1000.0) -> None:
        self.run, self.pool, self.stats = ListRun(), ListPool(errors), RunStats()
        embedding = EmbedderSpec("test", "model")
        self.writer = Writer(
            self.run,  # type: ignore[arg-type]
            self.pool,  # type: ignore[arg-type]
            self.stats,
            embedding,
            SplitterSpec(),
            checkpoint,
        )

    def write(self, file: Any, *texts: str) -> Write:
        diff = ChunkDiff(identify(file.id, passages(*texts)), (), (), 0)
        return Write(file, diff, self.pool.submit(texts) if texts else None, {})

    def send(self, *changes: Change) -> None:
        with self.writer.working():
            for change in changes:
                self.writer.send(change)


def test_changes_are_written_in_their_order_and_published_in_the_end() -> None:
    writing = Writing()
    writing.send(writing.write(A, "one", "two"), Touch(B), Remove(B, FileStatus.REMOVED))
    assert writing.run.published == [["write a.md", "touch b.md", "remove b.md"]]
    assert writing.run.dimensions == 2
    assert writing.stats.files[FileStatus.INGESTED] == writing.stats.files[FileStatus.REMOVED] == 1
    assert (writing.stats.chunks_added, writing.stats.chunks_removed) == (2, 3)


def test_what_is_complete_is_published_now_and_then() -> None:
    writing = Writing(checkpoint=0.0)
    writing.send(writing.write(A, "one"), writing.write(B, "two"))
    assert writing.run.published[:2] == [["write a.md"], ["write a.md", "write b.md"]]


def test_a_text_that_is_refused_costs_its_file() -> None:
    refused = RemoteError("too long")
    refused.text = "one"
    assert refused.of_one_text
    writing = Writing(refused)
    writing.send(writing.write(A, "one"), writing.write(B, "two"))
    assert writing.run.published == [["write b.md"]]
    assert [one.file for one in writing.stats.problems] == [A.path]
    assert writing.stats.files[FileStatus.FAILED] == 1


def test_a_run_of_which_everything_is_refused_fails() -> None:
    refused = RemoteError("too long")
    refused.text = "one"
    writing = Writing(refused)
    with pytest.raises(RemoteError, match=r"/docs/a\.md: too long"):
        writing.send(writing.write(A, "one"))


def test_a_provider_that_refuses_us_ends_the_run_with_what_is_complete() -> None:
    writing = Writing(None, RemoteAuthError("wrong key"))
    with pytest.raises(RemoteAuthError, match="wrong key"):
        writing.send(writing.write(A, "one"), writing.write(B, "two"))
    assert writing.run.published == [["write a.md"]]
    assert writing.pool.closed, "what waits at the provider is dropped"


def test_an_error_of_whoever_sends_publishes_what_is_complete() -> None:
    writing = Writing()
    with pytest.raises(KeyboardInterrupt), writing.writer.working():
        writing.writer.send(writing.write(A, "one"))
        raise KeyboardInterrupt
    assert writing.run.published == [["write a.md"]]
    assert writing.pool.closed


def test_an_error_of_the_store_is_raised_and_nothing_more_is_taken() -> None:
    writing = Writing()

    def full(_: FileChange) -> None:
        raise KnowledgeError("the disk is full")

    writing.run.write_file = full  # type: ignore[method-assign]
    with pytest.raises(KnowledgeError, match="the disk is full"):
        writing.send(*(writing.write(A, "one") for _ in range(10_000)))
    assert writing.run.published == []
    assert "writer" not in {thread.name for thread in threading.enumerate()}
