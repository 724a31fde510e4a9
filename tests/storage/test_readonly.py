"""A data folder on a full disk, on a read-only one, or of another owner: it answers, and says why.

Three real obstacles: a file system without room, one that is mounted read-only, and a process of
another user.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from knowledge.errors import LockedError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog.still import open_still, unchanged
from tests.durability.invariants import check_clean
from tests.openai_server import OpenAIServer
from tests.storage.command_lines import CommandLines
from tests.storage.disks import (
    NOBODY,
    anybodys_folder,
    fill,
    need_another_user,
    remount,
    small_disk,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no fork on Windows")
WORDS = {"full": "full", "read-only": "read-only", "foreign": "no permission"}
CODES = {"full": "disk-full", "read-only": "disk-read-only", "foreign": "no-permission"}


@dataclass
class Still:
    """A data folder that can't be written, a folder beside it that can, and who asks."""

    how: str
    data: Path
    beside: Path
    user: int | None = None

    def release(self) -> None:
        """Let it be written again."""
        if self.how == "full":
            (self.data.parent / "filler").unlink()
        elif self.how == "read-only":
            remount(self.data.parent, "rw")
        self.user = None


def make_still(stack: ExitStack, how: str, data: Path) -> Still:
    folder = stack.enter_context(anybodys_folder())
    beside = folder / "beside"
    beside.mkdir()
    beside.chmod(0o777)
    if how == "foreign":
        need_another_user()
        shutil.copytree(data, folder / "data")
        for path in (folder / "data", *(folder / "data").rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return Still(how, folder / "data", beside, NOBODY)
    disk = stack.enter_context(small_disk(folder / "disk"))
    shutil.copytree(data, disk / "data")
    if how == "full":
        fill(disk, 0)
    else:
        remount(disk, "ro")
    return Still(how, disk / "data", beside)


@pytest.fixture(
    params=[
        pytest.param("full", marks=pytest.mark.slow),
        pytest.param("read-only", marks=pytest.mark.slow),
        "foreign",
    ]
)
def still(request: pytest.FixtureRequest, base: Path) -> Iterator[Still]:
    with ExitStack() as stack:
        yield make_still(stack, request.param, base / "data")


@pytest.fixture(scope="module")
def archive(base: Path) -> Iterator[Path]:
    with anybodys_folder() as folder:
        shutil.copy(base / "all.zip", folder / "all.zip")
        (folder / "all.zip").chmod(0o644)
        yield folder / "all.zip"


def readers(archive: Path, chunk: str) -> list[tuple[object, ...]]:
    """Return what answers from the data folder alone, in the same words every time."""
    return [
        ("retrieve", "amber basil", "--mode", "hybrid", "--json"),
        ("retrieve", "amber basil", "--mode", "dense", "--json"),
        ("retrieve", "amber basil", "--mode", "keyword", "--json"),
        ("retrieve", "amber basil", "--file", "*file1*", "--json"),
        ("list-datasets", "--json"),
        ("get-dataset", "default"),
        ("list-files",),
        ("get-file", "file1.txt"),
        ("show", chunk),
        ("similar", "file1.txt", "--json"),
        ("history", "default"),
        ("retrieve", "amber basil", "--archive", archive, "--json"),
    ]


def untimed(text: str) -> str:
    return re.sub(r'"took_ms": \d+', "", text)


@pytest.fixture(scope="module")
def chunk(base: Path) -> str:
    with closing(sqlite3.connect(base / "data" / "catalog.db")) as sql:
        return str(sql.execute("SELECT id FROM chunks ORDER BY id").fetchone()[0])


@pytest.mark.slow
def test_readers_answer_as_ever(
    command_process: CommandLines, base: Path, still: Still, archive: Path, chunk: str
) -> None:
    lines = readers(archive, chunk)
    before = sorted(still.data.rglob("*"))
    expected = command_process.run(base / "data", *lines)
    told = command_process.run(still.data, *lines, user=still.user)
    for line, one, other in zip(lines, expected, told, strict=True):
        assert one.code == other.code == 0, (line, other)
        assert untimed(one.out) == untimed(other.out)
        assert not other.err, (line, other.err)
    if still.how != "full":
        assert sorted(still.data.rglob("*")) == before


def test_what_is_told_and_exported(
    command_process: CommandLines, base: Path, still: Still, archive: Path
) -> None:
    out = still.beside / "out.zip"
    lines = [
        ("status", "--json"),
        ("export", "default", "--output", out),
        ("export", "default", "--output", still.beside / "out.jsonl", "--format", "jsonl"),
    ]
    for line, done in zip(
        lines, command_process.run(still.data, *lines, user=still.user), strict=True
    ):
        assert done.code == 0, (line, done)
    assert out.read_bytes() == archive.read_bytes()
    assert (still.beside / "out.jsonl").stat().st_size


@pytest.mark.slow
def test_the_doctor_names_the_obstacle(command_process: CommandLines, still: Still) -> None:
    for line in (("doctor", "--offline", "--json"), ("doctor", "--offline", "--fix", "--json")):
        [done] = command_process.run(still.data, line, user=still.user)
        findings = {one["code"]: one for one in done.json["findings"]}
        assert done.code == 0, done
        assert WORDS[still.how] in findings[CODES[still.how]]["message"]
        assert not done.json["damaged"]
        assert "damaged" not in " ".join(one["message"] for one in findings.values())


@pytest.mark.slow
def test_writers_say_why_and_harm_nothing(
    command_process: CommandLines, base: Path, still: Still, archive: Path
) -> None:
    before = check_clean(base / "data")
    lines: list[tuple[object, ...]] = [
        ("ingest", base / "more" if still.user is None else archive.parent, "-q"),
        ("rename-dataset", "default", "other"),
        ("create-dataset", "new"),
        ("delete-dataset", "default", "--yes"),
        ("delete-file", "file1.txt"),
        ("reembed", "default", "--force", "--embedding-model-provider", "static"),
        ("import", archive, "--as", "again"),
        ("compact",),
    ]
    done = command_process.run(still.data, *lines, user=still.user)
    for line, one in zip(lines, done, strict=True):
        assert one.code == 1, (line, one)
        assert WORDS[still.how] in one.err, (line, one.err)
        assert str(still.data) in one.err
        assert "damaged" not in one.err
        assert "--fix" not in one.err
    still.release()
    assert check_clean(still.data) == before
    [again] = command_process.run(still.data, ("rename-dataset", "default", "other"))
    assert again.code == 0, again


@pytest.fixture(
    params=[
        pytest.param("full", marks=pytest.mark.slow),
        pytest.param("read-only", marks=pytest.mark.slow),
        "foreign",
    ]
)
def with_journal(request: pytest.FixtureRequest, base: Path, tmp_path: Path) -> Iterator[Still]:
    """A data folder whose last change stands in the journal alone, as a killed run leaves it."""
    live, killed = tmp_path / "live", tmp_path / "killed"
    shutil.copytree(base / "data", live)
    with closing(sqlite3.connect(live / "catalog.db", isolation_level=None)) as sql:
        sql.execute("""UPDATE datasets SET metadata = '{"from": "journal"}'""")
        shutil.copytree(live, killed)
    (killed / "catalog.db-shm").unlink()
    assert (killed / "catalog.db-wal").stat().st_size
    with ExitStack() as stack:
        yield make_still(stack, request.param, killed)


def test_what_was_committed_to_a_journal_is_read(
    command_process: CommandLines, with_journal: Still
) -> None:
    still = with_journal
    journal = (still.data / "catalog.db-wal").read_bytes()
    lines = [("get-dataset", "default", "--json"), ("retrieve", "amber basil", "--json")]
    told, asked = command_process.run(still.data, *lines, user=still.user)
    assert told.json["dataset"]["metadata"] == {"from": "journal"}
    assert asked.json["hits"]
    assert (still.data / "catalog.db-wal").read_bytes() == journal


@pytest.mark.slow
@pytest.mark.parametrize("cached", [True, False])
def test_questions_are_asked_without_keeping_them(base: Path, tmp_path: Path, cached: bool) -> None:
    notes: list[str] = []
    with OpenAIServer() as server, ExitStack() as stack:
        settings = Settings.read(
            environ={"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.base_url},
            folder=tmp_path,
            data_dir=str(tmp_path / "data"),
        )
        with KnowledgeBase(settings) as kb:
            kb.ingest(base / "docs")
            hits = kb.retrieve("amber basil")
        if not cached:
            (tmp_path / "data" / "embeddings.db").unlink()
        still = make_still(stack, "read-only", tmp_path / "data")
        asked = len(server.requests)
        elsewhere = settings.override(data_dir=str(still.data))
        with KnowledgeBase(elsewhere, notify=notes.append) as kb:
            assert kb.retrieve("amber basil") == hits
            assert len(server.requests) == asked + (not cached)
            assert kb.retrieve("timber cedar")
            assert kb.retrieve("umbra valley")
    assert len(notes) <= (not cached), notes


def test_another_owner_is_writing(command_process: CommandLines, base: Path) -> None:
    with ExitStack() as stack:
        still = make_still(stack, "foreign", base / "data")
        sql = stack.enter_context(
            closing(sqlite3.connect(still.data / "catalog.db", isolation_level=None))
        )
        sql.execute("""UPDATE datasets SET metadata = '{"from": "writer"}'""")
        line = ("get-dataset", "default", "--json")
        [told] = command_process.run(still.data, line, user=still.user)
        assert told.json["dataset"]["metadata"] == {"from": "writer"}


def test_a_writer_that_comes_meanwhile_is_noticed(base: Path, tmp_path: Path) -> None:
    shutil.copy(base / "data" / "catalog.db", tmp_path / "catalog.db")
    path = tmp_path / "catalog.db"
    with closing(open_still(path)) as connection:
        with unchanged(connection, path):
            assert connection.execute("SELECT count(*) FROM datasets").fetchone()[0] == 1
        with pytest.raises(LockedError), unchanged(connection, path):
            with closing(sqlite3.connect(path, isolation_level=None)) as writer:
                writer.execute("UPDATE datasets SET metadata = '{\"a\": 1}'")


def test_an_index_that_may_not_be_read_is_not_damaged(
    command_process: CommandLines, base: Path
) -> None:
    with ExitStack() as stack:
        still = make_still(stack, "foreign", base / "data")
        for path in still.data.rglob("*.bin"):
            path.chmod(0o600)
        lines = [("doctor", "--offline", "--json"), ("retrieve", "amber", "--mode", "dense")]
        checked, asked = command_process.run(still.data, *lines, user=still.user)
        codes = [one["code"] for one in checked.json["findings"]]
        assert checked.code == 0
        assert "index-unchecked" in codes
        assert "index-damaged" not in codes
        assert asked.code == 1
        assert "no permission to read" in asked.err


def test_what_may_not_be_read(command_process: CommandLines, base: Path) -> None:
    need_another_user()
    with anybodys_folder() as folder:
        shutil.copytree(base / "data", folder / "data")
        (folder / "data").chmod(0o700)
        for line in (("list-datasets",), ("retrieve", "amber"), ("ingest", folder), ("doctor",)):
            [done] = command_process.run(folder / "data", line, user=NOBODY)
            assert done.code == 1
            assert "no permission to read" in done.err, (line, done.err)
            assert str(folder / "data") in done.err
        (folder / "data").chmod(0o755)
        (folder / "data" / "catalog.db").chmod(0o600)
        for line in (("list-datasets",), ("doctor", "--offline")):
            [done] = command_process.run(folder / "data", line, user=NOBODY)
            assert done.code == 1
            assert "no permission to read" in done.err, (line, done.err)
