"""Datasets that go from one store into another, and what a store says of itself."""

from __future__ import annotations

import pytest

from tests.conftest import CORPUS, write_files
from tests.storage.qdrant_servers import ADDRESS

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")  # Qdrant's

QUESTION = "How often is the signing key rotated?"
SMALL = ("--chunk-size", "40", "--chunk-overlap", "0")


@pytest.fixture
def filled(run, tmp_path):
    write_files(tmp_path / "docs", CORPUS)
    assert run("ingest", tmp_path / "docs", *SMALL).code == 0


def answers(run, *place: object, dataset: str = "default"):
    outcome = run("retrieve", QUESTION, "-d", dataset, "--json", *place)
    assert outcome.code == 0, outcome.err
    return [(hit["name"], hit["text"], hit["score"]) for hit in outcome.json["hits"]]


def test_a_dataset_goes_into_another_data_folder_with_its_vectors(run, filled, tmp_path):
    other = tmp_path / "other"
    made = run("copy-dataset", "default", "--to-store", other, "--json")
    assert made.code == 0, made.err
    assert made.json["dataset"]["name"] == "default"
    assert answers(run, "--data-dir", other) == answers(run)
    again = run("copy-dataset", "default", "--to-store", other)
    assert (again.code, "dataset-exists" in again.err) == (1, True)
    assert run("copy-dataset", "default", "--to-store", other, "--overwrite").code == 0
    assert run("copy-dataset", "default", "second", "--to-store", other).code == 0
    named = run("list-datasets", "--json", "--data-dir", other).json["datasets"]
    assert [dataset["name"] for dataset in named] == ["default", "second"]


def test_a_dataset_goes_into_a_database_and_back(run, postgres, tmp_path, monkeypatch):
    monkeypatch.setenv("KNOW_STORE", "")
    write_files(tmp_path / "docs", CORPUS)
    assert run("ingest", tmp_path / "docs", *SMALL).code == 0
    before = answers(run)
    assert run("copy-dataset", "default", "--to-store", postgres).code == 0
    monkeypatch.setenv("KNOW_STORE", postgres)
    assert answers(run) == before
    assert run("copy-dataset", "default", "back", "--to-store", "local").code == 0
    monkeypatch.setenv("KNOW_STORE", "")
    assert answers(run, dataset="back") == before


def test_a_dataset_goes_into_a_database_with_its_vectors_on_a_server(
    run, postgres, qdrant, tmp_path, monkeypatch
):
    for name in ("KNOW_STORE", "KNOW_VECTORS"):
        monkeypatch.setenv(name, "")
    write_files(tmp_path / "docs", CORPUS)
    assert run("ingest", tmp_path / "docs", *SMALL).code == 0
    before = answers(run)
    assert run("copy-dataset", "default", "--to-store", f"{postgres},{ADDRESS}").code == 0
    monkeypatch.setenv("KNOW_STORE", postgres)
    assert "[vectors-elsewhere]" in run("retrieve", QUESTION).err
    monkeypatch.setenv("KNOW_VECTORS", ADDRESS)
    assert answers(run) == before
    shown = run("store", "--json").json
    assert (shown["datasets"]["kind"], shown["vectors"]["kind"]) == ("postgres", "qdrant")
    assert shown["holds"]["bytes_a_chunk"] > 0
    assert run("copy-dataset", "default", "back", "--to-store", "local").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("default",), "needs a name"),
        (("default", "--to-store", "s3://me:secret@bucket"), "no store"),
        (("default", "--to-store", ""), "no store"),
        (("default", "--to-store", "s3://me:secret@bucket,qdrant://h"), "no store"),
        (("default", "--to-store", ",qdrant://h"), "no store"),
        (("nope", "--to-store", "local"), "nope"),
    ],
)
def test_what_is_no_store_changes_nothing(run, filled, arguments, said):
    outcome = run("copy-dataset", *arguments)
    assert outcome.code in (1, 2, 3)
    assert said in outcome.err
    assert "secret" not in outcome.err
    assert len(run("list-datasets", "--json").json["datasets"]) == 1


def test_a_database_that_is_down_is_named_before_anything_is_read(run, filled):
    address = "postgresql://me:secret@127.0.0.1:1/library"
    outcome = run("copy-dataset", "default", "--to-store", address)
    assert outcome.code == 5
    assert "127.0.0.1:1" in outcome.err
    assert "secret" not in outcome.err


def test_a_store_says_where_it_is_and_what_it_holds(run, filled, data_dir):
    shown = run("store", "--json").json
    assert shown["datasets"]["kind"] == "folder"
    assert shown["datasets"]["place"] == str(data_dir)
    assert shown["vectors"] == shown["datasets"]
    assert shown["holds"]["datasets"] == 1
    assert shown["holds"]["files"] == len(CORPUS)
    assert shown["holds"]["bytes_a_chunk"] > 0


def test_looking_at_a_store_makes_nothing(run, data_dir):
    assert run("store").code == 0
    assert not data_dir.exists()


def test_a_store_in_a_database_says_so(run, postgres, tmp_path):
    write_files(tmp_path / "docs", CORPUS)
    empty = run("store", "--json").json
    assert (empty["datasets"]["reachable"], empty["holds"]["datasets"]) == (True, 0)
    assert run("ingest", tmp_path / "docs", *SMALL).code == 0
    shown = run("store", "--json").json
    assert shown["datasets"]["kind"] == "postgres"
    assert {"format", "pgvector", "postgres"} <= shown["datasets"]["versions"].keys()
    assert shown["holds"]["files"] == len(CORPUS)


def test_the_doctor_says_which_store_it_looked_at(run, filled, data_dir, monkeypatch, qdrant):
    monkeypatch.delenv("KNOW_VECTORS")
    assert run("doctor", "--json").json["store"]["vectors"]["place"] == str(data_dir)
    assert str(data_dir) not in run("doctor").out
    monkeypatch.setenv("KNOW_VECTORS", ADDRESS)
    assert run("doctor", "--fix").code == 0
    told = run("doctor", "--json").json["store"]
    assert (told["datasets"]["kind"], told["vectors"]["kind"]) == ("folder", "qdrant")
    first, last = run("doctor").out.splitlines()
    assert first.startswith("vectors in qdrant+http")
    assert first.endswith("can be used")
    assert last.startswith("healthy")


@pytest.mark.parametrize(
    ("env", "side"),
    [
        ({"KNOW_STORE": "postgresql://me:secret@127.0.0.1:1/library"}, "datasets"),
        ({"KNOW_VECTORS": "chroma+http://127.0.0.1:1"}, "vectors"),
        ({"KNOW_VECTORS": "nonsense"}, "vectors"),
    ],
)
def test_a_store_that_cannot_be_reached_is_told_with_the_exit_code_of_its_error(
    run, monkeypatch, env, side
):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    outcome = run("store", "--json")
    assert outcome.code in (2, 5)
    assert outcome.json[side]["reachable"] is False
    assert outcome.json[side]["error"]["hint"]
    assert "secret" not in outcome.out
    text = run("store")
    assert text.code == outcome.code
    assert "can't be used" in text.out
