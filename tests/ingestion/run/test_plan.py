"""Which files must be read, by what is stored of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.changes import Touch
from knowledge.ingestion.run.plan import CTIME, Planner, Unchanged, given_metadata, is_unchanged
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


SECOND = 1_000_000_000


@given(
    size=st.integers(9, 11),
    mtime=st.integers(-2, 2),
    ctime=st.sampled_from([0, HOUR_AGO_NS, HOUR_AGO_NS + 3600 * SECOND + 1, 7]),
    age=st.integers(0, 5),
    remembered=st.sampled_from([{}, {CTIME: 7}, {"etag": "x"}, {CTIME: 7, "flags": {}}]),
    told=st.sampled_from([{}, {"author": "Ana"}]),
)
def test_what_a_walk_takes_out_is_unchanged_by_all_rules(
    size: int, mtime: int, ctime: int, age: int, remembered: dict[str, Any], told: dict[str, Any]
) -> None:
    """The quick look may leave a file to the thorough one; it never takes out a changed one."""
    ingested = datetime.fromtimestamp(HOUR_AGO_NS / SECOND + age, tz=UTC)
    known = stored_file(remembered=remembered, given=told, ingested_at=ingested)
    file = found(size=size, mtime_ns=HOUR_AGO_NS + mtime, ctime_ns=ctime)
    state = (
        known.path,
        known.size,
        known.mtime_ns,
        ingested.isoformat(),
        known.chunks,
        json.dumps(told),
        json.dumps(remembered) if remembered else None,
    )
    facts = SimpleNamespace(st_size=file.size, st_mtime_ns=file.mtime_ns, st_ctime_ns=ctime)
    stats = RunStats()
    unchanged = Unchanged([state], stats)
    taken = unchanged.take(file.shown, facts)  # type: ignore[arg-type]
    unchanged.count()
    assert stats.files[FileStatus.UNCHANGED] == taken
    plain = not told and not remembered.keys() - {CTIME}
    assert taken == (plain and is_unchanged(file, known))


def test_a_file_whose_failure_is_known_gets_the_thorough_look() -> None:
    known = stored_file()
    state = (known.path, 10, HOUR_AGO_NS, known.ingested_at.isoformat(), 1, "{}", None)
    facts = SimpleNamespace(st_size=10, st_mtime_ns=HOUR_AGO_NS, st_ctime_ns=0)
    assert Unchanged([state], RunStats()).take(known.path, facts)  # type: ignore[arg-type]
    watching = RunStats(watched=frozenset({known.path}))
    assert not Unchanged([state], watching).take(known.path, facts)  # type: ignore[arg-type]
