"""Several things damaged at once, and what killed runs and lost folders leave."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from knowledge.knowledge_base import KnowledgeBase
from tests.doctor.damage import QUESTION, Damage, Whole, cut, delete, file_of, flip, hits, zero
from tests.durability import programs
from tests.durability.invariants import check_clean
from tests.openai_server import OpenAIServer
from tests.storage.command_lines import CommandLines

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there is no fork on Windows"),
]

READING = (("list-datasets",), ("list-files",), ("status",), ("history", "default"), QUESTION)


@pytest.fixture
def data(whole: Whole, tmp_path: Path) -> Path:
    return whole.copy(tmp_path / "data")


def check_repaired(lines: CommandLines, data: Path, whole: Whole) -> list[str]:
    """Have a folder repaired; it must be whole then. Return the codes of what was found."""
    fixed, again, asked = lines.run(
        data, ("doctor", "--fix", "--json"), ("doctor", "--json"), QUESTION
    )
    assert fixed.code == 0, fixed.out
    assert again.code == 0, again.out
    assert [one for one in again.json["findings"] if one["severity"] != "note"] == []
    assert hits(asked) == whole.hits
    for name in ("default", "notes"):
        check_clean(data, name)
    return [one["code"] for one in fixed.json["findings"] if one["fixed"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "damages",
    [
        {"catalog.db": flip, "data_level0.bin": flip, "embeddings.db": zero},
        {"chroma.sqlite3": delete, "checksums.json": cut, "header.bin": zero, ".lock": delete},
        {"index_metadata.pickle": flip, "dataset.json": delete, "embeddings.db": cut},
    ],
    ids=lambda damages: "+".join(damages),
)
def test_several_files_at_once(
    whole: Whole, command_process: CommandLines, data: Path, damages: dict[str, Damage]
) -> None:
    for name, damage in damages.items():
        damage(file_of(data, name))
    command_process.run(data, *READING)
    check_repaired(command_process, data, whole)


@pytest.mark.slow
def test_the_indexes_of_all_datasets(
    whole: Whole, command_process: CommandLines, data: Path
) -> None:
    for path in data.glob("datasets/*/g*/*.sqlite3"):
        zero(path)
    assert check_repaired(command_process, data, whole).count("index-damaged") == 2


@pytest.mark.slow
def test_an_older_generation_is_nobodys_loss(
    whole: Whole, command_process: CommandLines, data: Path
) -> None:
    oldest, _ = sorted(data.glob("datasets/default*/g*"))
    for path in oldest.rglob("*"):
        if path.is_file():
            flip(path)
    *_, asked, checked = command_process.run(data, *READING, ("doctor", "--json"))
    assert hits(asked) == whole.hits
    assert (checked.code, checked.json["findings"]) == (0, [])
    _, gone = command_process.run(data, ("ingest", whole.more, "-q"), ("gc",))
    assert gone.code == 0
    assert not oldest.exists()
    check_clean(data)


def test_a_missing_generation(whole: Whole, command_process: CommandLines, data: Path) -> None:
    shutil.rmtree(sorted(data.glob("datasets/default*/g*"))[-1])
    *read, asked = command_process.run(data, *READING)
    assert [one.code for one in read] == [0] * len(read)
    assert asked.json["error"]["code"] == "store-damaged"
    assert "doctor" in asked.json["error"]["hint"]
    assert check_repaired(command_process, data, whole) == ["index-damaged"]


@pytest.mark.slow
def test_all_folders_of_a_dataset_are_gone(
    whole: Whole, command_process: CommandLines, data: Path
) -> None:
    shutil.rmtree(next(data.glob("datasets/default*")))
    assert check_repaired(command_process, data, whole) == ["index-damaged"]


def test_half_a_candidate_is_swept(whole: Whole, command_process: CommandLines, data: Path) -> None:
    newest = sorted(data.glob("datasets/default*/g*"))[-1]
    shutil.copytree(newest, newest.with_name("candidate"))
    for path in newest.with_name("candidate").rglob("*.bin"):
        cut(path)
    *_, asked, checked = command_process.run(data, *READING, ("doctor", "--json"))
    assert hits(asked) == whole.hits
    [finding] = checked.json["findings"]
    assert (checked.code, finding["code"], finding["severity"]) == (0, "leftovers", "warning")
    command_process.run(data, ("ingest", whole.docs, "-q"))
    check_clean(data)


def test_a_lock_of_a_dead_process_is_free(
    whole: Whole, command_process: CommandLines, data: Path
) -> None:
    [lock] = data.glob("locks/default*.lock")
    holder = {"pid": 2**22 + 1, "host": "elsewhere", "command": "knowledge ingest"}
    lock.with_suffix(".holder").write_text(json.dumps(holder), encoding="utf-8")
    [checked] = command_process.run(data, ("doctor", "--json"))
    [finding] = checked.json["findings"]
    assert finding["code"] == "leftovers"
    assert ".holder" in finding["message"]
    assert check_repaired(command_process, data, whole) == ["leftovers"]
    assert not lock.with_suffix(".holder").exists()
    lock.with_suffix(".holder").write_text("{", encoding="utf-8")
    [done] = command_process.run(data, ("ingest", whole.more, "-q"))
    assert done.code == 0
    check_clean(data)


@pytest.fixture
def with_journal(whole: Whole, tmp_path: Path) -> Path:
    """A data folder whose last ingest stands in the journal of its catalog alone."""
    growing = whole.copy(tmp_path / "growing")
    with closing(sqlite3.connect(growing / "catalog.db")) as sql:
        sql.execute("SELECT count(*) FROM chunks").fetchone()  # the last to close it empties it
        with KnowledgeBase.open(growing) as kb:
            kb.ingest(whole.more)
        shutil.copytree(growing, tmp_path / "data")
    journal = tmp_path / "data" / "catalog.db-wal"
    assert journal.stat().st_size > 0
    (tmp_path / "data" / "catalog.db-shm").unlink(missing_ok=True)
    return tmp_path / "data"


@pytest.mark.slow
@pytest.mark.parametrize("damage", [cut, zero, flip, delete], ids=lambda damage: damage.__name__)
def test_a_damaged_journal_costs_what_stood_in_it_alone(
    whole: Whole, command_process: CommandLines, with_journal: Path, damage: Damage
) -> None:
    damage(with_journal / "catalog.db-wal")
    command_process.run(with_journal, *READING)
    fixed, _, asked = command_process.run(
        with_journal, ("doctor", "--fix", "--json"), ("ingest", whole.docs, whole.more), QUESTION
    )
    assert fixed.code == 0, fixed.out
    with KnowledgeBase.open(with_journal) as kb:
        assert len(kb.files.list()) == len([*whole.docs.iterdir(), *whole.more.iterdir()])
    assert asked.code == 0
    check_clean(with_journal)


def test_the_journal_of_a_lost_catalog_is_kept(
    command_process: CommandLines, with_journal: Path
) -> None:
    journal = (with_journal / "catalog.db-wal").read_bytes()
    (with_journal / "catalog.db").unlink()
    [fixed] = command_process.run(with_journal, ("doctor", "--fix", "--json"))
    backup = Path(fixed.json["backup"])
    assert (backup / "catalog.db-wal").read_bytes() == journal


def garbage(path: Path) -> None:
    """Write what is no database."""
    path.write_bytes(b"garbage " * 4_000)


def folder(path: Path) -> None:
    """Make a folder where a file should be."""
    path.mkdir()


@pytest.mark.slow
@pytest.mark.parametrize("damage", [garbage, folder], ids=lambda damage: damage.__name__)
def test_a_damaged_cache_stops_no_ingest(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable,  # type: ignore[type-arg]
    data_dir: Path,
    damage: Damage,
) -> None:
    docs = programs.write_folder(tmp_path / "docs", 2, 2, seed=1)
    data_dir.mkdir()
    damage(data_dir / "embeddings.db")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-test")
        planned = run("ingest", docs, "--dry-run")
        done = run("ingest", docs)
        asked = run("retrieve", "amber", "--json")
        checked = run("doctor", "--json")
        fixed = run("doctor", "--fix", "--json")
        after = run("ingest", docs, "--force", "--json")
    assert (planned.code, done.code, asked.code) == (0, 0, 0)
    assert "going on without it" in done.err
    assert "doctor --fix" in done.err
    assert len(asked.json["hits"]) > 0
    assert checked.code == 7
    assert [one["code"] for one in checked.json["findings"]] == ["cache-damaged"]
    assert fixed.code == after.code == 0
    assert (data_dir / "embeddings.db").is_file()
    check_clean(data_dir)
