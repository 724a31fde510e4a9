"""What users of `gptscript-ai/knowledge` have in their scripts."""

from __future__ import annotations

import json

from tests.conftest import write_files


def test_maps_with_commas(run, corpus):
    run("ingest", corpus, "--metadata", "a=1,b=two", "--metadata", "note=Hello, world")
    metadata = run("get-file", "canteen.txt", "--json").json["file"]["metadata"]
    assert metadata["a"] == 1
    assert metadata["b"] == "two"
    assert metadata["note"] == "Hello, world"
    assert run("ingest", corpus, "--metadata", "a=1,b").code == 0  # a value that holds a comma
    assert run("get-file", "canteen.txt", "--json").json["file"]["metadata"]["a"] == "1,b"
    assert run("ingest", corpus, "--metadata", "a").code == 2


def test_metadata_of_the_environment(run, corpus, monkeypatch):
    monkeypatch.setenv("KNOW_INGEST_METADATA", "team=support,year=2024")
    run("ingest", corpus)
    metadata = run("get-file", "canteen.txt", "--json").json["file"]["metadata"]
    assert (metadata["team"], metadata["year"]) == ("support", 2024)
    run("ingest", corpus, "-d", "other", "--metadata", "team=sales")
    metadata = run("get-file", "canteen.txt", "-d", "other", "--json").json["file"]["metadata"]
    assert metadata["team"] == "sales"
    assert "year" not in metadata
    monkeypatch.setenv("KNOW_INGEST_METADATA", "nothing")
    outcome = run("ingest", corpus)
    assert outcome.code == 2
    assert "KNOW_INGEST_METADATA" in outcome.err


def test_datasets_of_the_environment(run, library, monkeypatch):
    run("copy-dataset", "default", "other")
    monkeypatch.setenv("KNOW_DATASETS", "default, other")
    assert run("retrieve", "key", "--json").json["datasets"] == ["default", "other"]
    assert run("retrieve", "key", "-d", "other", "--json").json["datasets"] == ["other"]
    assert run("list-files", "--json").json["dataset"] == "default"


def test_keywords_of_the_environment(run, library, monkeypatch):
    monkeypatch.setenv("KNOW_RETRIEVE_KEYWORDS", "hotel,canteen")
    names = {hit["name"] for hit in run("retrieve", "key", "--json").json["hits"]}
    assert names == {"travel.md", "canteen.txt"}
    hits = run("retrieve", "key", "-w", "firmware", "--json").json["hits"]
    assert [hit["name"] for hit in hits] == ["firmware.txt"]


def test_json_of_the_environment(run, library, monkeypatch):
    monkeypatch.setenv("KNOW_JSON", "true")
    assert run("list-datasets").json["datasets"]
    assert run("models", "list").json["providers"]
    assert run("retrieve", "key", "-d", "none").json["error"]["code"] == "dataset-not-found"
    assert run("--version").code == 0
    assert "KNOW_JSON is not read" not in run("list-datasets").err
    monkeypatch.setenv("KNOW_JSON", "0")
    assert run("list-datasets").out.startswith("default\t")


def test_names_that_begin_with_a_dollar_are_left_out(run, tmp_path):
    files = {"a.md": "A text.", "$b.md": "A text.", "$RECYCLE.BIN/c.md": "A text."}
    write_files(tmp_path / "docs", files)
    run("ingest", tmp_path / "docs")
    assert [one["name"] for one in run("list-files", "--json").json["files"]] == ["a.md"]


def test_the_ancestors_json(run, library):
    outcome = run("retrieve", "rotate the signing key", "-k", "2", "--output", "gptscript")
    content = json.loads(outcome.out)
    assert content["originalQuery"] == "rotate the signing key"
    assert content["queriedDatasets"] == ["default"]
    (result,) = content["subqueryResults"]
    assert result["numResultDocuments"] == len(result["resultDocuments"]) == 2
    first = result["resultDocuments"][0]
    assert first["metadata"]["absPath"] == str(library / "keys.md")
    assert first["metadata"]["filename"] == "keys.md"
    assert isinstance(first["similarity_score"], float)
    assert content["stats"]["retrievalTimeSeconds"] >= 0
    nothing = run("retrieve", "key", "-w", "nowhere", "--output", "gptscript")
    (result,) = json.loads(nothing.out)["subqueryResults"]
    assert result == {"subquery": "key", "numResultDocuments": 0, "resultDocuments": None}
    assert run("retrieve", "key", "--output", "gptscript", "--json").code == 2
