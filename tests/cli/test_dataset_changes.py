"""Datasets get other names, copies and merges; files get other metadata."""

from __future__ import annotations

from tests.conftest import write_files


def hits(run, dataset, question="rotate the signing key"):
    found = run("retrieve", "-d", dataset, question, "--json").json["hits"]
    return [(hit["file"], hit["text"], hit["cosine"]) for hit in found]


def test_rename(run, library):
    before = hits(run, "default")
    assert run("rename-dataset", "default", "new name").out == (
        "renamed dataset 'default' to 'new name'\n"
    )
    assert [d["name"] for d in run("list-datasets", "--json").json["datasets"]] == ["new name"]
    assert hits(run, "new name") == before
    assert run("retrieve", "key", "-d", "default").code == 3


def test_a_name_that_is_taken_or_wrong(run, library):
    assert run("create-dataset", "other").code == 0
    for command in ("rename-dataset", "copy-dataset"):
        assert run(command, "default", "other", "--json").json["error"]["code"] == "dataset-exists"
        assert run(command, "default", " ").code == 2
        assert run(command, "nothing", "new").code == 3
    assert len(run("list-datasets", "--json").json["datasets"]) == 2


def test_copy(run, library):
    assert run("copy-dataset", "default", "copy").code == 0
    assert hits(run, "copy") == hits(run, "default")
    assert run("delete-file", library / "keys.md", "-d", "copy").code == 0
    assert len(run("list-files", "-d", "default", "--json").json["files"]) == 5
    assert len(run("list-files", "-d", "copy", "--json").json["files"]) == 4


def test_copy_over_another(run, library, tmp_path):
    write_files(tmp_path / "more", {"moon.md": "# Moon\n\nThe moon has no air.\n"})
    assert run("ingest", tmp_path / "more", "-d", "other").code == 0
    assert run("copy-dataset", "default", "other", "--overwrite").code == 0
    assert hits(run, "other") == hits(run, "default")


def test_an_empty_dataset_can_be_copied(run):
    assert run("create-dataset", "empty", "--metadata", "a=1").code == 0
    copy = run("copy-dataset", "empty", "copy", "--json").json["dataset"]
    assert (copy["files"], copy["metadata"]) == (0, {"a": 1})


def test_merge(run, library, tmp_path):
    write_files(tmp_path / "more", {"moon.md": "# Moon\n\nThe moon has no air.\n"})
    assert run("ingest", tmp_path / "more", library / "keys.md", "-d", "other").code == 0
    outcome = run("merge-datasets", "default", "other", "--into", "both", "--json")
    assert outcome.json["dataset"]["files"] == 6
    assert hits(run, "both", "air on the moon")[0][0] == str(tmp_path / "more" / "moon.md")
    assert len(run("list-files", "-d", "other", "--json").json["files"]) == 2


def test_merging_different_models_is_refused(run, library, tmp_path, monkeypatch):
    from tests.openai_server import OpenAIServer

    with OpenAIServer(dimensions=8) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert run("ingest", library, "-d", "other").code == 0
    outcome = run("merge-datasets", "default", "other", "--into", "both", "--json")
    assert outcome.code == 8
    assert "reembed" in outcome.json["error"]["hint"]
    assert len(run("list-datasets", "--json").json["datasets"]) == 2


def test_metadata_of_a_file(run, library):
    keys = library / "keys.md"
    outcome = run("edit-file", keys, "--update-metadata", "owner=ana", "--json")
    assert outcome.json["file"]["metadata"]["owner"] == "ana"
    found = run("retrieve", "key", "--where", "owner=ana", "--json").json["hits"]
    assert {hit["file"] for hit in found} == {str(keys)}
    outcome = run("edit-file", keys, "--replace-metadata", "team=ops", "--json")
    assert "owner" not in outcome.json["file"]["metadata"]
    assert run("ingest", library).code == 0  # what was edited stays
    assert run("get-file", keys, "--json").json["file"]["metadata"]["team"] == "ops"
    outcome = run("edit-file", keys, "--reset-metadata", "--json")
    assert "team" not in outcome.json["file"]["metadata"]
    assert run("edit-file", keys).code == 2
    assert run("edit-file", "nothing.md", "--reset-metadata").code == 3
