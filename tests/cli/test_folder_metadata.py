"""``.knowledge.json``: metadata that folders give to their files."""

from __future__ import annotations

import json

import pytest

from tests.conftest import make_old, write_files


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    write_files(
        folder, {"a.md": "Alpha.", "b.md": "Beta.", "sub/c.md": "Gamma.", "sub/d.txt": "D."}
    )
    return folder


@pytest.fixture
def metadata(run, root):
    """Ingest with flags; return the metadata of each file."""

    def ingest(*flags, path=root, code=0):
        outcome = run("ingest", path, *flags, "--json")
        assert outcome.code == code, outcome.out
        files = run("list-files", "--json").json["files"]
        return {file["file"].removeprefix(f"{root}/"): file["metadata"] for file in files}

    return ingest


def say(folder, metadata):
    write_files(folder, {".knowledge.json": json.dumps({"metadata": metadata})})


def test_exact_paths_globs_and_deeper_folders(metadata, root):
    say(root, {"a.md": {"x": 1}, "*.md": {"x": 2, "y": 2}, "sub/c.md": {"z": 3}, "sub/": {"w": 4}})
    say(root / "sub", {"c.md": {"y": "deep", "z": None}})
    found = metadata()
    assert found["a.md"] == {"x": 1, "y": 2}
    assert found["b.md"] == {"x": 2, "y": 2}
    assert found["sub/c.md"] == {"x": 2, "y": "deep", "w": 4}
    assert found["sub/d.txt"] == {"w": 4}


def test_a_name_with_the_characters_of_globs(metadata, root):
    write_files(root, {"report [1].md": "One.", "!urgent.md": "Two."})
    say(root, {"report [1].md": {"n": 1}, "!urgent.md": {"n": 2}})
    found = metadata()
    assert (found["report [1].md"], found["!urgent.md"], found["a.md"]) == ({"n": 1}, {"n": 2}, {})


def test_flags_win(metadata, root):
    say(root, {"a.md": {"x": 1, "y": 1}})
    assert metadata("--metadata", "x=flag")["a.md"] == {"x": "flag", "y": 1}
    say(root, {"a.md": {"x": 2, "y": 2}})
    assert metadata()["a.md"] == {"x": "flag", "y": 2}


def test_a_change_embeds_nothing_and_removed_keys_go(run, metadata, root):
    say(root, {"*.md": {"x": 1, "y": 1}})
    metadata("--metadata", "kept=yes")
    say(root, {"*.md": {"x": 2}})
    report = run("ingest", root, "--json").json
    assert report["files"]["unchanged"] == 4
    assert report["embedded"] == report["chunks"]["added"] == 0
    assert metadata()["a.md"] == {"x": 2, "kept": "yes"}
    (root / ".knowledge.json").unlink()
    assert metadata()["a.md"] == {"kept": "yes"}
    assert metadata("--force")["a.md"] == {"kept": "yes"}


def test_a_changed_file_keeps_both(metadata, root):
    say(root, {"a.md": {"x": 1}})
    metadata("--metadata", "x2=flag")
    write_files(root, {"a.md": "Alpha and more."})
    assert metadata()["a.md"] == {"x": 1, "x2": "flag"}
    (root / ".knowledge.json").unlink()
    assert metadata()["a.md"] == {"x2": "flag"}


def test_a_file_named_by_itself(metadata, root):
    say(root, {"a.md": {"x": 1}})
    assert metadata(path=root / "a.md") == {"a.md": {"x": 1}}


def test_it_can_be_filtered_by(run, metadata, root):
    say(root, {"sub/": {"team": "support"}})
    metadata()
    hits = run("retrieve", "gamma", "--where", "team=support", "--json").json["hits"]
    assert {hit["name"] for hit in hits} == {"c.md", "d.txt"}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('{"metadata": {"a.md": {"x": 1},}}', "line 1, column 3"),
        ('{"metadata":\n  {"a.md": 3}}', 'metadata["a.md"]'),
        ('{"metdata": {}}', '"metadata"'),
        ("[]", '"metadata"'),
        (b"\xff\xfe\x00", "UTF-8"),
        ("[" * 100_000, "nested"),
    ],
)
def test_a_malformed_one_is_told_and_loses_nothing(run, metadata, root, content, place):
    say(root, {"a.md": {"x": 1}})
    metadata()
    write_files(root, {".knowledge.json": content, "new.md": "New."})
    found = metadata("--metadata", "f=1", code=4)
    assert found["a.md"] == {"x": 1, "f": 1}
    assert found["new.md"] == {"f": 1}
    (problem,) = run("ingest", root, "--json").json["problems"]
    assert problem["file"] == str(root / ".knowledge.json")
    assert problem["status"] == "failed"
    assert place in problem["reason"]
    (root / ".knowledge.json").unlink()
    assert metadata()["a.md"] == {"f": 1}


def test_a_malformed_one_beside_a_file_named_by_itself(metadata, root):
    write_files(root, {".knowledge.json": "{"})
    make_old(root / "a.md")
    assert metadata(path=root / "a.md", code=4) == {"a.md": {}}
