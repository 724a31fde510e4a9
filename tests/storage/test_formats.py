"""Data folders of every format that was ever released still work; a newer one is refused."""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from knowledge.knowledge_base import KnowledgeBase
from knowledge.storage.local.catalog import schema
from knowledge.text import terms
from tests.conftest import CORPUS, write_files
from tests.durability.invariants import check_clean

BEFORE_STROKES = 7
FORMATS = sorted((Path(__file__).parent / "formats").glob("v*.zip"))

every_format = pytest.mark.parametrize("archive", FORMATS, ids=lambda path: path.stem)


def version(data: Path) -> int:
    with closing(sqlite3.connect(data / "catalog.db")) as sql:
        return int(sql.execute("PRAGMA user_version").fetchone()[0])


@pytest.fixture
def old(archive: Path, data_dir: Path) -> Path:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(data_dir)
    assert version(data_dir) == int(archive.stem[1:])
    return data_dir


def test_the_first_and_the_current_format_are_kept():
    """For a new format: ``python -m tests.storage.formats.make``."""
    names = [path.stem for path in FORMATS]
    assert "v1" in names
    assert f"v{schema.VERSION}" in names


@pytest.mark.slow
@every_format
def test_it_is_searched_changed_and_checked(archive, old, corpus, run):
    hits = run("retrieve", "Which day does a key change?", "-k", "1", "--json")
    assert hits.json["hits"][0]["name"] == "keys.md"
    assert hits.json["hits"][0]["metadata"]["team"] == "support"
    assert version(old) == schema.VERSION
    backup = old / f"catalog.db.{archive.stem}.bak"
    assert backup.exists() == (archive.stem != f"v{schema.VERSION}")

    checked = run("doctor", "--json").json
    assert not checked["damaged"]
    assert set(checked["datasets"]) == {"default", "notes"}

    write_files(corpus, {"new.md": "# Parking\n\nPark behind the gasworks.\n"})
    report = run("ingest", corpus, "--json").json
    assert report["files"]["ingested"] == 1 + len(CORPUS) - report["files"]["unchanged"]
    assert run("retrieve", "gasworks", "-k", "1", "--json").json["hits"][0]["name"] == "new.md"
    check_clean(old)


@pytest.mark.slow
@every_format
def test_the_doctor_brings_a_lost_index_back(old, run):
    with KnowledgeBase.open(old) as kb:
        before = [(hit.chunk.id, round(hit.cosine, 4)) for hit in kb.retrieve("a night in a hotel")]
    for path in old.glob("datasets/default*/g*/chroma.sqlite3"):
        path.write_bytes(b"garbage " * 1_000)
    assert run("doctor", "--fix").code == 0
    with KnowledgeBase.open(old) as kb:
        after = [(hit.chunk.id, round(hit.cosine, 4)) for hit in kb.retrieve("a night in a hotel")]
    assert after == before
    check_clean(old)


@every_format
def test_a_newer_format_is_refused_with_a_sentence(old, run):
    with closing(sqlite3.connect(old / "catalog.db")) as sql:
        sql.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    for line in (["list-datasets"], ["retrieve", "keys"], ["status"], ["doctor", "--fix"]):
        outcome = run(*line, "--json")
        assert outcome.code == 7
        assert outcome.json["error"]["code"] == "store-newer"
        assert "pip install --upgrade" in outcome.json["error"]["hint"]
    assert version(old) == schema.VERSION + 1


def test_terms_of_an_older_format_lose_their_strokes(run, tmp_path, data_dir, monkeypatch):
    write_files(tmp_path / "docs", {"a.md": "Wizyta w Łódź.", "b.md": "Visit Paris."})
    with monkeypatch.context() as older:
        older.setattr(terms, "_STROKES", {})
        terms._Terms.of.cache_clear()
        run("ingest", tmp_path / "docs")
    terms._Terms.of.cache_clear()
    with closing(sqlite3.connect(data_dir / "catalog.db")) as sql:
        for later in (
            "TRIGGER files_insert",
            "TRIGGER files_delete",
            "TRIGGER files_rename",
            "TABLE files_fts",
            "VIEW files_terms",
            "TABLE sparse_lists",
            "TABLE sparse_parts",
            "INDEX sparse_unlisted",
        ):
            sql.execute(f"DROP {later}")
        sql.execute("ALTER TABLE sparse DROP COLUMN listed")
        sql.execute(f"PRAGMA user_version = {BEFORE_STROKES}")

    (hit,) = run("retrieve", "Lodz", "--mode", "keyword", "--json").json["hits"]
    assert hit["name"] == "a.md"
    assert version(data_dir) == schema.VERSION
    assert not run("doctor", "--json").json["damaged"]
    assert run("delete-file", tmp_path / "docs" / "a.md").code == 0
    assert not run("doctor", "--json").json["damaged"]
