"""What is stored is its owner's alone from the first moment, and so is what lies beside it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest

from knowledge.errors import LockedError
from knowledge.files import private as private_files
from knowledge.knowledge_base import KnowledgeBase
from knowledge.storage.holder import masked_command
from knowledge.storage.local.cache import EmbeddingCache
from knowledge.storage.local.lock import write_lock
from tests.storage.disks import NOBODY, need_another_user

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")


@pytest.fixture
def open_umask() -> Iterator[None]:
    """The umask that lets everybody do everything."""
    before = os.umask(0)
    yield
    assert os.umask(before) == 0, "the umask was not put back"


def wide(folder: Path) -> list[str]:
    """Return what others than the owner have rights to, with these."""
    return [
        f"{path.relative_to(folder.parent)} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in (folder, *folder.rglob("*"))
        if path.lstat().st_mode & 0o077
    ]


class Watcher(threading.Thread):
    """Looks at the rights to all files in a folder, again and again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.seen: set[str] = set()
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.001):
            try:
                self.seen.update(wide(self.folder))
            except OSError:
                continue  # files come and go

    def __enter__(self) -> Watcher:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.join()


@pytest.mark.slow
def test_all_that_a_knowledge_base_makes(
    base: Path, tmp_path: Path, open_umask: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "tighten", pytest.fail)  # it must not be needed
    data = tmp_path / "new" / "data"
    settings = {"chunk_size": 40, "chunk_overlap": 0, "embedding_model_provider": "static"}
    with Watcher(data) as watcher, KnowledgeBase.open(data, **settings) as kb:
        kb.ingest(base / "docs")
        kb.ingest(base / "more")
        kb.files.edit("file1.txt", {"a": 1})
        kb.reembed("default", force=True)
        kb.sharing.import_archive(base / "all.zip", rename="again")
        kb.upkeep.compact()
        (data / "datasets").joinpath(kb.datasets.get("again").key).rename(tmp_path / "gone")
        kb.upkeep.doctor("again", fix=True, offline=True)
        with kb.of_archive(base / "all.zip") as other:
            assert other.retrieve("amber")
        EmbeddingCache(data / "embeddings.db", 1000).close()
    assert not watcher.seen
    assert not wide(data)
    names = {path.name for path in data.iterdir()}
    assert {"catalog.db", "embeddings.db", "locks", "datasets", "archives", "backups"} <= names


def test_the_files_beside_a_database(tmp_path: Path, open_umask: None) -> None:
    cache = EmbeddingCache(tmp_path / "data" / "embeddings.db", 1000)
    try:
        cache.clear()
        assert len(list((tmp_path / "data").glob("embeddings.db*"))) >= 3
        assert not wide(tmp_path / "data")
    finally:
        cache.close()


def test_threads_share_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        first, second = private_files.private_files(), private_files.private_files()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        (tmp_path / "private").write_text("")
        second.__exit__(None, None, None)
        (tmp_path / "usual").write_text("")
    finally:
        assert os.umask(before) == 0o022
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "usual").stat().st_mode) == 0o644


@pytest.mark.parametrize("kind", ["archive", "jsonl"])
def test_an_export_is_private_unless_there_is_a_file(
    base: Path, tmp_path: Path, open_umask: None, kind: str
) -> None:
    out = tmp_path / "out"

    def export(kb: KnowledgeBase) -> int:
        if kind == "archive":
            kb.sharing.export("default", out, overwrite=True)
        else:
            kb.sharing.export_table("default", out, kind="jsonl", overwrite=True)
        return stat.S_IMODE(out.stat().st_mode)

    with KnowledgeBase.open(base / "data") as kb:
        assert export(kb) == 0o600
        out.chmod(0o640)
        assert export(kb) == 0o640
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out"]


def test_an_existing_folder_is_tightened(
    library: Path, data_dir: Path, run, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("")
    for path in (data_dir, *data_dir.rglob("*"), outside):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (data_dir / "datasets" / "link").symlink_to(outside)
    told = run("doctor", "--offline", "--json").json["findings"]
    assert [one["severity"] for one in told if one["code"] == "rights-wide"] == ["warning"]
    (data_dir / "datasets" / "link").unlink()
    assert not wide(data_dir)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o666
    told = run("doctor", "--offline", "--json").json["findings"]
    assert not [one for one in told if one["code"] == "rights-wide"]


def test_what_is_not_ours_keeps_its_rights(library: Path, data_dir: Path, run) -> None:
    (data_dir / "thesis.md").write_text("")
    for path in (data_dir, *data_dir.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert run("list-datasets").code == 0
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o755
    left = [line.split()[0] for line in wide(data_dir)]
    assert left == ["data", "data/thesis.md"]


def test_the_list_of_trusted_folders(run, tmp_path: Path, open_umask: None) -> None:
    assert run("trust", "--yes").code == 0
    [listed] = (tmp_path / "home" / "config").rglob("trusted.json")
    assert stat.S_IMODE(listed.stat().st_mode) == 0o600
    assert [path.name for path in listed.parent.iterdir()] == ["trusted.json"]


# Temporary folders


KILLED = """
import os, signal, pathlib
from knowledge.files.private import temporary_folder
made = temporary_folder()
folder = pathlib.Path(made.name)
(folder / "page-0").write_text("a secret")
os.utime(folder, (0, 0))
os.kill(os.getpid(), signal.SIGKILL)
"""


def old_folder(path: Path) -> Path:
    path.mkdir()
    (path / "page-0").write_text("a secret")
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_what_a_killed_run_left_is_swept(run, corpus: Path, temporary: Path) -> None:
    env = {**os.environ, "TMPDIR": str(temporary)}
    subprocess.run([sys.executable, "-c", KILLED], env=env, check=False)
    [left] = temporary.iterdir()
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    assert run("ingest", corpus).code == 0
    assert not left.exists()


def test_what_is_not_left_over_is_not_swept(temporary: Path, tmp_path: Path) -> None:
    dead = 2**22 + 1
    target = old_folder(tmp_path / "target")
    swept = old_folder(temporary / f"knowledge-{dead}-abcd")
    (swept / "link").symlink_to(target)
    os.utime(swept, (0, 0))
    kept = [
        old_folder(temporary / f"knowledge-{os.getpid()}-abcd"),
        old_folder(temporary / "knowledge-notes"),
        old_folder(temporary / f"knowledge-{dead}-abcd.bak"),
        old_folder(temporary / f"other-{dead}-abcd"),
    ]
    young = temporary / f"knowledge-{dead}-young"
    young.mkdir()
    link = temporary / f"knowledge-{dead}-link"
    link.symlink_to(target)
    os.utime(link, (0, 0), follow_symlinks=False)
    private_files.sweep_temporary()
    assert not swept.exists()
    assert (target / "page-0").exists()
    assert sorted(temporary.iterdir()) == sorted([*kept, young, link])


def test_what_belongs_to_others_is_not_swept(temporary: Path) -> None:
    need_another_user()
    theirs = old_folder(temporary / f"knowledge-{2**22 + 1}-abcd")
    os.chown(theirs, NOBODY, NOBODY)
    os.utime(theirs, (0, 0))
    private_files.sweep_temporary()
    assert theirs.exists()


# Who holds a lock

SECRETS = [
    (["--password", "geheim"], "--password ********"),
    (["--password=geheim"], "--password=********"),
    (["--openai-api-key", "geheim"], "--openai-api-key ********"),
    (["--api-token=geheim"], "--api-token=********"),
    (["--header", "X-Any: geheim"], "--header ********"),
    (["--extra-headers", '{"X-Any": "geheim"}'], "--extra-headers ********"),
    (["--metadata", "token=geheim"], "--metadata token=********"),
    (["--metadata", '{"api_key": "geheim"}'], '--metadata {"api_key": ********'),
    (["https://bob:geheim@host/a"], "https://********@host/a"),
    (["https://bob:ge/h@geheim@host/a"], "https://********@host/a"),
    (["https://host/a?X-Amz-Signature=geheim&b=geheim"], "https://host/a?********"),
    (["https://host/a#geheim"], "https://host/a?********"),
    (["git+https://geheim@host/r@main"], "git+https://********@main"),
]


@pytest.mark.parametrize(("arguments", "shown"), SECRETS, ids=[shown for _, shown in SECRETS])
def test_a_command_line_is_shown_without_secrets(arguments: list[str], shown: str) -> None:
    assert masked_command(["knowledge", "ingest", *arguments]) == f"knowledge ingest {shown}"


def test_what_is_no_secret_is_shown() -> None:
    plain = ["knowledge", "ingest", "./docs", "-d", "keys", "--include", "*.md", "--keyword", "cat"]
    assert masked_command(plain) == " ".join(plain)
    assert len(masked_command(["x" * 1000])) == 200


def test_the_holder_of_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/knowledge", "ingest", "--password", "geheim"])
    lock = tmp_path / "locks" / "a.lock"
    with write_lock(lock, "default", 0, print):
        text = lock.with_suffix(".holder").read_text()
        assert "geheim" not in text
        assert json.loads(text)["command"] == "knowledge ingest --password ********"
        assert not wide(lock.parent)
        with (
            pytest.raises(LockedError, match=f"process {os.getpid()} .*since 20") as caught,
            write_lock(lock, "default", 0, print),
        ):
            pass
        assert "geheim" not in str(caught.value)
    assert [path.name for path in lock.parent.iterdir() if "holder" in path.name] == []


@pytest.mark.parametrize("stale", ["dead", "another process since", "hostile"])
def test_a_stale_holder_is_not_believed(tmp_path: Path, stale: str) -> None:
    import socket

    who = {"host": socket.gethostname(), "command": "knowledge ingest", "pid": os.getpid()}
    told = {
        "dead": json.dumps({**who, "pid": 2**22 + 1}),
        "another process since": json.dumps({**who, "process_started": 1.0}),
        "hostile": "[" * 100_000,
    }[stale]
    lock = tmp_path / "a.lock"
    lock.with_suffix(".holder").write_text(told)
    with (
        filelock.FileLock(lock),
        pytest.raises(LockedError, match="written by another process"),
        write_lock(lock, "default", 0, print),
    ):
        pass


def test_a_holder_cannot_drive_a_terminal(tmp_path: Path) -> None:
    who = {"host": "\x1b]0;x\x07", "command": "\x1b[2J", "pid": 1}
    lock = tmp_path / "a.lock"
    lock.with_suffix(".holder").write_text(json.dumps(who))
    with (
        filelock.FileLock(lock),
        pytest.raises(LockedError) as caught,
        write_lock(lock, "default", 0, print),
    ):
        pass
    assert str(caught.value).isprintable()


# Passwords


@pytest.mark.parametrize("command", ["ingest", "load"])
def test_a_password_on_the_command_line_is_warned_of(run, corpus: Path, command: str) -> None:
    source = [corpus / "keys.md", "-"] if command == "load" else [corpus]
    told = run(command, *source, "--password", "geheim")
    assert told.code == 0
    assert "KNOW_PASSWORDS_FILE" in told.err
    assert "geheim" not in told.err
    assert "KNOW_PASSWORDS_FILE" not in run(command, *source).err


def test_a_file_of_passwords_that_others_can_read(
    run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passwords"
    file.write_text("geheim\n")
    file.chmod(0o644)
    monkeypatch.setenv("KNOW_PASSWORDS_FILE", str(file))
    for line in (("ingest", corpus), ("load", corpus / "keys.md", "-")):
        told = run(*line)
        assert told.code == 0
        assert f"others can get at the file of passwords {file}" in told.err
    file.chmod(0o600)
    assert "passwords" not in run("ingest", corpus).err
