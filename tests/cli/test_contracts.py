"""What scripts build on: exit codes, counts, and that nothing is overwritten or dropped."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import environment, write_files


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "arguments", [["--help"], ["ingest", "--help"], ["models"], ["list-files", "--nonsense"]]
)
def test_a_closed_pipe_is_141(arguments, stream):
    reading, writing = os.pipe()
    os.close(reading)
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    if "--nonsense" not in arguments and stream == "stderr":
        arguments = ["retrieve", "x"]  # help says nothing there
    elif "--nonsense" in arguments and stream == "stdout":
        arguments = ["config"]
    done = subprocess.run(
        [sys.executable, "-m", "knowledge", *arguments],
        **{stream: writing, other: subprocess.PIPE},
        env=environment(),
        check=False,
    )
    os.close(writing)
    assert done.returncode == 141
    assert (done.stdout or done.stderr or b"") == b""


def test_a_second_value_is_refused_where_one_counts(run, library):
    outcome = run("list-files", "-d", "default", "--dataset", "other")
    assert outcome.code == 2
    assert "--dataset takes one value, not 'default' and 'other' too" in outcome.err
    assert run("list-files", "-d", "default", "-d", "default").code == 0
    assert run("retrieve", "key", "-d", "default", "-d", "default").code == 0
    assert run("retrieve", "key", "--archive", "a.zip", "--archive", "b.zip").code == 2


def test_of_two_numbers_the_last_counts(run, library):
    assert run("retrieve", "key", "-k", "3", "-k", "1", "--json").json["top_k"] == 1


def test_a_link_to_nothing_is_not_found(run, tmp_path):
    (tmp_path / "link.md").symlink_to(tmp_path / "gone.md")
    outcome = run("ingest", tmp_path / "link.md")
    assert outcome.code == 3
    assert "is a link that leads to nothing" in outcome.err
    assert "gone.md" in outcome.err
    assert run("list-datasets", "--json").json["datasets"] == []


def test_status_counts_files_as_ingest_does(run, tmp_path):
    write_files(
        tmp_path / "docs", {"a.md": "# A text", "broken.pdf": "no pdf", "x.bin": "\0\1" * 99}
    )
    with zipfile.ZipFile(tmp_path / "docs" / "all.zip", "w") as archive:
        archive.writestr("in.md", "# Inside")
        archive.writestr("one.pdf", "no pdf")
        archive.writestr("two.bin", b"\0\1" * 99)
    counted = run("ingest", tmp_path / "docs", "--json").json["files"]
    dataset = run("status", "default", "--json").json["datasets"][0]
    kinds = ("failed", "empty", "unsupported")
    assert dataset["missed"] == {kind: counted[kind] for kind in kinds}
    assert sum(dataset["missed_members"].values()) == 2
    failed = run("list-files", "--status", "failed")
    assert len(failed.out.splitlines()) == counted["failed"] + dataset["missed_members"]["failed"]
    assert "1 file and 1 member of files" in failed.err
    assert "member" in run("status").out


def test_an_export_makes_a_folder_and_replaces_nothing(run, library, tmp_path):
    folder = f"{tmp_path}/exp/"
    first = run("export", "--all", "--output", folder, "--json").json["file"]
    assert first.startswith(folder)
    target = tmp_path / "kept.zip"
    target.write_text("mine")
    outcome = run("export", "default", "-o", target)
    assert outcome.code == 1
    assert "error [file-exists]" in outcome.err
    assert "--overwrite" in outcome.err
    assert target.read_text() == "mine"
    assert run("export", "default", "-o", target, "--overwrite").code == 0
    assert zipfile.is_zipfile(target)
    table = run("export", "default", "-o", target, "--format", "jsonl")
    assert table.code == 1


def test_history_names_each_change(run, library, tmp_path):
    keys = str(library / "keys.md")
    run("edit-file", keys, "--metadata", "a=1")
    run("delete-file", keys)
    run("edit-dataset", "default", "--update-metadata", "a=1")
    run("rename-dataset", "default", "handbook")
    listed = run("history", "handbook", "--json").json["runs"]
    assert [one["command"] for one in listed] == [
        "rename-dataset",
        "edit-dataset",
        "delete-file",
        "edit-file",
        "ingest",
    ]
    assert listed[2]["files"]["removed"] == 1
    run("copy-dataset", "handbook", "copy")
    run("merge-datasets", "handbook", "copy", "--into", "both")
    run("export", "copy", "-o", tmp_path / "copy.zip")
    run("import", tmp_path / "copy.zip", "--as", "imported")
    for name, command in (("copy", "copy-dataset"), ("both", "merge-datasets")):
        assert run("history", name, "--json").json["runs"][0]["command"] == command
    assert run("history", "imported", "--json").json["runs"][0]["command"] == "import"


def test_compact_gives_back_what_it_says(run, library, data_dir):
    def used():
        folder = data_dir / "datasets"
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    for name in ("keys.md", "travel.md"):
        run("delete-file", name)
    before = used()
    (done, *_) = run("compact", "default", "--json").json["compacted"]
    assert done["dead"] >= 0
    assert (done["before"], done["after"]) == (before, used())
    assert done["after"] < done["before"]
    assert run("retrieve", "canteen", "--json").json["hits"]
    assert run("gc", "--json").json["bytes"] == 0
