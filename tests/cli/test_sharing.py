"""`export`, `import` and `--archive`."""

from __future__ import annotations

import zipfile


def test_hand_a_dataset_on(run, library, tmp_path, monkeypatch):
    outcome = run("export", "default", "--output", tmp_path / "out.zip")
    assert outcome.code == 0
    assert "out.zip: default, " in outcome.out
    monkeypatch.setenv("KNOW_DATA_DIR", str(tmp_path / "other"))
    outcome = run("import", tmp_path / "out.zip", "--as", "theirs")
    assert outcome.out == "imported dataset 'theirs': 5 files, 5 chunks\n"
    outcome = run("retrieve", "-d", "theirs", "-k", "1", "rotate the signing key", "--json")
    assert outcome.json["hits"][0]["file"] == str(library / "keys.md")


def test_the_archive_goes_into_a_folder_with_a_name_of_its_own(run, library, tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    outcome = run("export", "--all", "-o", target, "--json")
    (made,) = target.iterdir()
    assert outcome.json["file"] == str(made)
    assert outcome.json["bytes"] == made.stat().st_size
    assert made.name.startswith("knowledge-export-")
    assert zipfile.is_zipfile(made)


def test_ask_an_archive(run, library, tmp_path, monkeypatch):
    assert run("export", "default", "-o", tmp_path / "out.zip").code == 0
    monkeypatch.setenv("KNOW_DATA_DIR", str(tmp_path / "other"))
    archive = ("--archive", tmp_path / "out.zip")
    assert run("list-datasets", *archive, "--json").json["datasets"][0]["chunks"] == 5
    outcome = run("get-dataset", "default", *archive, "--json")
    assert len(outcome.json["dataset"]["documents"]) == 5
    outcome = run("retrieve", "rotate the signing key", "-k", "1", *archive, "--json")
    assert outcome.json["hits"][0]["name"] == "keys.md"
    assert run("list-datasets", "--json").json["datasets"] == []


def test_tables_for_other_tools(run, library, tmp_path):
    outcome = run("export", "default", "-o", tmp_path / "rows.jsonl", "--format", "jsonl")
    assert outcome.code == 0
    assert len((tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()) == 5


def test_what_can_not_be_done_is_said(run, library, tmp_path):
    for arguments, code in (
        (("export",), 2),
        (("export", "default", "--all"), 2),
        (("export", "default", "--format", "xml"), 2),
        (("export", "nothing"), 3),
        (("import", tmp_path / "nothing.zip"), 3),
    ):
        assert run(*arguments, "--json").json["error"]["message"], arguments
        assert run(*arguments).code == code, arguments
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    outcome = run("import", tmp_path / "bad.zip", "--json")
    assert outcome.code == 7
    assert outcome.json["error"]["code"] == "archive-damaged"


def test_a_taken_name(run, library, tmp_path):
    assert run("export", "default", "-o", tmp_path / "out.zip").code == 0
    outcome = run("import", tmp_path / "out.zip", "--json")
    assert outcome.code == 1
    assert outcome.json["error"]["code"] == "dataset-exists"
    assert "--overwrite" in outcome.json["error"]["hint"]
    outcome = run("import", tmp_path / "out.zip", "--overwrite", "--json")
    assert outcome.json["datasets"][0]["files"] == 5
