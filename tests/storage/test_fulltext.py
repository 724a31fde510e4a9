"""The full-text index follows the chunks, and old catalogs get it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from knowledge.knowledge_base import KnowledgeBase
from knowledge.storage.columns import ChunkColumns
from knowledge.storage.local.catalog import fulltext, schema
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.catalog.database import migrate
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.terms import COUNTS
from knowledge.text.terms import split, variants
from tests.conftest import write_files


@pytest.fixture
def kb(tmp_path):
    with KnowledgeBase.open(tmp_path / "data") as opened:
        yield opened


def ingest(kb: KnowledgeBase, files: dict[str, str], dataset: str = "default", **options) -> None:
    folder = kb._shared.store.root.parent / dataset
    write_files(folder, files)
    kb.ingest(folder, dataset, **options)


def holding(kb: KnowledgeBase, term: str, dataset: str = "default", count: int = 1) -> int:
    """Count the chunks of the published generation that hold a term."""
    with Catalog(kb._shared.store.folder) as catalog, catalog.snapshot() as snapshot:
        columns = ChunkColumns(snapshot, snapshot.dataset(dataset))
        return int((columns.holders(snapshot, term)[1] >= count).sum())


def check_integrity(kb: KnowledgeBase) -> int:
    """Compare the index with the chunks, and return how many chunks it knows."""
    with closing(sqlite3.connect(kb._shared.store.folder.catalog)) as sql:
        fulltext.register(sql)
        sql.execute("INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('integrity-check', 1)")
        sql.execute("CREATE VIRTUAL TABLE temp.held USING fts5vocab (main, chunks_fts, instance)")
        return int(sql.execute("SELECT count(DISTINCT doc) FROM held").fetchone()[0])


def test_it_follows_edits_and_removals(kb):
    ingest(kb, {"a.txt": "The old key.", "b.txt": "Another key."})
    assert (holding(kb, "old"), holding(kb, "key")) == (1, 2)
    ingest(kb, {"a.txt": "The new key."}, force=True)
    assert (holding(kb, "old"), holding(kb, "new"), holding(kb, "key")) == (0, 1, 2)
    kb.files.delete(str(kb._shared.store.root.parent / "default" / "b.txt"))
    assert holding(kb, "key") == 1
    check_integrity(kb)
    kb.datasets.delete("default")
    assert check_integrity(kb) == 0


def test_how_often_a_term_stands_in_a_chunk(kb):
    ingest(kb, {"a.txt": "key " * 6, "b.txt": "key and keys", "c.txt": "one key"})
    assert [holding(kb, "key", count=count) for count in COUNTS] == [3, 2, 1, 1, 0]


def test_headings_count(kb):
    ingest(kb, {"a.md": "# Rotation\n\n## Keys\n\n" + "Some text. " * 5})
    assert holding(kb, "rotat") == holding(kb, "key") == 1


def test_datasets_do_not_see_each_other(kb):
    ingest(kb, {"a.txt": "a key"})
    ingest(kb, {"a.txt": "a lock"}, "other")
    assert (holding(kb, "key"), holding(kb, "key", "other")) == (1, 0)
    assert (holding(kb, "lock"), holding(kb, "lock", "other")) == (0, 1)


def test_a_named_language_wins_over_the_words(kb):
    ingest(kb, {"a.txt": "Häuser"}, metadata={"language": "de"})
    assert holding(kb, "haus") == 1
    with Catalog(kb._shared.store.folder) as catalog, catalog.snapshot() as snapshot:
        assert snapshot.languages(snapshot.dataset("default")) == ["english", "german"]


@pytest.mark.parametrize("language", ["tlh", 7, ["de"], ""])
def test_a_strange_language_is_as_none(kb, language):
    ingest(kb, {"a.txt": "two keys"}, metadata={"language": language})
    assert holding(kb, "key") == 1


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    with Catalog(DataFolder(tmp_path_factory.mktemp("data"))) as opened:
        opened.create("default")
        yield opened


@given(st.text(min_size=1, max_size=60))
@example('NEAR("key", 2) OR ^key* AND terms:key')
@example("v2.3.1 foo_bar() C++ C# a@b.c x/y --top-k 'it''s' a=1 a~b __ 签名密钥 שלום 😀\0")
def test_all_terms_of_a_text_are_found_and_nothing_else(catalog, text):
    with catalog.transaction():
        catalog.connection.execute("DELETE FROM chunks")
        for id, content in (("a", text), ("b", f"{text} {text}"), ("c", "")):
            catalog.connection.execute(
                "INSERT INTO chunks (dataset, id, file_id, ordinal, text, heading, char_start, "
                "char_end, tokens, added) VALUES (1, ?, 'f', 0, ?, '[]', 0, 1, 3, 1)",
                (id, content),
            )
        fulltext.rebuild(catalog.connection)
    rows = [row for (row,) in map(tuple, catalog.connection.execute("SELECT row FROM chunks"))]
    spoken = fulltext.languages(catalog.connection, 1)
    for forms in variants(split(text), spoken):
        found = {fulltext.rows_with(catalog.connection, 1, form) for form in forms} - {None}
        assert found == {f"{rows[0]},{rows[1]}"}
        assert fulltext.rows_with(catalog.connection, 2, forms[0]) is None


def test_rows_of_an_unpublished_generation_are_hidden(kb):
    ingest(kb, {"a.txt": "The old key."})
    with closing(sqlite3.connect(kb._shared.store.folder.catalog)) as sql:
        fulltext.register(sql)
        sql.execute(
            "INSERT INTO chunks (dataset, id, file_id, ordinal, text, heading, char_start, "
            "char_end, tokens, added) SELECT dataset, 'x', file_id, 1, 'a staged key', heading, "
            "0, 1, 3, added + 1 FROM chunks"
        )
        fulltext.rebuild(sql)
        sql.commit()
    assert (holding(kb, "key"), holding(kb, "stage")) == (1, 0)


def old_catalog(folder: DataFolder) -> None:
    """Write a catalog of the first format with one dataset and two chunks."""
    folder.root.mkdir(parents=True)
    with closing(sqlite3.connect(folder.catalog, isolation_level=None)) as sql:
        migrate(sql, folder.catalog, schema.MIGRATIONS[:1])
        sql.execute(
            "INSERT INTO datasets (key, name, generation, vectors, chunks, created_at, updated_at) "
            "VALUES ('k', 'old', 1, 1, 2, '2024-01-01', '2024-01-01')"
        )
        given = json.dumps({"language": "de"})
        sql.execute(
            "INSERT INTO files (dataset, id, path, name, size, mtime_ns, content_hash, chunks, "
            "tokens, metadata, given, ingested_at, added) VALUES (1, 'f', '/a', 'a', 1, 1, '', 2, "
            "4, '{}', ?, '2024-01-01', 1)",
            (given,),
        )
        for number, text in enumerate(("Häuser und Türme", "ERR_CONN_RESET")):
            sql.execute(
                "INSERT INTO chunks (dataset, id, file_id, ordinal, text, heading, char_start, "
                "char_end, tokens, added) VALUES (1, ?, 'f', ?, ?, '[]', 0, 1, 3, 1)",
                (f"c{number}", number, text),
            )


def test_an_old_catalog_is_indexed_anew(tmp_path: Path):
    folder = DataFolder(tmp_path / "data")
    old_catalog(folder)
    with KnowledgeBase.open(folder.root) as kb:
        assert holding(kb, "haus", "old") == 1
        assert holding(kb, "err_conn_reset", "old") == 1
        assert check_integrity(kb) == 2
    assert (folder.root / "catalog.db.v1.bak").is_file()


def test_a_file_that_is_touched_changes_the_revision(kb):
    ingest(kb, {"a.txt": "a key"}, metadata={"team": "one"})
    with Catalog(kb._shared.store.folder) as catalog, catalog.snapshot() as snapshot:
        before = snapshot.revision(snapshot.dataset("default"))
    ingest(kb, {}, metadata={"team": "two"})
    with Catalog(kb._shared.store.folder) as catalog, catalog.snapshot() as snapshot:
        dataset = snapshot.dataset("default")
        assert snapshot.revision(dataset) > before
        assert dataset.generation == 1
