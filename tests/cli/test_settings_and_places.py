"""Settings that are wrong, and places that are odd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unicodedata

import pytest

from knowledge.settings.reading import TABLE
from tests.cli.written_files import on_terminal, plain
from tests.conftest import environment, write_files
from tests.openai_server import OpenAIServer
from tests.storage.command_lines import command_lines
from tests.storage.disks import NOBODY, anybodys_folder

unix = pytest.mark.skipif(sys.platform == "win32", reason="of Unix")


# config and errors


def test_config_works_when_settings_are_wrong(run, tmp_path, monkeypatch):
    write_files(
        tmp_path / "here",
        {
            "knowledge.yaml": "# mine\n\ntop_k: many\nrerank: bm25\n",
            ".env": "A=1\nexport KNOW_CHUNK_SIZE=big\n",
        },
    )
    monkeypatch.setenv("KNOW_RETRIEVE_WEIGHT", "heavy")
    outcome = run("config", "--json")
    assert outcome.code == 0
    rows = {row["name"]: row for row in outcome.json["settings"]}
    assert len(rows) >= len(TABLE)
    assert (rows["top_k"]["value"], rows["top_k"]["origin"]) == (10, "default")
    assert rows["top_k"]["error"].startswith("knowledge.yaml:3: top_k must be")
    assert rows["chunk_size"]["error"].startswith(".env:2: KNOW_CHUNK_SIZE must be")
    assert rows["retrieve_weight"]["error"].startswith("KNOW_RETRIEVE_WEIGHT must be")
    assert rows["rerank"]["place"] == f"{tmp_path / 'here' / 'knowledge.yaml'}:4"
    assert rows["rerank"]["error"] is None
    assert len(outcome.json["errors"]) == 3
    assert "knowledge.yaml:3: top_k must be a whole number, not 'many'" in run("config").err


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("knowledge.yaml", "a: 1\n\nchunk_size: x\n", "knowledge.yaml:3: chunk_size"),
        (".env", "# mine\nKNOW_CHUNK_SIZE='x'\n", ".env:2: KNOW_CHUNK_SIZE"),
    ],
)
def test_an_error_names_file_and_line(run, tmp_path, name, content, place):
    write_files(tmp_path / "here", {name: content})
    for command in (["list-datasets"], ["retrieve", "x"], ["ingest", "."], ["doctor"]):
        outcome = run(*command)
        assert place in outcome.err + outcome.out, command


def test_config_takes_names(run, monkeypatch):
    monkeypatch.setenv("KNOW_TOP_K", "3")
    out = run("config", "top_k", "KNOW_DATA_DIR").out.splitlines()
    assert [line.split("\t")[0] for line in out] == ["top_k", "data_dir"]
    assert run("config", "topk").code == 2
    assert "Did you mean 'top_k'?" in run("config", "topk").err


def test_config_reads_on_past_a_file_that_is_no_yaml(run, tmp_path):
    write_files(tmp_path / "here", {"knowledge.yaml": "a: [\n", ".env": "KNOW_TOP_K=4\n"})
    outcome = run("config", "top_k", "--json")
    assert outcome.json["settings"][0]["value"] == 4
    assert "not valid YAML" in outcome.json["errors"][0]


# trust


def test_trust_asks_for_the_working_directory(run, tmp_path):
    here = tmp_path / "here"
    refused = run("trust")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert run("trust", "--list").out == ""
    assert run("trust", "--yes").code == 0
    assert run("trust", "--list").out == f"{here}\n"
    assert run("trust", "--remove").code == 0
    assert run("trust", "--list", "--json").json["trusted"] == []
    assert run("trust", ".").code == 0


@unix
def test_trust_asks_at_a_terminal(run, tmp_path):
    write_files(tmp_path / "here", {".env": "A=1\n"})
    code, shown = on_terminal("trust", typed="n\n")
    assert code == 1
    assert "here (.env) say" in plain(shown)
    assert run("trust", "--list").out == ""
    assert on_terminal("trust", typed="y\n")[0] == 0
    assert run("trust", "--list").out != ""


# where texts go


@pytest.mark.parametrize("dry", [True, False])
def test_a_bare_key_is_announced(run, corpus, monkeypatch, dry):
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "key")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        outcome = run("ingest", corpus, *(["--dry-run"] if dry else []))
        assert outcome.code == 0
        assert f"texts are sent to {server.base_url}" in outcome.err
        assert "since OPENAI_BASE_URL is set" in outcome.err
        assert "KNOW_EMBEDDING_MODEL_PROVIDER=static" in outcome.err
        assert "text-embedding-3-small" not in outcome.err


def test_openai_itself_is_announced_with_a_hint_to_the_better_model(run, corpus, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    told = run("ingest", corpus, "--dry-run").err
    assert "texts are sent to https://api.openai.com/v1" in told
    assert "since OPENAI_API_KEY is set" in told
    assert "OPENAI_EMBEDDING_MODEL=text-embedding-3-small" in told
    monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", "text-embedding-3-small")
    assert "is an old model" not in run("ingest", corpus, "--dry-run").err


# odd places


@pytest.mark.slow
@unix
def test_a_deleted_working_directory(tmp_path, library, data_dir):
    gone = tmp_path / "gone"
    gone.mkdir()

    def ran(*arguments):
        words = " ".join([sys.executable, "-m", "knowledge", *map(str, arguments)])
        gone.mkdir(exist_ok=True)
        script = f"cd {gone} && rmdir {gone} && exec {words}"
        return subprocess.run(
            ["/bin/sh", "-c", script], env=environment(), capture_output=True, check=False
        )

    assert ran("list-datasets").returncode == 0
    assert ran("retrieve", "key").returncode == 0
    assert ran("config", "top_k").returncode == 0
    named = ran("ingest", ".")
    assert named.returncode == 3
    assert b"the working directory was deleted" in named.stderr
    assert b"failed" not in ran("history").stdout  # it was no run


def test_no_home(run_process, library, tmp_path):
    program = (
        "import platformdirs, sys\n"
        "def none(*_, **__): raise RuntimeError('could not determine the home directory')\n"
        "for kind in ('data', 'config', 'cache', 'state'):\n"
        "    setattr(platformdirs, f'user_{kind}_dir', none)\n"
        "from knowledge.cli.run import main\n"
        "sys.exit(main())\n"
    )

    def ran(*arguments, **env):
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environment(env),
            capture_output=True,
            text=True,
            check=False,
        )

    assert ran("retrieve", "key").returncode == 0  # KNOW_DATA_DIR says where
    lost = ran("list-datasets", KNOW_DATA_DIR=None)
    assert lost.returncode == 2
    assert "this user has no home folder" in lost.stderr
    assert "KNOW_DATA_DIR" in lost.stderr


@pytest.mark.slow
@unix
def test_a_closed_stdout(library):
    for words in ("version", "--help", "retrieve key", "ingest --help"):
        script = f"exec {sys.executable} -m knowledge {words} >&-"
        done = subprocess.run(
            ["/bin/sh", "-c", script], env=environment(), capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b""), words


@unix
def test_a_closed_stdin_is_empty(library):
    script = f"exec {sys.executable} -m knowledge embed -f - <&-"
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@unix
def test_a_data_folder_that_cannot_be_written(library, data_dir, tmp_path):
    user = NOBODY if os.geteuid() == 0 else None  # root may write anywhere
    with anybodys_folder() as folder, command_lines(tmp_path) as process:
        shutil.copytree(data_dir, folder / "data")
        shutil.copytree(library, folder / "docs")
        try:
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)
            lines = [("retrieve", "key"), ("doctor", "--offline", "--json")]
            written = ("ingest", folder / "docs")
            asked, checked, ended = process.run(folder / "data", *lines, written, user=user)
        finally:
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o755)
    assert asked.code == checked.code == 0
    assert checked.json["damaged"] is False
    assert ended.code == 1
    assert "error [failed]: no permission to write" in ended.err


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_names_are_found_as_they_are_typed(run, tmp_path, stored):
    typed = unicodedata.normalize({"NFC": "NFD", "NFD": "NFC"}[stored], "über.md")
    folder = tmp_path / unicodedata.normalize(stored, "größe")
    write_files(folder, {unicodedata.normalize(stored, "über.md"): "# Ein Text"})
    named = tmp_path / unicodedata.normalize({"NFC": "NFD", "NFD": "NFC"}[stored], "größe") / typed
    assert run("ingest", named).code == 0
    assert run("get-file", typed).code == 0
    assert run("get-file", named).code == 0
    assert run("retrieve", "Text", "--file", typed, "--json").json["hits"]


@unix
def test_an_edit_of_equal_size_with_its_time_put_back(run, tmp_path):
    write_files(tmp_path / "docs", {"a.md": "The key is 4711.", "b.md": "Another."})
    path = tmp_path / "docs" / "a.md"
    run("ingest", tmp_path / "docs")
    before = path.stat()
    path.write_text("The key is 4712.")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run("ingest", tmp_path / "docs", "--json").json["files"]["ingested"] == 1
    path.chmod(0o600)
    for _ in range(2):
        files = run("ingest", tmp_path / "docs", "--json").json["files"]
        assert (files["unchanged"], files["ingested"]) == (2, 0)


@pytest.mark.parametrize(
    "rules",
    [
        "*\n!*/\n!*.md\n",
        "/docs/**\n!/docs/public/\n",
        "/docs/**\n!/docs/public/\n!/docs/public/**\n",
        "docs/*\n!docs/public\n",
        "*/\n!docs/\n",
    ],
)
def test_folders_that_are_taken_back_are_taken_as_git_does(run, tmp_path, rules):
    names = ("a.md", "b.txt", "docs/x.md", "docs/y.txt", "docs/public/p.md")
    names = (*names, "docs/public/deep/q.txt", "docs/private/s.md", "src/lib/l.md", "src/m.txt")
    root = tmp_path / "tree"
    write_files(root, {name: f"The text of {name}." for name in names})
    git = ["git", "-C", str(root)]
    subprocess.run([*git, "init", "-q"], check=True)
    write_files(root, {".gitignore": rules})
    listing = [*git, "ls-files", "--others", "--exclude-standard"]
    told = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    run("ingest", root)
    files = run("list-files", "--json").json["files"]
    ours = {os.path.relpath(file["file"], root) for file in files}
    assert ours == set(told) - {".gitignore"}
