"""A damaged, missing or unusable store is a sentence and an exit code, never a traceback."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from knowledge.errors import DamagedStoreError
from knowledge.knowledge_base import KnowledgeBase
from tests.durability import programs
from tests.durability.invariants import check_clean

COMMANDS = [
    ("list-datasets",),
    ("get-dataset", "default"),
    ("list-files",),
    ("retrieve", "amber"),
    ("ingest", "docs"),
    ("delete-dataset", "default", "--yes"),
]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return programs.write_folder(tmp_path / "docs", 3, 3, seed=1)


@pytest.fixture
def data(tmp_path: Path, docs: Path) -> Path:
    data = tmp_path / "data"
    with KnowledgeBase.open(data, chunk_size=40, chunk_overlap=0) as kb:
        kb.ingest(docs)
    return data


def run(data: Path, *arguments: str) -> CompletedProcess[str]:
    return programs.run(*arguments, env=programs.environment(data), cwd=data.parent)


def check_told(done: CompletedProcess[str], code: int, *words: str) -> None:
    """Check that an error was told in words."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr
    for word in words:
        assert word in done.stderr.replace("\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_catalog_of_garbage(data: Path, arguments: tuple[str, ...]) -> None:
    for path in data.glob("catalog.db*"):
        path.unlink()
    (data / "catalog.db").write_bytes(b"not a database at all " * 500)
    check_told(run(data, *arguments), 7, "catalog.db")
    told = run(data, *arguments, "--json")
    assert json.loads(told.stdout)["error"]["code"] == "store-damaged"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS[2:5], ids=lambda arguments: arguments[0])
def test_a_catalog_with_a_hole(data: Path, arguments: tuple[str, ...]) -> None:
    path = data / "catalog.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    check_told(run(data, *arguments), 7, "catalog.db")


def test_a_newer_catalog(data: Path) -> None:
    with closing(sqlite3.connect(data / "catalog.db")) as sql:
        sql.execute("PRAGMA user_version = 42")
    done = run(data, "list-datasets")
    check_told(done, 7, "format 42", "pgrade")


def generation(data: Path) -> Path:
    [folder] = data.glob("datasets/*/g*")
    return folder


def open_index(folder: Path) -> Any:
    """Open an index, or make an empty one, as Chroma does it by itself."""
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    return chromadb.PersistentClient(path=str(folder), settings=settings)


@pytest.mark.slow
def test_a_missing_generation(data: Path, docs: Path) -> None:
    shutil.rmtree(generation(data))
    check_told(run(data, "retrieve", "amber"), 7, "g000001")
    assert not list(data.glob("datasets/*/*")), "looking for the index has made one"
    programs.write_text(docs / "new.txt", "A new file needs the old vectors.")
    check_told(run(data, "ingest", "docs"), 7)
    check_told(run(data, "list-files"), 0)
    check_told(run(data, "delete-dataset", "default", "--yes"), 0)
    check_told(run(data, "ingest", "docs"), 0)
    check_clean(data)


def test_a_missing_generation_in_one_process(data: Path) -> None:
    with KnowledgeBase.open(data) as kb:
        assert kb.retrieve("amber")
    shutil.rmtree(generation(data))
    with KnowledgeBase.open(data) as kb, pytest.raises(DamagedStoreError) as caught:
        kb.retrieve("amber")
    assert caught.value.hint


@pytest.mark.slow
def test_an_index_of_garbage(data: Path, docs: Path) -> None:
    """Only Chroma reads its database; a question is compared with the vectors beside it."""
    before = run(data, "retrieve", "amber").stdout
    (generation(data) / "chroma.sqlite3").write_bytes(b"garbage " * 4_000)
    assert run(data, "retrieve", "amber").stdout == before
    check_told(run(data, "doctor"), 7)
    programs.write_text(docs / "new.txt", "A new file needs the old vectors.")
    check_told(run(data, "ingest", "docs"), 7)


@pytest.mark.slow
def test_an_index_without_its_collection(data: Path) -> None:
    folder = generation(data)
    shutil.rmtree(folder)
    open_index(folder).close()
    check_told(run(data, "retrieve", "amber"), 7, "g000001")


@pytest.mark.slow
def test_an_index_that_lost_vectors_is_not_published(data: Path, docs: Path) -> None:
    """What does not fit is noticed before it is published, and the old state stays."""
    before = check_clean(data)
    client = open_index(generation(data))
    collection = client.get_collection("vectors", embedding_function=None)
    collection.delete(ids=collection.get(include=[])["ids"][:2])
    client.close()
    programs.write_text(docs / "new.txt", "A new file.")
    check_told(run(data, "ingest", "docs"), 7, "chunks", "vectors")
    with KnowledgeBase.open(data) as kb:
        assert kb.datasets.get("default").generation == before.generation
        assert len(kb.files.list()) == len(before.files)
    assert not list(data.glob("datasets/*/candidate*"))


@pytest.mark.parametrize("arguments", [("ingest", "docs"), ("create-dataset", "x")])
@pytest.mark.parametrize("below", [False, True])
def test_a_data_folder_that_cannot_be(
    tmp_path: Path, docs: Path, arguments: tuple[str, ...], below: bool
) -> None:
    file = tmp_path / "file"
    file.write_text("This is a file.")
    env = programs.environment(file / "data" if below else file)
    done = programs.run(*arguments, env=env, cwd=tmp_path)
    check_told(done, 1, "data folder", "--data-dir")


@pytest.mark.parametrize("arguments", [("list-datasets",), ("retrieve", "amber")])
def test_nothing_is_made_by_looking(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    data = tmp_path / "not yet"
    run(data, *arguments)
    assert not data.exists()
