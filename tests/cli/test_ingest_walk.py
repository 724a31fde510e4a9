"""Which files of a folder are taken."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.conftest import write_files

TEXT = "Some text of file {}.\n"


@pytest.fixture
def names(run, tmp_path):
    """Ingest ``root`` with flags; return the files taken, relative to it."""
    root = tmp_path / "root"

    def ingest(*flags, path=root):
        outcome = run("ingest", path, *flags)
        assert outcome.code == 0, outcome.err
        files = run("list-files", "--json").json["files"]
        return {os.path.relpath(file["file"], root) for file in files}

    return ingest


def fill(tmp_path, *names):
    write_files(tmp_path / "root", {name: TEXT.format(name) for name in names})


def test_folders_are_walked(names, tmp_path):
    fill(tmp_path, "a.md", "b/c.md", "b/d/e.txt")
    assert names() == {"a.md", "b/c.md", "b/d/e.txt"}


def test_no_recursive_leaves_sub_folders_out(names, tmp_path):
    fill(tmp_path, "a.md", "b/c.md")
    assert names("--no-recursive") == {"a.md"}


def test_no_recursive_from_the_environment(names, tmp_path, monkeypatch):
    monkeypatch.setenv("KNOW_NO_INGEST_RECURSIVE", "true")
    fill(tmp_path, "a.md", "b/c.md")
    assert names() == {"a.md"}


def test_hidden_files_and_folders_are_left_out(names, tmp_path):
    fill(tmp_path, "a.md", ".b.md", ".c/d.md", "e/.f.md", "e/.g/h.md")
    assert names() == {"a.md"}


def test_hidden_files_and_folders_are_taken_when_asked_for(names, tmp_path):
    fill(tmp_path, "a.md", ".b.md", ".c/d.md", "e/.f.md", ".git/config.md")
    assert names("--include-hidden") == {"a.md", ".b.md", ".c/d.md", "e/.f.md"}


def test_a_hidden_root_that_was_named_is_walked(names, tmp_path):
    fill(tmp_path, ".notes/a.md", ".notes/.b.md", ".notes/.c/d.md")
    assert names(path=tmp_path / "root/.notes") == {".notes/a.md"}
    everything = {".notes/a.md", ".notes/.b.md", ".notes/.c/d.md"}
    assert names("--include-hidden", path=tmp_path / "root/.notes") == everything


def test_the_working_directory_may_lie_below_a_hidden_folder(names, tmp_path, monkeypatch):
    fill(tmp_path, ".notes/deep/a.md")
    monkeypatch.chdir(tmp_path / "root/.notes/deep")
    assert names(path=".") == {".notes/deep/a.md"}


def test_a_hidden_or_ignored_file_that_was_named_is_taken(names, tmp_path):
    fill(tmp_path, ".b.md", "c.log")
    assert names(path=tmp_path / "root/.b.md") == {".b.md"}
    assert "c.log" in names("--ignore-extensions", ".log", path=tmp_path / "root/c.log")


def test_what_is_never_a_document_is_left_out(names, tmp_path):
    fill(
        tmp_path,
        "a.md",
        "~$a.docx",
        ".~lock.a.odt#",
        "node_modules/x/readme.md",
        "b/__pycache__/c.txt",
        "Thumbs.db",
    )
    assert names("--include-hidden") == {"a.md"}


def test_a_knowignore_at_the_root(names, tmp_path):
    write_files(tmp_path / "root", {".knowignore": "# comment\n\n*.log\n/drafts/\n!keep.log\n"})
    fill(tmp_path, "a.md", "b.log", "c/d.log", "c/keep.log", "drafts/e.md", "c/drafts/f.md")
    assert names() == {"a.md", "c/keep.log", "c/drafts/f.md"}


def test_a_nested_knowignore_holds_below_its_folder_and_wins(names, tmp_path):
    write_files(
        tmp_path / "root",
        {".knowignore": "*.log\n", "b/.knowignore": "!special.log\n/secret.md\n"},
    )
    fill(
        tmp_path,
        "a.log",
        "special.log",
        "secret.md",
        "b/special.log",
        "b/secret.md",
        "b/c/secret.md",
    )
    assert names() == {"secret.md", "b/special.log", "b/c/secret.md"}


def test_a_knowignore_with_a_byte_order_mark_and_windows_lines(names, tmp_path):
    write_files(tmp_path / "root", {".knowignore": b"\xef\xbb\xbf*.log\r\n*.tmp\r\n"})
    fill(tmp_path, "a.md", "b.log", "c.tmp")
    assert names() == {"a.md"}


def test_an_ignore_file(names, tmp_path):
    write_files(tmp_path, {"rules": "*.log\n/drafts\n"})
    fill(tmp_path, "a.md", "b.log", "drafts/c.md", "d/drafts/e.md")
    assert names("--ignore-file", tmp_path / "rules") == {"a.md", "d/drafts/e.md"}


def test_an_ignore_file_wins_over_knowignore(names, tmp_path):
    write_files(tmp_path, {"rules": "!b.log\n", "root/.knowignore": "*.log\n"})
    fill(tmp_path, "a.log", "b.log")
    assert names("--ignore-file", tmp_path / "rules") == {"b.log"}


def test_an_ignore_file_that_does_not_exist(run, corpus):
    outcome = run("ingest", corpus, "--ignore-file", "nowhere", "--json")
    assert outcome.code == 3
    assert outcome.json["error"]["code"] == "path-not-found"


@pytest.mark.parametrize("listed", [".log,.tmp", "log,tmp", ".log, .tmp", "*.log,*.tmp"])
def test_extensions_to_leave_out(names, tmp_path, listed):
    fill(tmp_path, "a.md", "b.log", "c/d.tmp", "e.log.md")
    assert names("--ignore-extensions", listed) == {"a.md", "e.log.md"}


def test_extensions_win_over_knowignore(names, tmp_path):
    write_files(tmp_path / "root", {".knowignore": "!b.log\n"})
    fill(tmp_path, "a.md", "b.log")
    assert names("--ignore-extensions", ".log") == {"a.md"}


def test_ignore_rules_from_the_environment(names, tmp_path, monkeypatch):
    write_files(tmp_path, {"rules": "*.tmp\n"})
    fill(tmp_path, "a.md", "b.log", "c.tmp", ".d.md")
    monkeypatch.setenv("KNOW_INGEST_IGNORE_FILE", str(tmp_path / "rules"))
    monkeypatch.setenv("KNOW_INGEST_IGNORE_EXTENSIONS", ".log")
    monkeypatch.setenv("KNOW_INGEST_INCLUDE_HIDDEN", "1")
    assert names() == {"a.md", ".d.md"}


def test_an_empty_path_is_not_the_working_directory(run, corpus, monkeypatch):
    """As a script gives it whose variable is not set."""
    monkeypatch.chdir(corpus)
    assert run("ingest", "", "--prune").code in (2, 3)
    assert run("askdir", "key", "-p", "").code in (2, 3)
    assert run("list-datasets", "--json").json["datasets"] == []


def test_the_data_folder_is_no_document(run, corpus):
    report = run("ingest", corpus, "--data-dir", corpus / "data", "--json").json
    assert report["problems"] == []
    report = run("ingest", corpus, "--data-dir", corpus / "data", "--json").json
    assert report["problems"] == []
    assert report["files"]["unchanged"] == 5


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_links_are_followed_once(run, names, tmp_path):
    fill(tmp_path, "a.md", "b/c.md")
    root = tmp_path / "root"
    (root / "b/loop").symlink_to(root)
    (root / "dangling.md").symlink_to(root / "nowhere")
    report = run("ingest", root, "--json")
    assert report.json["files"]["ingested"] == 2
    assert report.json["files"]["failed"] == 1
    reasons = {p["file"].rpartition("/")[2]: p["reason"] for p in report.json["problems"]}
    assert reasons["dangling.md"] == "a link to nothing"
    assert "loop" in reasons


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_a_name_that_is_no_utf_8(run, tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    with open(os.fsencode(folder) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"The coffee machine stands beside the lift.\n")
    assert run("ingest", folder).code == 0
    (file,) = run("list-files", "--json").json["files"]
    assert file["name"] == "caf\\xe9.txt"
    assert run("ingest", folder, "--prune", "--json").json["files"]["removed"] == 0
    (hit,) = run("retrieve", "Where is the coffee machine?", "--json").json["hits"]
    assert hit["file"] == file["file"]
    for path in (file["file"], os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")):
        assert run("get-file", path, "--json").json["file"] == file
    assert run("delete-file", os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).code == 0


def work_tree(folder, **exclude):
    """Make a folder look like a Git work tree."""
    (folder / ".git/info").mkdir(parents=True)
    (folder / ".git/info/exclude").write_text(exclude.get("lines", ""))


def test_gitignore_counts_in_a_work_tree(names, tmp_path):
    write_files(tmp_path / "root", {".gitignore": "*.log\n/build/\n", "b/.gitignore": "!c.log\n"})
    fill(tmp_path, "a.md", "a.log", "b/c.log", "b/d.log", "build/e.md", "secret.md")
    everything = {"a.md", "a.log", "b/c.log", "b/d.log", "build/e.md", "secret.md"}
    work_tree(tmp_path / "root", lines="secret.md\n")
    assert names() == {"a.md", "b/c.log"}
    assert names("--no-gitignore", "--force") == everything


def test_gitignore_does_not_count_elsewhere_unless_asked_for(names, tmp_path, monkeypatch):
    write_files(tmp_path / "root", {".gitignore": "*.log\n"})
    fill(tmp_path, "a.md", "b.log")
    assert names("--gitignore") == {"a.md"}
    monkeypatch.setenv("KNOW_INGEST_GITIGNORE", "on")
    assert names() == {"a.md"}
    monkeypatch.setenv("KNOW_INGEST_GITIGNORE", "auto")
    assert names() == {"a.md", "b.log"}


def test_gitignore_above_the_folder_counts(names, tmp_path):
    write_files(tmp_path / "root", {".gitignore": "*.log\n/docs/drafts/\nout/\n"})
    fill(tmp_path, "docs/a.md", "docs/b.log", "docs/drafts/c.md", "docs/d/out/e.md", "out/f.md")
    work_tree(tmp_path / "root")
    assert names(path=tmp_path / "root/docs") == {"docs/a.md"}
    ignored_but_named = names(path=tmp_path / "root/docs/drafts")
    assert ignored_but_named == {"docs/a.md", "docs/drafts/c.md"}
    assert "out/f.md" in names(path=tmp_path / "root/out")


def test_a_work_tree_below_the_folder_has_rules_of_its_own(names, tmp_path):
    write_files(tmp_path / "root", {".gitignore": "*.md\n", "project/.gitignore": "*.log\n"})
    fill(tmp_path, "a.md", "a.log", "project/b.md", "project/c.log", "project/d/e.log")
    work_tree(tmp_path / "root/project")
    assert names() == {"a.md", "a.log", "project/b.md"}


def test_knowignore_wins_over_gitignore(names, tmp_path):
    write_files(
        tmp_path / "root", {".gitignore": "*.log\nbuild/\n", ".knowignore": "!build/\n!b.log"}
    )
    fill(tmp_path, "a.log", "b.log", "build/c.md")
    work_tree(tmp_path / "root")
    assert names() == {"b.log", "build/c.md"}


def test_include_and_exclude(names, tmp_path):
    fill(tmp_path, "a.md", "b.txt", "docs/c.md", "docs/d.txt", "docs/e/f.md", "docs/e/g.md")
    assert names("--include", "docs/**/*.md", "--exclude", "g.*") == {"docs/c.md", "docs/e/f.md"}


def test_include_and_exclude_may_be_given_again(names, tmp_path):
    fill(tmp_path, "a.md", "b.txt", "docs/c.md", "docs/e/f.txt", "z.rst")
    flags = ("--include", "*.md", "--include", "/b.txt", "--exclude", "a.md", "--exclude", "x")
    assert names(*flags) == {"b.txt", "docs/c.md"}


def test_include_brings_nothing_back(names, tmp_path):
    write_files(tmp_path / "root", {".knowignore": "secret.md\n"})
    fill(tmp_path, "a.md", "secret.md", ".hidden.md", "node_modules/b.md")
    assert names("--include", "*.md") == {"a.md"}


def test_a_glob_that_is_none(run, corpus):
    outcome = run("ingest", corpus, "--include", "!", "--json")
    assert outcome.code in (0, 2)
    outcome = run("ingest", corpus, "--exclude", "", "--include", "*.md", "--dry-run", "--json")
    assert outcome.json["files"]["ingested"] == 3


@pytest.mark.skipif(os.name == "nt", reason="paths are shorter there")
def test_folders_nested_deeper_than_python_calls(names, tmp_path):
    fill(tmp_path, "a.md")
    here = os.open(tmp_path / "root", os.O_RDONLY)
    try:
        for _ in range(1200):
            os.mkdir("d", dir_fd=here)
            here, last = os.open("d", os.O_RDONLY, dir_fd=here), here
            os.close(last)
    finally:
        os.close(here)
    try:
        assert names() == {"a.md"}
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "root"], check=True)  # Python's rmtree recurses


@pytest.fixture
def data_in_tree(tmp_path, monkeypatch):
    """A folder that holds the data folder, with a document in it that was put there."""
    fill(tmp_path, "a.md", "b/c.md", ".data/notes/d.md")
    monkeypatch.setenv("KNOW_DATA_DIR", str(tmp_path / "root/.data"))
    return tmp_path / "root/.data"


@pytest.mark.parametrize("lead", ["", "link", "above", "inside", "file", "relative"])
def test_the_data_folder_is_left_out_by_whatever_path(
    names, tmp_path, data_in_tree, lead, monkeypatch
):
    root = tmp_path / "root"
    data = data_in_tree.rename(root / "data")
    monkeypatch.setenv("KNOW_DATA_DIR", str(data))
    if lead == "link":
        os.symlink(data, root / "b/linked")
    elif lead == "above":
        os.symlink(root, tmp_path / "other")
        monkeypatch.setenv("KNOW_DATA_DIR", str(tmp_path / "other/data"))
    elif lead == "inside":
        os.symlink(data / "notes", root / "b/linked")
    elif lead == "file":
        os.symlink(data / "notes/d.md", root / "b/linked.md")
    elif lead == "relative":
        monkeypatch.chdir(root / "b")
        monkeypatch.setenv("KNOW_DATA_DIR", "../data")
    assert names() == {"a.md", "b/c.md"}


def test_the_data_folder_itself(run, tmp_path, data_in_tree):
    os.symlink(data_in_tree, tmp_path / "linked")
    for path in (data_in_tree, tmp_path / "linked", tmp_path / "linked/notes"):
        outcome = run("ingest", path)
        assert outcome.code == 0
        assert "the data folder itself is left out" in outcome.err
        assert run("list-files", "--json").json["files"] == []


def test_what_runs_keep_for_a_moment_is_left_out(names, tmp_path, monkeypatch):
    import tempfile

    fill(tmp_path, "a.md", "tmp/knowledge-x/b.md", "tmp/c.md", "knowledge-y/d.md")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "root/tmp"))
    assert names() == {"a.md", "tmp/c.md", "knowledge-y/d.md"}


def test_what_nobody_wrote_is_left_out_in_one_line(run, tmp_path, monkeypatch):
    lock = tmp_path / "docs" / "yarn.lock"
    write_files(
        tmp_path / "docs",
        {"a.md": "Words.", "yarn.lock": "a@1:\n  version 1\n", "x.min.js": "var a=1"},
    )
    docs = str(tmp_path / "docs")
    outcome = run("ingest", docs)
    assert outcome.code == 0
    assert "1 ingested" in outcome.out
    (line,) = (line for line in outcome.err.splitlines() if "nobody wrote" in line)
    assert line.startswith(f"notice: {docs}: left out 2 files that nobody wrote")
    assert "such as x.min.js; --include-generated takes them in" in line
    assert "2 ingested" in run("ingest", docs, "--include-generated").out
    assert "1 ingested" in run("ingest", str(lock), "-d", "named").out
    monkeypatch.setenv("KNOW_INGEST_INCLUDE_GENERATED", "true")
    assert "3 ingested" in run("ingest", docs, "-d", "set").out
