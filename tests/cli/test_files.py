from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.conftest import write_files


@pytest.fixture(autouse=True)
def ingested(run, corpus):
    assert run("ingest", corpus, "--metadata", "team=support").code == 0


def test_list(run, corpus):
    rows = [line.split("\t") for line in run("list-files").out.splitlines()]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    by_path = {row[0]: row for row in rows}
    path = corpus / "keys.md"
    _, chunks, size, moment, file_id = by_path[str(path)]
    assert (chunks, size) == ("1", str(path.stat().st_size))
    assert moment.endswith("+00:00")
    assert run("get-file", file_id).code == 0


def test_list_in_json(run, corpus):
    answer = run("list-files", "--json").json
    assert answer["dataset"] == "default"
    file = next(file for file in answer["files"] if file["name"] == "keys.md")
    content = (corpus / "keys.md").read_bytes()
    assert file["file"] == str(corpus / "keys.md")
    assert file["size"] == len(content)
    assert file["content_hash"] == hashlib.sha256(content).hexdigest()
    assert file["chunks"] == 1
    assert file["tokens"] > 0
    assert file["metadata"]["team"] == "support"


def test_an_empty_dataset_has_no_files(run):
    run("create-dataset", "empty")
    assert run("list-files", "-d", "empty").out == ""
    assert run("list-files", "-d", "empty", "--json").json["files"] == []


def test_get_by_id_and_by_path(run, corpus, monkeypatch):
    absolute = run("get-file", corpus / "keys.md", "--json").json["file"]
    assert absolute["name"] == "keys.md"
    assert run("get-file", absolute["id"], "--json").json["file"] == absolute
    monkeypatch.chdir(corpus / "notes")
    assert run("get-file", "../keys.md", "--json").json["file"] == absolute
    assert run("get-file", "./badges.md", "--json").json["file"]["name"] == "badges.md"
    assert run("get-file", f"{corpus}/notes/../keys.md", "--json").json["file"] == absolute


def test_the_end_of_a_path_will_do(run, corpus):
    for end in ("badges.md", "notes/badges.md"):
        file = run("get-file", end, "--json").json["file"]
        assert file["file"] == str(corpus / "notes/badges.md")
    edited = run("edit-file", "badges.md", "--metadata", "owner=ana", "--json").json["file"]
    assert edited["metadata"]["owner"] == "ana"
    assert run("similar", "badges.md", "--json").json["hits"]
    assert run("delete-file", "badges.md", "--json").json["file"]["name"] == "badges.md"
    assert run("get-file", "badges.md").code == 3


@pytest.mark.parametrize("command", ["get-file", "edit-file", "delete-file", "similar"])
def test_an_ambiguous_name_lists_the_candidates(run, corpus, command):
    write_files(corpus, {"notes/keys.md": "Other keys."})
    assert run("ingest", corpus).code == 0
    flags = ["--reset-metadata"] if command == "edit-file" else []
    outcome = run(command, "keys.md", *flags, "--json")
    assert outcome.code == 2
    for path in (corpus / "keys.md", corpus / "notes/keys.md"):
        assert str(path) in outcome.json["error"]["hint"]
    assert run(command, "notes/keys.md", *flags).code == 0


def test_a_file_that_lies_here_means_no_other_of_its_name(run, corpus):
    write_files(Path.cwd(), {"keys.md": "Not ingested."})
    outcome = run("delete-file", "keys.md", "--json")
    assert outcome.code == 3
    assert str(Path.cwd() / "keys.md") in outcome.json["error"]["message"]
    assert str(corpus / "keys.md") in outcome.json["error"]["hint"]
    assert run("get-file", corpus / "keys.md").code == 0


def test_get_through_a_link(run, corpus, tmp_path):
    (tmp_path / "link").symlink_to(corpus)
    found = run("get-file", tmp_path / "link/keys.md", "--json").json["file"]
    assert found["file"] == str(corpus / "keys.md")


def test_get_what_came_from_standard_input(run):
    run("ingest", "-", "--name", "gate.txt", stdin="The gate code is 4711.")
    assert run("get-file", "gate.txt", "--json").json["file"]["size"] == 22


def test_get_for_people(run, corpus):
    out = run("get-file", corpus / "keys.md").out
    assert f"file\t{corpus / 'keys.md'}\n" in out
    assert "Rotate" not in out


def test_get_with_text(run, corpus):
    file = run("get-file", corpus / "keys.md", "--text", "--json").json["file"]
    (passage,) = file["passages"]
    assert "Rotate the signing key every 90 days." in passage["text"]
    assert passage["ordinal"] == 0
    out = run("get-file", corpus / "keys.md", "--text").out
    assert passage["chunk_id"] in out
    assert "Rotate the signing key every 90 days." in out


def test_passages_stand_in_order_and_hold_the_whole_text(run, tmp_path):
    text = "\n\n".join(f"Paragraph number {number} says something else." for number in range(300))
    write_files(tmp_path, {"long/long.txt": text})
    run("ingest", tmp_path / "long", "-d", "long", "--chunk-size", "60", "--chunk-overlap", "0")
    file = run("get-file", tmp_path / "long/long.txt", "-d", "long", "--text", "--json").json[
        "file"
    ]
    passages = file["passages"]
    assert [passage["ordinal"] for passage in passages] == list(range(file["chunks"]))
    assert len(passages) > 10
    for passage in passages:
        assert passage["text"] == text[passage["char_start"] : passage["char_end"]]
    held = " ".join(" ".join(passage["text"].split()) for passage in passages)
    assert held == " ".join(text.split())


@pytest.mark.parametrize("command", ["get-file", "delete-file"])
@pytest.mark.parametrize(
    "file", ["nowhere.md", "0" * 32, "", "/", "./keys.md", "eys.md", "/keys.md"]
)
def test_a_file_that_the_dataset_does_not_hold(run, command, file):
    outcome = run(command, file, "--json")
    assert outcome.code == 3
    assert outcome.json["error"]["code"] == "file-not-found"


def test_delete(run, corpus):
    outcome = run("delete-file", corpus / "keys.md")
    assert outcome.code == 0
    assert outcome.out == f"removed {corpus / 'keys.md'} from dataset 'default'\n"
    assert (corpus / "keys.md").exists()
    assert run("get-file", corpus / "keys.md").code == 3
    hits = run("retrieve", "Rotate the signing key", "--json").json["hits"]
    assert len(hits) == 4
    assert "keys.md" not in {hit["name"] for hit in hits}
    dataset = run("get-dataset", "default", "--json").json["dataset"]
    assert (dataset["files"], dataset["chunks"]) == (4, 4)


def test_delete_in_json_shows_the_file_as_it_was(run, corpus):
    file = run("get-file", corpus / "keys.md", "--json").json["file"]
    assert run("delete-file", file["id"], "--json").json == {
        "schema": "knowledge.file/1",
        "dataset": "default",
        "file": file,
    }


def test_a_deleted_file_comes_back_with_the_next_ingest(run, corpus):
    run("delete-file", corpus / "keys.md")
    report = run("ingest", corpus, "--json").json
    assert (report["files"]["ingested"], report["files"]["unchanged"]) == (1, 4)


def test_delete_every_file(run, corpus):
    for file in run("list-files", "--json").json["files"]:
        assert run("delete-file", file["id"]).code == 0
    assert run("retrieve", "key", "--json").json["hits"] == []
    assert run("ingest", corpus, "--json").json["files"]["ingested"] == 5


def test_only_the_named_dataset_loses_the_file(run, corpus):
    run("ingest", corpus, "-d", "other")
    run("delete-file", corpus / "keys.md", "-d", "other")
    assert run("get-file", corpus / "keys.md").code == 0
