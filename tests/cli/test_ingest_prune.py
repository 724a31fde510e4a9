"""``ingest --prune`` removes what is gone, and nothing else."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import write_files


@pytest.fixture
def names(run):
    def listed():
        return {file["name"] for file in run("list-files", "--json").json["files"]}

    return listed


EVERYTHING = {"keys.md", "travel.md", "canteen.txt", "badges.md", "firmware.txt"}


def test_what_is_gone_stays_without_prune(run, corpus, names):
    run("ingest", corpus)
    (corpus / "keys.md").unlink()
    assert run("ingest", corpus, "--json").json["files"]["removed"] == 0
    assert names() == EVERYTHING


def test_what_is_gone_is_removed(run, corpus, names):
    run("ingest", corpus)
    (corpus / "keys.md").unlink()
    shutil.rmtree(corpus / "notes/deep")
    report = run("ingest", corpus, "--prune", "--json").json
    assert report["files"]["removed"] == 2
    assert report["chunks"] == {"added": 0, "removed": 2, "reused": 3}
    assert names() == {"travel.md", "canteen.txt", "badges.md"}
    hits = run("retrieve", "Rotate the signing key", "--json").json["hits"]
    assert "keys.md" not in {hit["name"] for hit in hits}


def test_prune_may_come_from_the_environment(run, corpus, names, monkeypatch):
    monkeypatch.setenv("KNOW_INGEST_PRUNE", "true")
    run("ingest", corpus)
    (corpus / "keys.md").unlink()
    run("ingest", corpus)
    assert names() == EVERYTHING - {"keys.md"}


def test_only_below_the_roots_of_the_run(run, corpus, names):
    run("ingest", corpus)
    (corpus / "keys.md").unlink()
    (corpus / "notes/badges.md").unlink()
    run("ingest", corpus / "notes", "--prune")
    assert names() == EVERYTHING - {"badges.md"}


def test_not_in_siblings_whose_name_begins_alike(run, tmp_path, names):
    write_files(tmp_path, {"docs/a.md": "Alpha.", "docs2/b.md": "Beta.", "docs-old/c.md": "Gamma."})
    run("ingest", tmp_path / "docs", tmp_path / "docs2", tmp_path / "docs-old")
    for name in ("docs/a.md", "docs2/b.md", "docs-old/c.md"):
        (tmp_path / name).unlink()
    assert run("ingest", tmp_path / "docs", "--prune", "--json").json["files"]["removed"] == 1
    assert names() == {"b.md", "c.md"}


def test_not_what_is_there_but_ignored_now(run, corpus, names):
    run("ingest", corpus)
    write_files(corpus, {".knowignore": "travel.md\nnotes/\n"})
    report = run("ingest", corpus, "--prune", "--ignore-extensions", ".txt", "--json").json
    assert report["files"]["removed"] == 0
    assert names() == EVERYTHING


def test_not_what_no_recursive_leaves_out(run, corpus, names):
    run("ingest", corpus)
    assert (
        run("ingest", corpus, "--prune", "--no-recursive", "--json").json["files"]["removed"] == 0
    )
    assert names() == EVERYTHING


def test_what_is_gone_is_removed_though_an_ignore_rule_names_it(run, corpus, names):
    run("ingest", corpus)
    (corpus / "travel.md").unlink()
    write_files(corpus, {".knowignore": "travel.md\n"})
    run("ingest", corpus, "--prune")
    assert names() == EVERYTHING - {"travel.md"}


def test_an_emptied_folder(run, corpus, names):
    run("ingest", corpus)
    shutil.rmtree(corpus)
    corpus.mkdir()
    report = run("ingest", corpus, "--prune", "--json").json
    assert report["files"]["removed"] == 5
    assert names() == set()
    assert run("retrieve", "Rotate the signing key", "--json").json["hits"] == []
    dataset = run("get-dataset", "default", "--json").json["dataset"]
    assert (dataset["files"], dataset["chunks"], dataset["documents"]) == (0, 0, [])


def test_an_emptied_folder_can_be_filled_again(run, corpus, names):
    run("ingest", corpus)
    shutil.rmtree(corpus)
    corpus.mkdir()
    run("ingest", corpus, "--prune")
    write_files(corpus, {"new.md": "A new text about lighthouses."})
    assert run("ingest", corpus, "--prune", "--json").json["files"]["ingested"] == 1
    (hit,) = run("retrieve", "lighthouses", "--json").json["hits"]
    assert hit["name"] == "new.md"


def test_a_root_that_is_gone_removes_nothing(run, corpus, names):
    run("ingest", corpus)
    shutil.rmtree(corpus)
    outcome = run("ingest", corpus, "--prune", "--json")
    assert outcome.code == 3
    assert outcome.json["error"]["code"] == "path-not-found"
    assert names() == EVERYTHING


def test_a_single_file_prunes_nothing_else(run, corpus, names):
    run("ingest", corpus)
    (corpus / "travel.md").unlink()
    run("ingest", corpus / "keys.md", "--prune")
    assert names() == EVERYTHING


def test_standard_input_is_never_pruned(run, corpus, names):
    run("ingest", "-", "--name", "gate.txt", stdin="The gate code is 4711.")
    run("ingest", corpus, "--prune")
    assert names() == EVERYTHING | {"gate.txt"}


def test_files_of_other_datasets_stay(run, corpus, names):
    run("ingest", corpus)
    run("ingest", corpus, "-d", "other")
    (corpus / "keys.md").unlink()
    run("ingest", corpus, "-d", "other", "--prune")
    assert names() == EVERYTHING


def test_two_runs_over_a_folder_that_was_turned_into_a_file(run, corpus, names):
    run("ingest", corpus)
    shutil.rmtree(corpus / "notes")
    write_files(corpus, {"notes": "Now the notes are one file."})
    report = run("ingest", corpus, "--prune", "--json").json
    assert report["files"]["removed"] == 2
    assert names() == {"keys.md", "travel.md", "canteen.txt", "notes"}
