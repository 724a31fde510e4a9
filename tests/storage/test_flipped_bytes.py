"""A flipped byte in a stored text, or in the lists of keywords, is not answered."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from knowledge import KnowledgeBase
from knowledge.errors import DamagedStoreError
from knowledge.storage.local.catalog import fulltext
from tests.conftest import write_files

DOCUMENTS = {
    "amber.txt": "amber basil cedar dill\n",
    "elder.txt": "elder fennel garlic hazel\n",
    "iris.txt": "iris jasmine kale laurel\n",
}
COMMANDS = (
    ("retrieve", "amber", "--mode", "dense"),
    ("retrieve", "amber", "--mode", "hybrid"),
    ("retrieve", "amber", "--mode", "keyword"),
    ("get-file", "amber.txt", "--text"),
    ("export", "default", "--output", "out.zip"),
    ("export", "default", "--format", "jsonl", "--output", "out.jsonl"),
    ("copy-dataset", "default", "second"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made")
    write_files(home / "docs", DOCUMENTS)
    with KnowledgeBase.open(home / "data", chunk_size=16, chunk_overlap=0) as kb:
        kb.ingest(home / "docs")
    return home


@pytest.fixture
def data(made: Path, data_dir: Path) -> Path:
    shutil.copytree(made / "data", data_dir)
    return data_dir


@contextmanager
def catalog(data: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(data / "catalog.db", isolation_level=None)) as sql:
        fulltext.register(sql)
        yield sql


def flip_text(data: Path, old: bytes, new: bytes) -> None:
    """Change the bytes of a stored text where they lie in the file."""
    with catalog(data) as sql:
        sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = (data / "catalog.db").read_bytes()
    assert content.count(old) == 1
    (data / "catalog.db").write_bytes(content.replace(old, new))


def test_a_text_that_was_flipped_is_not_answered(run, data):
    chunk = run("retrieve", "amber", "--json").json["hits"][0]["chunk_id"]
    flip_text(data, b"amber basil cedar", b"amber basil cedaR")
    for command in (*COMMANDS, ("show", chunk), ("similar", chunk)):
        done = run(*command, "--json") if command[0] != "get-file" else run(*command)
        assert done.code == 7, (command, done.out)
        assert "cedaR" not in done.out
        if "--json" in command or command[0] != "get-file":
            error = done.json["error"]
            assert error["code"] == "store-damaged"
            assert "amber.txt" in error["message"]
            assert "knowledge doctor --fix" in error["hint"]
    assert run("get-file", "elder.txt", "--text").code == 0
    found = run("doctor", "--json")
    assert found.code == 7
    assert "text-damaged" in {one["code"] for one in found.json["findings"]}
    assert run("doctor", "--fix").code == 0
    assert run("doctor").code == 0
    assert "cedar dill" in run("retrieve", "amber", "--mode", "keyword").out


def test_another_ingest_of_the_file_is_not_held_up(run, data, made):
    flip_text(data, b"amber basil cedar", b"amber basil cedaR")
    assert run("ingest", made / "docs", "--force").code == 0
    assert "cedar dill" in run("retrieve", "amber").out


@pytest.mark.slow
def test_repeats_of_a_text_are_proven_too(run, tmp_path):
    """Each has a number, which is told by those before it."""
    write_files(tmp_path / "docs", {"repeated.csv": "plant,colour\n" + "lotus,white\n" * 400})
    assert run("ingest", tmp_path / "docs", "--chunk-size", "16", "--chunk-overlap", "0").code == 0
    assert run("get-file", "repeated.csv", "--text").code == 0
    assert run("retrieve", "lotus", "-k", "50").code == 0
    assert run("export", "--all", "--output", tmp_path / "out.zip").code == 0
    assert run("import", tmp_path / "out.zip", "--as", "again").code == 0
    assert run("doctor", "--offline").code == 0


def number_and_row(sql: sqlite3.Connection, text: str) -> tuple[int, int]:
    return sql.execute(
        "SELECT dataset, row FROM chunks WHERE text GLOB ?", (f"{text}*",)
    ).fetchone()


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_a_list_that_names_another_chunk_is_not_believed(run, data, mode):
    with catalog(data) as sql:
        number, row = number_and_row(sql, "elder")
        sql.execute("INSERT INTO chunks_fts (rowid, terms) VALUES (?, ?)", (row, f"{number}~amber"))
    done = run("retrieve", "amber", "--mode", mode, "--json")
    assert done.code == 7
    assert "elder.txt" in done.json["error"]["message"]
    assert "knowledge doctor --fix" in done.json["error"]["hint"]
    assert {one["code"] for one in run("doctor", "--json").json["findings"]} == {"fulltext-damaged"}
    assert run("doctor", "--fix").code == 0
    assert run("retrieve", "amber", "--mode", mode).code == 0


def test_a_hit_that_a_list_left_out_is_noticed(run, data):
    """Where the other side finds it, its score would be wrong."""
    with catalog(data) as sql:
        number, row = number_and_row(sql, "amber")
        sql.execute(
            "INSERT INTO chunks_fts (chunks_fts, rowid, terms) VALUES ('delete', ?, ?)",
            (row, f"{number}~amber"),
        )
    assert run("retrieve", "amber", "--mode", "hybrid").code == 7
    assert run("doctor").code == 7


@pytest.mark.slow
def test_each_byte_of_the_lists(data):
    """Flipped, it is an error, or the hits are chunks that hold the word, or there are fewer."""
    with catalog(data) as sql:
        blobs = sql.execute("SELECT id, block FROM chunks_fts_data WHERE id > 10").fetchall()
    asked = {"amber", "garlic", "kale"}
    outcomes = {"refused": 0, "answered": 0}
    for id, block in blobs:
        for at in range(0, len(block), max(1, len(block) // 120)):
            flipped = bytearray(block)
            flipped[at] ^= 1 << at % 8
            with catalog(data) as sql:
                sql.execute("UPDATE chunks_fts_data SET block = ? WHERE id = ?", (flipped, id))
            with KnowledgeBase.open(data) as kb:
                try:
                    hits = kb.retrieve(" ".join(asked), mode="keyword")
                except DamagedStoreError:
                    outcomes["refused"] += 1
                else:
                    outcomes["answered"] += 1
                    assert all(asked & {*hit.text.split()} for hit in hits)
            with catalog(data) as sql:
                sql.execute("UPDATE chunks_fts_data SET block = ? WHERE id = ?", (block, id))
    assert min(outcomes.values()) > 0
