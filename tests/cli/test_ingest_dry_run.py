"""``ingest --dry-run`` writes nothing and says what a run would do."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.written_files import contents
from tests.conftest import write_files


def test_the_data_folder_is_not_even_created(run, corpus, data_dir, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    outcome = run("ingest", corpus, "--dry-run")
    assert outcome.code == 0
    assert "nothing was written" in outcome.out
    assert sorted(tmp_path.rglob("*")) == before
    assert not data_dir.exists()


def test_nothing_changes_in_a_data_folder_that_exists(run, corpus, data_dir):
    run("ingest", corpus)
    change_everything(corpus)
    before = contents(data_dir)
    assert run("ingest", corpus, "--dry-run", "--prune", "--force").code == 0
    assert run("ingest", corpus, "--dry-run", "-d", "other").code == 0
    assert contents(data_dir) == before


def change_everything(corpus):
    (corpus / "keys.md").unlink()
    shutil.move(corpus / "travel.md", corpus / "notes/journeys.md")
    write_files(
        corpus,
        {
            "canteen.txt": "The canteen serves supper too, from 17:30 to 19:00.\n",
            "new.md": "# New\n\nA new text about lighthouses.\n",
            "empty.md": "",
            "program.bin": bytes(range(256)) * 9,
        },
        age=60,
    )


def prediction(run, *arguments):
    dry = run("ingest", *arguments, "--dry-run", "--json")
    real = run("ingest", *arguments, "--json")
    assert dry.json["dry_run"] is True
    assert "dry_run" not in real.json
    assert dry.code == real.code
    for key in ("dataset", "files", "chunks", "embedded", "problems"):
        assert dry.json[key] == real.json[key], key
    return real.json


def test_a_first_run_is_predicted(run, corpus):
    assert prediction(run, corpus)["files"]["ingested"] == 5


def test_a_run_without_changes_is_predicted(run, corpus):
    run("ingest", corpus)
    assert prediction(run, corpus)["files"]["unchanged"] == 5


@pytest.mark.parametrize("flags", [[], ["--prune"], ["--force"], ["--prune", "--force"]])
def test_changes_are_predicted(run, corpus, flags):
    run("ingest", corpus)
    change_everything(corpus)
    report = prediction(run, corpus, *flags)
    assert report["files"]["removed"] == (1 if "--prune" in flags else 0)


def test_a_file_that_became_empty_is_predicted(run, corpus):
    run("ingest", corpus)
    write_files(corpus, {"canteen.txt": ""}, age=60)
    assert prediction(run, corpus)["chunks"]["removed"] == 1


def test_equal_files_are_predicted_to_be_embedded_once(run, corpus):
    shutil.copy(corpus / "keys.md", corpus / "copy-of-keys.md")
    assert prediction(run, corpus)["embedded"] == 5


def test_files_that_fail_are_predicted(run, corpus, monkeypatch):
    write_files(corpus, {"large.txt": "word " * 300_000})
    monkeypatch.setenv("KNOW_MAX_FILE_SIZE", "1")
    assert prediction(run, corpus)["files"]["failed"] == 1


def test_errors_are_the_same(run, corpus):
    assert run("ingest", corpus / "nowhere", "--dry-run").code == 3
    assert run("ingest", corpus, "--no-create-dataset", "--dry-run").code == 3
    assert run("ingest", corpus, "--embedding-model-provider", "nobody", "--dry-run").code == 2
    assert run("ingest", corpus, "-d", " x", "--dry-run").code == 2


def test_json_holds_the_flag_and_text_says_would(run, corpus):
    outcome = run("ingest", corpus, "--dry-run")
    assert "would be added" in outcome.out
    assert "would be embedded" in outcome.out
