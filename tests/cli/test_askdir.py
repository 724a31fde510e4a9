from __future__ import annotations

import pytest

from tests.conftest import write_files


def ask(run, *arguments):
    return run("askdir", *arguments, "--json")


def test_a_folder_is_asked(run, corpus):
    outcome = ask(run, "How often do I rotate the signing key?", "-p", corpus, "-k", "2")
    assert outcome.code == 0
    assert outcome.json["schema"] == "knowledge.retrieve/1"
    assert outcome.json["hits"][0]["name"] == "keys.md"
    assert len(outcome.json["hits"]) == 2


def test_the_working_directory_is_the_default(run, corpus, monkeypatch):
    monkeypatch.chdir(corpus)
    assert ask(run, "lunch", "-k", "1").json["hits"][0]["name"] == "canteen.txt"


def test_the_folder_has_a_dataset_of_its_own(run, corpus, tmp_path):
    write_files(tmp_path / "other/corpus", {"gate.txt": "The gate code is 4711."})
    ask(run, "lunch", "-p", corpus)
    ask(run, "lunch", "-p", tmp_path / "other/corpus")
    names = [dataset["name"] for dataset in run("list-datasets", "--json").json["datasets"]]
    assert len(names) == 2
    assert all("corpus" in name for name in names)
    assert len(ask(run, "lunch", "-p", corpus).json["hits"]) == 5
    assert len(run("list-datasets", "--json").json["datasets"]) == 2


def test_one_folder_by_several_names(run, corpus, monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to(corpus)
    monkeypatch.chdir(corpus / "notes")
    for path in (corpus, f"{corpus}/", "..", tmp_path / "link"):
        assert ask(run, "lunch", "-p", path).code == 0
    (dataset,) = run("list-datasets", "--json").json["datasets"]
    assert dataset["files"] == 5


def test_what_changed_is_seen(run, corpus):
    ask(run, "lunch", "-p", corpus)
    write_files(corpus, {"canteen.txt": "Lunch is served on the roof."}, age=60)
    (corpus / "keys.md").unlink()
    hits = ask(run, "lunch", "-p", corpus).json["hits"]
    assert hits[0]["text"].strip() == "Lunch is served on the roof."
    assert "keys.md" not in {hit["name"] for hit in hits}


def test_no_prune_keeps_what_is_gone(run, corpus):
    ask(run, "lunch", "-p", corpus)
    (corpus / "keys.md").unlink()
    hits = ask(run, "lunch", "-p", corpus, "--no-prune").json["hits"]
    assert "keys.md" in {hit["name"] for hit in hits}


def test_how_the_folder_is_walked(run, corpus):
    write_files(corpus, {".hidden.md": "Hidden text.", "a.log": "Logged text."})
    names = {hit["name"] for hit in ask(run, "text", "-p", corpus, "--no-recursive").json["hits"]}
    assert names == {"keys.md", "travel.md", "canteen.txt", "a.log"}
    flags = ["--include-hidden", "--ignore-extensions", ".log,.txt"]
    names = {
        hit["name"] for hit in ask(run, "text", "-p", corpus, "--no-prune", *flags).json["hits"]
    }
    assert ".hidden.md" in names


def test_a_failed_file_is_told_and_the_hits_are_printed(run, corpus, monkeypatch):
    write_files(corpus, {"large.txt": "word " * 300_000})
    monkeypatch.setenv("KNOW_MAX_FILE_SIZE", "1")
    outcome = ask(run, "lunch", "-p", corpus)
    assert outcome.code == 4
    assert len(outcome.json["hits"]) == 5
    assert "large.txt" in outcome.err


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_failed_file_is_told_on_stderr(run, corpus, monkeypatch, quiet):
    write_files(corpus, {"large.txt": "word " * 300_000})
    monkeypatch.setenv("KNOW_MAX_FILE_SIZE", "1")
    outcome = run("askdir", "lunch", "-p", corpus, *quiet)
    assert outcome.code == 4
    assert "large.txt" in outcome.err
    assert "large.txt" not in outcome.out


def test_a_question_on_standard_input(run, corpus):
    outcome = run("askdir", "-", "-p", corpus, "--json", stdin="lunch\n")
    assert outcome.json["query"] == "lunch"


def test_an_empty_folder(run):
    assert ask(run, "lunch").json["hits"] == []
    assert ask(run, "lunch", "--fail-empty").code == 3


def test_no_folder(run, corpus, data_dir):
    for path in (corpus / "keys.md", corpus / "nowhere"):
        outcome = ask(run, "lunch", "-p", path)
        assert outcome.code in (2, 3)
        assert str(path) in outcome.json["error"]["message"]
    assert not data_dir.exists()


def test_a_bad_question_ingests_nothing(run, corpus, data_dir):
    assert ask(run, "  ", "-p", corpus).code == 2
    assert ask(run, "lunch", "-p", corpus, "-k", "0").code == 2
    assert not data_dir.exists()


def test_metadata(run, corpus):
    hits = ask(run, "lunch", "-p", corpus, "--metadata", "team=support").json["hits"]
    assert all(hit["metadata"]["team"] == "support" for hit in hits)
