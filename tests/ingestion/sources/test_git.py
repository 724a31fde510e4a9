"""Git repositories as sources."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest

from knowledge.errors import FetchError, PrivateHostError
from knowledge.ingestion.scan.ignore import IgnoreOptions
from knowledge.ingestion.sources.addresses import Page, Repository, parse_address
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.git import RemoteRepository, Tip, files_url
from knowledge.ingestion.sources.git_host import checked_host, checked_https
from knowledge.ingestion.sources.repositories import Commit
from tests.conftest import environment, write_files
from tests.ingestion.sources.web_server import Answer, WebServer

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

HASH = "0123456789" * 4


class Work:
    """A repository to commit to."""

    def __init__(self, folder):
        self.folder = folder
        self.url = f"git+file://{folder}"
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments):
        command = ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.org", *arguments]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def commit(self, files=(), gone=()):
        write_files(self.folder, dict(files))
        for name in gone:
            (self.folder / name).unlink()
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "-m", "change", "--allow-empty")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def work(tmp_path):
    repository = Work(tmp_path / "work")
    repository.commit({"docs/a.md": "# Keys\n\nRotate the keys.", "b.txt": "Lunch is at noon."})
    return repository


@pytest.fixture
def ingest(run, tmp_path, monkeypatch):
    """Ingest; return the report. Nothing may be left among the temporary files."""
    (tmp_path / "temp").mkdir()
    made = partial(tempfile.TemporaryDirectory, dir=tmp_path / "temp")
    monkeypatch.setattr("tempfile.TemporaryDirectory", made)

    def call(*arguments, code=0):
        outcome = run("ingest", *arguments, "--json")
        assert outcome.code == code, outcome.out
        assert os.listdir(tmp_path / "temp") == []
        return outcome.json

    return call


def stored(run):
    return {file["file"]: file for file in run("list-files", "--json").json["files"]}


def test_files_are_cited_at_their_commit(run, work, ingest):
    commit = work.git("rev-parse", "HEAD")
    assert ingest(work.url)["files"]["ingested"] == 2
    files = stored(run)
    assert set(files) == {f"{work.url}@{commit}/docs/a.md", f"{work.url}@{commit}/b.txt"}
    metadata = files[f"{work.url}@{commit}/docs/a.md"]["metadata"]
    assert metadata["repository"] == work.url
    assert metadata["commit"] == commit
    assert metadata["ref"] == "main"
    (hit, *_) = run("retrieve", "rotate keys", "--where", f"commit={commit}", "--json").json["hits"]
    assert hit["file"] == f"{work.url}@{commit}/docs/a.md"
    assert run("get-file", hit["file"]).code == 0


@pytest.mark.slow
def test_a_stored_commit_is_not_fetched_again(run, work, ingest):
    ingest(work.url)
    outcome = run("ingest", work.url, "--metadata", "team=keys")
    assert "2 unchanged" in outcome.out
    assert "fetching" not in outcome.err
    assert {file["metadata"]["team"] for file in stored(run).values()} == {"keys"}
    assert "fetching" not in run("ingest", work.url).err
    assert "fetching" in run("ingest", work.url, "--force").err
    assert "fetching" not in run("ingest", work.url).err


@pytest.mark.slow
def test_other_rules_look_at_the_commit_again(run, work, ingest):
    ingest(work.url, "--include", "*.md")
    assert len(stored(run)) == 1
    assert ingest(work.url)["files"] == pytest.approx({
        "ingested": 1, "unchanged": 1, "removed": 0, "empty": 0, "unsupported": 0, "failed": 0
    })  # fmt: skip
    assert ingest(work.url, "--exclude", "*.md")["files"]["removed"] == 1
    assert [file["name"] for file in stored(run).values()] == ["b.txt"]


def test_a_new_commit_replaces_the_old_one(run, work, ingest):
    work.commit({"same.md": "Same.", "old.md": "It goes."})
    ingest(work.url)
    before = {file["name"]: file["id"] for file in stored(run).values()}
    changes = {"docs/a.md": "# Keys\n\nRotate them.", "moved/c.txt": "Lunch is at noon."}
    commit = work.commit(changes, gone=["b.txt", "old.md"])
    report = ingest(work.url)
    assert report["files"]["removed"] == 1
    assert report["embedded"] == 1
    files = stored(run)
    assert all(path.startswith(f"{work.url}@{commit}/") for path in files)
    assert {file["metadata"]["commit"] for file in files.values()} == {commit}
    after = {file["name"]: file["id"] for file in files.values()}
    assert after == {"a.md": before["a.md"], "same.md": before["same.md"], "c.txt": before["b.txt"]}
    assert ingest(work.url)["files"]["unchanged"] == 3


@pytest.mark.slow
def test_branches_tags_and_commits(run, work, ingest):
    first = work.git("rev-parse", "HEAD")
    work.git("tag", "-a", "v1", "-m", "first")
    second = work.commit({"docs/a.md": "Second."})
    work.git("branch", "feature/x", first)
    limits = FetchLimits(30, 1 << 20, 1 << 20)
    for ref, commit in (("v1", first), ("main", second), ("feature/x", first), ("", second),
                        (first, first), (second[:10], second)):  # fmt: skip
        address = parse_address(f"{work.url}@{ref}" if ref else work.url)
        assert RemoteRepository(address, limits).tip().commit == commit, ref
    for ref, commit in (("main", second), (first, first)):
        assert ingest(f"{work.url}@{ref}")["files"]["failed"] == 0
        assert {file["metadata"]["commit"] for file in stored(run).values()} == {commit}
    assert len(stored(run)) == 2


def test_what_is_not_there(run, work, tmp_path):
    for url, code in (
        (f"{work.url}@nowhere", 3),
        (f"{work.url}@{'0' * 39}1", 1),
        (f"{work.url}@abcdef0", 3),
        (f"git+file://{tmp_path}/nowhere", 1),
    ):
        outcome = run("ingest", url, "--json")
        assert outcome.code == code, url
        assert url.partition("@")[0] in outcome.json["error"]["message"]


def test_an_empty_repository(run, tmp_path):
    outcome = run("ingest", Work(tmp_path / "empty").url, "--json")
    assert outcome.json["error"]["code"] == "fetch-failed"
    assert "empty" in outcome.json["error"]["message"]


def test_one_of_several_sources_fails(run, work, ingest, corpus):
    report = ingest(corpus, f"{work.url}@nowhere", code=4)
    assert report["files"]["ingested"] == 5
    assert report["problems"][0]["file"] == work.url


def test_one_repository_at_two_commits_is_refused(run, work):
    assert run("ingest", work.url, f"{work.url}@main").code == 2


def test_rules_and_metadata_of_the_repository(run, work, ingest):
    work.commit({
        ".gitignore": "*.log\n", "a.log": "Logged.", ".knowignore": "b.txt\n",
        ".knowledge.json": '{"metadata": {"docs/": {"kind": "guide"}}}',
    })  # fmt: skip
    ingest(work.url)
    ((path, file),) = stored(run).items()
    assert path.endswith("/docs/a.md")
    assert file["metadata"]["kind"] == "guide"
    ingest(work.url, "--no-gitignore")
    assert {file["name"] for file in stored(run).values()} == {"a.md", "a.log"}


@pytest.mark.slow
def test_a_failed_file_is_looked_at_again(run, work, ingest):
    work.commit({"broken.pdf": "%PDF-1.7 nothing"})
    report = ingest(work.url, code=4)
    assert report["files"]["ingested"] == 2
    (problem,) = report["problems"]
    assert problem["file"].endswith("/broken.pdf")
    assert ingest(work.url, code=4)["files"]["failed"] == 1
    work.commit(gone=["broken.pdf"])
    assert ingest(work.url)["files"]["failed"] == 0


def test_a_link_in_what_was_fetched_is_never_followed(tmp_path):
    """Git is told to write none; should it, it leads nowhere."""
    write_files(tmp_path, {"repo/a.md": "Text.", "secret/b.md": "Secret."})
    (tmp_path / "repo/file.md").symlink_to(tmp_path / "secret/b.md")
    (tmp_path / "repo/folder").symlink_to(tmp_path / "secret")
    (tmp_path / "repo/.knowledge.json").symlink_to(tmp_path / "secret/b.md")
    repository = parse_address("git+file:///srv/repo")
    commit = Commit(repository, Tip(HASH, "main"), "", {})
    found = commit.files(str(tmp_path / "repo"), 0, IgnoreOptions(), recursive=True)
    assert [os.path.basename(file.path) for file in found] == ["a.md"]
    assert not commit.problems


def test_links_and_pointers_lead_nowhere(run, work, ingest, tmp_path):
    (tmp_path / "secret.md").write_text("The secret of this machine.")
    (work.folder / "link.md").symlink_to(tmp_path / "secret.md")
    (work.folder / "folder").symlink_to(tmp_path)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    work.commit({"large.md": pointer})
    report = ingest(work.url)
    assert report["files"]["unsupported"] == 1
    assert {file["name"] for file in stored(run).values()} == {"a.md", "b.txt"}


def test_nothing_of_the_repository_runs(work, ingest, tmp_path, monkeypatch):
    mark = tmp_path / "ran"
    hooks = work.folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "post-upload-pack", "pre-commit"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / hook).chmod(0o755)
    (tmp_path / "home/.gitconfig").write_text(
        f'[filter "evil"]\n smudge = "touch {mark}; cat"\n[core]\n hooksPath = {hooks}\n'
    )
    write_files(work.folder, {".gitattributes": "*.md filter=evil\n", "c.md": "Text."})
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    work.commit()
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    mark.unlink(missing_ok=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert ingest(work.url)["files"]["ingested"] == 3
    assert not mark.exists()


def test_submodules_are_left_alone(run, work, ingest, tmp_path):
    other = Work(tmp_path / "other")
    other.commit({"o.md": "Other."})
    work.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.folder), "sub")
    work.commit()
    ingest(work.url)
    assert "o.md" not in {file["name"] for file in stored(run).values()}


def test_a_repository_that_is_too_large(work, ingest, tmp_path):
    limits = FetchLimits(30, 1 << 20, 1 << 20, allow_private=True)
    folder = tmp_path / "out"
    commit = work.commit({"zeros.txt": "0" * (2 << 20)})  # packs to almost nothing
    with pytest.raises(FetchError, match="KNOW_MAX_REPOSITORY_SIZE"):
        RemoteRepository(parse_address(work.url), limits).fetch(commit, str(folder))
    assert not (folder / "zeros.txt").exists()


def test_it_may_take_so_long_only(work, monkeypatch, run):
    monkeypatch.setenv("KNOW_FETCH_TIMEOUT", "0.1")
    slow_git(work.folder.parent, monkeypatch)
    outcome = run("ingest", work.url, "--json")
    assert outcome.code == 1
    assert "KNOW_FETCH_TIMEOUT" in outcome.json["error"]["message"]


@pytest.mark.parametrize(
    ("login", "told"),
    [
        ("bob:ge%40heim@", "Authorization: Basic Ym9iOmdlQGhlaW0="),
        ("geheim@", "credential.https://host.example/.username"),
    ],
)
def test_a_login_is_in_no_command_line(tmp_path, monkeypatch, login, told):
    said = tmp_path / "said"
    script = tmp_path / "bin/git"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$@" >> {said}.line\nenv >> {said}.env\nexit 1\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-ours")
    address = parse_address(f"https://{login}host.example/r.git")
    with pytest.raises(FetchError):
        RemoteRepository(address, FetchLimits(30, 1 << 20, 1 << 20, allow_private=True)).tip()
    line, env = (Path(f"{said}.{name}").read_text() for name in ("line", "env"))
    assert "https://host.example/r.git" in line
    assert "geheim" not in line
    assert "heim" not in line
    assert told in env
    assert "sk-of-ours" not in env


def slow_git(folder, monkeypatch):
    """Put a git before the real one that sleeps when it should fetch or list."""
    real = shutil.which("git")
    script = folder / "bin/git"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\nfor a; do case "$a" in fetch|ls-remote) echo $$ > {folder}/pid; sleep 60;;'
        f' esac; done\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_an_end_by_signal_leaves_nothing(work, tmp_path, monkeypatch):
    temp = tmp_path / "signal-temp"
    temp.mkdir()
    commit = work.git("rev-parse", "HEAD")
    slow_git(tmp_path, monkeypatch)
    process = subprocess.Popen(
        [sys.executable, "-m", "knowledge", "ingest", f"{work.url}@{commit}"],
        env=environment({"TMPDIR": str(temp)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert any(name.startswith("knowledge-") for name in os.listdir(temp))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert [name for name in os.listdir(temp) if name.startswith("knowledge-")] == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("text", "url", "name", "ref"),
    [
        ("https://github.com/o/r", "https://github.com/o/r", "https://github.com/o/r", ""),
        ("https://github.com/o/r/", "https://github.com/o/r", "https://github.com/o/r", ""),
        (
            "https://gitlab.com/o/r.git@v",
            "https://gitlab.com/o/r.git",
            "https://gitlab.com/o/r",
            "v",
        ),
        ("https://gitlab.com/a/b@x/y", "https://gitlab.com/a/b", "https://gitlab.com/a/b", "x/y"),
        ("https://gitlab.com/a/b/c@x", "https://gitlab.com/a/b/c", "https://gitlab.com/a/b/c", "x"),
        (
            "https://a:tok@github.com/o/r",
            "https://a:tok@github.com/o/r",
            "https://github.com/o/r",
            "",
        ),
        ("https://host.org/x/y.git", "https://host.org/x/y.git", "https://host.org/x/y", ""),
        ("git+https://h:8443/x@y", "https://h:8443/x", "https://h:8443/x", "y"),
        ("git+ssh://git@h/x.git@y", "ssh://git@h/x.git", "git+ssh://git@h/x", "y"),
        ("git+file:///no/such@v1", "file:///no/such", "git+file:///no/such", "v1"),
    ],
)
def test_urls_of_repositories(text, url, name, ref):
    parsed = parse_address(text)
    assert isinstance(parsed, Repository)
    assert (parsed.url, parsed.name, parsed.ref) == (url, name, ref)
    assert "tok" not in repr(parsed)


@pytest.mark.parametrize(
    "text",
    ["https://github.com/o/r/blob/main/a.md", "https://github.com/topics/python", "https://github.com/o",
     "https://example.org/o/r", "https://gitlab.com/o/r/-/raw/main/a.md", "https://h.org/@user/post"],
)  # fmt: skip
def test_urls_of_pages(text):
    assert isinstance(parse_address(text), Page)


def test_a_path_that_holds_an_at_sign(tmp_path):
    folder = tmp_path / "a@b"
    folder.mkdir()
    for text, ref in ((f"git+file://{folder}", ""), (f"git+file://{folder}@v1", "v1")):
        parsed = parse_address(text)
        assert (parsed.name, parsed.ref) == (f"git+file://{folder}", ref)


@pytest.mark.parametrize("ref", ["--upload-pack=touch", "a b", "a..b~1", "a:b", "a^"])
def test_refs_that_are_none(run, work, ref):
    assert run("ingest", f"{work.url}@{ref}").code == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("https://github.com/o/r", f"https://github.com/o/r/blob/{HASH}"),
        ("https://gitlab.com/o/r", f"https://gitlab.com/o/r/-/blob/{HASH}"),
        ("https://host.org/o/r", f"https://host.org/o/r@{HASH}"),
        ("git+ssh://git@github.com/o/r", f"git+ssh://git@github.com/o/r@{HASH}"),
    ],
)
def test_files_stand_where_a_person_can_open_them(name, expected):
    assert files_url(name, HASH) == expected


def test_private_hosts_are_refused():
    limits = FetchLimits(10, 1 << 20, 1 << 20)
    for url in ("https://127.0.0.1/o/r.git", "git+https://localhost/r", "git+ssh://git@10.0.0.1/r"):
        with pytest.raises(PrivateHostError):
            checked_host(parse_address(url), limits)


def test_a_repository_that_has_moved(monkeypatch):
    """Redirects are followed before git is asked, which follows none; it gets checked addresses."""
    monkeypatch.setattr("knowledge.ingestion.sources.private_hosts.is_public", lambda _: True)
    web = WebServer()
    try:
        place = "/new.git/info/refs?service=git-upload-pack"
        web.pages["/old/info/refs?service=git-upload-pack"] = Answer(
            status=301, headers={"Location": place}
        )
        web.pages[place] = Answer(b"refs")
        host = checked_https(f"http://me:tok@127.0.0.1:{web.port}/old", FetchLimits(10, 1, 1))
    finally:
        web.close()
    assert host.url == f"http://me:tok@127.0.0.1:{web.port}/new.git"
    assert "http.followRedirects=false" in host.settings
    assert f"http.curloptResolve=127.0.0.1:{web.port}:127.0.0.1" in host.settings
