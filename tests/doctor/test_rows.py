"""Rows of the catalog that SQLite finds whole, though they are not what was stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from knowledge.storage.local.catalog import fulltext
from tests.doctor.damage import QUESTION, Whole, make_whole
from tests.durability.invariants import check_clean, published


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return make_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def data(whole: Whole, data_dir: Path) -> Path:
    return whole.copy(data_dir)


def change(data: Path, statement: str, *values: object) -> None:
    """Change the catalog as damage would."""
    with closing(sqlite3.connect(data / "catalog.db", isolation_level=None)) as sql:
        fulltext.register(sql)
        assert sql.execute(statement, values).rowcount > 0


def asked(run: Callable) -> list[tuple[str, float]]:  # type: ignore[type-arg]
    return [(one["chunk_id"], round(one["cosine"], 4)) for one in run(*QUESTION).json["hits"]]


def test_a_chunk_goes_back_to_the_file_that_its_id_was_made_of(run, whole, data):
    before = published(data)
    [best, *_] = whole.hits
    change(data, "UPDATE chunks SET file_id = ? WHERE id = ?", "0" * 32, best[0])
    told = run(*QUESTION)
    assert told.code == 7
    assert "knowledge doctor" in told.json["error"]["hint"]
    fixed = run("doctor", "--fix", "--json")
    assert fixed.code == 0
    assert {one["code"] for one in fixed.json["findings"]} == {"rows-damaged"}
    assert published(data).files == before.files
    assert asked(run) == whole.hits
    check_clean(data)


def test_a_chunk_that_lost_its_row_is_read_again(run, whole, data):
    [best, *_] = whole.hits
    change(data, "DELETE FROM chunks WHERE id = ?", best[0])
    assert run("doctor", "--fix").code == 0
    assert asked(run) == whole.hits
    check_clean(data)


@pytest.mark.slow
def test_a_path_is_found_by_the_id_that_was_made_of_it(run, whole, data):
    before = published(data)
    change(data, "UPDATE files SET path = replace(path, 'file1', 'fi1e1')")
    change(data, "UPDATE chunks SET text = replace(text, 'Note file1-0', 'Note fi1e1-0')")
    checked = run("doctor", "--json")
    damaged = [one["code"] for one in checked.json["findings"] if one["severity"] == "damage"]
    assert (checked.code, damaged) == (7, ["fulltext-damaged", *["text-damaged"] * 2])  # of both
    assert run("doctor", "--fix").code == 0
    assert published(data).files == before.files
    assert run("doctor", "--json").json["findings"] == []
    check_clean(data)


@pytest.mark.slow
def test_a_file_that_is_gone_is_known_again_where_it_was_moved_to(run, corpus, data_dir):
    run("ingest", corpus)
    path = corpus / "canteen.txt"
    before = run("get-file", path, "--json").json["file"]
    change(data_dir, "UPDATE chunks SET text = 'garbage' WHERE text LIKE '%canteen%'")
    path.rename(corpus / "lunch.txt")
    assert run("doctor", "--fix").code == 7
    assert run("ingest", corpus, "--prune").code == 0
    assert run("get-file", corpus / "lunch.txt", "--json").json["file"]["id"] == before["id"]
    assert run("doctor", "--fix").code == 0
    assert run("retrieve", "lunch", "--json").json["hits"][0]["text"].startswith("The canteen")
    check_clean(data_dir)


def test_a_schema_that_is_no_text(run, data):
    catalog = data / "catalog.db"
    content = catalog.read_bytes()
    assert content.count(b"CREATE TABLE files (") == 1
    catalog.write_bytes(content.replace(b"CREATE TABLE files (", b"CREATE TABLE files \xef"))
    for line in (["list-files"], ["status"], ["ingest", data.parent]):
        told = run(*line)
        assert told.code == 7
        assert "catalog.db is damaged" in told.err.replace("\n", "")
    assert run("doctor", "--fix").code == 0
    check_clean(data)
