"""Which files must be read, by what is stored of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.changes import Touch
from knowledge.ingestion.run.plan import Planner, given_metadata
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.scan.files import FoundFile, Origin
from knowledge.ingestion.workers.loading import LoadTask
from knowledge.model import FileStatus, SourceFile, SplitterSpec
from tests.ingestion.run.steps import (
    HOUR_AGO_NS,
    NOW,
    ListSink,
    StoredFiles,
    found,
    loaded,
    settings,
    stored_file,
)

OLD = stored_file()


class Plan:
    """One file through the planner, and what came of it."""

    def __init__(
        self, tmp_path: Path, file: FoundFile | SourceFile, *stored: SourceFile, **options: Any
    ) -> None:
        self.sink, self.stats = ListSink(), RunStats()
        self.planner = Planner(
            RunRequest([], **options),
            StoredFiles(*stored),
            SplitterSpec(),
            settings(tmp_path),
            self.stats,
            self.sink,
        )
        self.tasks: list[LoadTask] = list(self.planner.tasks([file]))

    @property
    def unchanged(self) -> int:
        return self.stats.files[FileStatus.UNCHANGED]


def test_a_new_file_is_read(tmp_path: Path) -> None:
    plan = Plan(tmp_path, found())
    (task,) = plan.tasks
    assert (task.path, task.known_hash, task.size) == ("/docs/a.md", None, 10)
    planned = plan.planner.planned(loaded())
    assert (planned.file, planned.known) == (found(), None)


def test_a_file_of_the_same_size_and_time_is_not_read(tmp_path: Path) -> None:
    plan = Plan(tmp_path, found(), OLD)
    assert (plan.tasks, plan.unchanged, plan.sink.changes) == ([], 1, [])
    assert plan.stats.chunks_reused == OLD.chunks


@pytest.mark.parametrize("changes", [{"size": 11}, {"mtime_ns": HOUR_AGO_NS + 1}])
def test_a_file_that_seems_changed_is_compared_by_its_content(
    tmp_path: Path, changes: dict[str, int]
) -> None:
    plan = Plan(tmp_path, found(**changes), OLD)
    assert [task.known_hash for task in plan.tasks] == [OLD.content_hash]
    assert plan.planner.planned(loaded()).known == OLD


def test_a_file_that_changed_just_before_it_was_read_is_compared_by_its_content(
    tmp_path: Path,
) -> None:
    moment = int(NOW.timestamp() - 1) * 1_000_000_000
    plan = Plan(tmp_path, found(mtime_ns=moment), replace(OLD, mtime_ns=moment))
    assert [task.known_hash for task in plan.tasks] == [OLD.content_hash]


def test_with_force_every_file_is_read_anew(tmp_path: Path) -> None:
    plan = Plan(tmp_path, found(), OLD, force=True)
    assert [task.known_hash for task in plan.tasks] == [None]


def test_a_file_that_was_cut_by_another_recipe_is_read_anew(tmp_path: Path) -> None:
    plan = Plan(tmp_path, found(), replace(OLD, remembered={"recipe": "another"}))
    assert [task.known_hash for task in plan.tasks] == [None]


def test_a_text_that_is_no_file_is_always_read(tmp_path: Path) -> None:
    """It has no time: one of the same size may be another."""
    file = found("note.txt", content=b"0123456789", mtime_ns=0)
    plan = Plan(tmp_path, file, stored_file("note.txt", mtime_ns=0))
    assert [(task.content, task.known_hash) for task in plan.tasks] == [
        (b"0123456789", "hash of note.txt")
    ]


def test_a_file_is_known_again_by_its_origin(tmp_path: Path) -> None:
    """A repository's file stands under another URL at each commit."""
    before = stored_file("https://host/repo/blob/1/a.md")
    origin = Origin("a.md", "a.md", known=before)
    plan = Plan(tmp_path, found("https://host/repo/blob/2/a.md", origin=origin), before)
    assert [task.known_hash for task in plan.tasks] == [before.content_hash]


def test_a_stored_file_among_those_found_is_unchanged(tmp_path: Path) -> None:
    plan = Plan(tmp_path, OLD, OLD)
    assert (plan.tasks, plan.unchanged, plan.sink.changes) == ([], 1, [])


def test_metadata_that_changed_is_stored_without_reading(tmp_path: Path) -> None:
    plan = Plan(tmp_path, found(), OLD, metadata={"team": "desk"})
    assert plan.tasks == []
    assert plan.sink.changes == [Touch(replace(OLD, given={"team": "desk"}))]


def test_what_a_run_gives_wins_over_what_folders_say() -> None:
    given, remembered = given_metadata(None, {"kind": "note", "by": "Ana"}, {"by": "Bo"})
    assert given == {"kind": "note", "by": "Bo"}
    assert remembered == {"flags": {"by": "Bo"}}
    known = stored_file(given=given, remembered=remembered)
    assert given_metadata(known, {"kind": "minutes"}, {})[0] == {"kind": "minutes", "by": "Bo"}
    assert given_metadata(known, {}, {})[0] == {"by": "Bo"}
    assert given_metadata(known, None, {"year": 2026})[0] == {**given, "year": 2026}
