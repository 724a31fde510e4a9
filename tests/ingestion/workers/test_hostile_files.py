"""Bad files: each is reported by name, costs only itself, and the run goes on."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from knowledge.ingestion.workers import crew as workers
from knowledge.knowledge_base import KnowledgeBase
from knowledge.model import FileStatus, IngestReport
from tests.conftest import ROOT
from tests.durability import programs
from tests.durability.invariants import check_clean, published
from tests.storage.disks import NOBODY, anybodys_folder

SAMPLES = ROOT / "testdata" / "documents"
POSIX = os.name == "posix"
LINUX = sys.platform == "linux"

GOOD = {
    "plain.txt": "The plain document speaks of a lighthouse.",
    "notes/deep.md": "# Deep\n\nThe deep document speaks of a submarine.",
    "two\nlines.txt": "The document whose name has two lines speaks of a windmill.",
}
NOT_UTF8 = b"caf\xe9.txt"


def write_hostile(docs: Path) -> None:
    """Write a folder of bad files with a few good ones between them."""
    for name, text in GOOD.items():
        if POSIX or "\n" not in name:
            programs.write_text(docs / name, text)
    noise = random.Random(7).randbytes(20_000)
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7\n" + noise)
    (docs / "broken.docx").write_bytes(b"PK\x03\x04" + noise)
    for name in ("safety-data.pdf", "employee-agreement.docx"):
        content = (SAMPLES / name).read_bytes()
        (docs / f"cut-{name}").write_bytes(content[: len(content) // 3])
    (docs / "empty.txt").write_bytes(b"")
    (docs / "binary.txt").write_bytes(noise)
    with (docs / "large.txt").open("wb") as file:
        for _ in range(100):
            file.write(b"A line of a text that is far too large.\n" * 26_215)
    if not POSIX:
        return
    with open(os.path.join(os.fsencode(docs), NOT_UTF8), "w") as file:
        file.write("The document with a strange name speaks of a harbour.")
    (docs / "itself.txt").symlink_to("itself.txt")
    (docs / "ancestor").symlink_to(docs, target_is_directory=True)
    (docs / "nowhere.txt").symlink_to(docs / "missing.txt")
    os.mkfifo(docs / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(docs / "socket.txt"))  # a long path would not fit
    if LINUX:
        (docs / "unreadable.txt").symlink_to("/proc/self/mem")  # its first byte is an error


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folder of bad files, and the data folder that it was ingested into."""
    docs = tmp_path_factory.mktemp("hostile")
    write_hostile(docs)
    return docs, tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def first_run(hostile: tuple[Path, Path]) -> subprocess.CompletedProcess[str]:
    docs, data = hostile
    return programs.run("ingest", docs, "--json", env=programs.environment(data))


@pytest.fixture(scope="module")
def report(first_run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(first_run.stdout)
    return content


def problems(report: dict[str, Any], docs: Path) -> dict[str, tuple[str, str]]:
    """Return (status, reason) by the file's name below ``docs``."""
    return {
        os.path.relpath(problem["file"], docs): (problem["status"], problem["reason"])
        for problem in report["problems"]
    }


def test_some_files_failed(first_run: subprocess.CompletedProcess[str]) -> None:
    assert first_run.returncode == 4, first_run.stderr
    assert "Traceback" not in first_run.stderr


BAD = {
    "broken.pdf": "failed",
    "broken.docx": "failed",
    "cut-safety-data.pdf": "failed",
    "cut-employee-agreement.docx": "failed",
    "empty.txt": "empty",
    "binary.txt": "failed unsupported",
    "large.txt": "failed",
    "itself.txt": "failed",
    "ancestor": "notice",
    "nowhere.txt": "failed",
    "pipe.txt": "unsupported",
    "socket.txt": "unsupported",
    "unreadable.txt": "failed",
}


@pytest.mark.parametrize("name", BAD)
def test_each_bad_file_is_reported_by_name(
    hostile: tuple[Path, Path], report: dict[str, Any], name: str
) -> None:
    docs, _ = hostile
    if not os.path.lexists(docs / name):
        pytest.skip("this platform has no such file")
    status, reason = problems(report, docs)[name]
    assert status in BAD[name].split()
    assert reason.strip()
    assert "Traceback" not in reason


def test_nothing_else_is_reported(hostile: tuple[Path, Path], report: dict[str, Any]) -> None:
    docs, _ = hostile
    assert set(problems(report, docs)) <= set(BAD)
    assert report["files"]["ingested"] == len(good_names(docs))


def test_a_text_over_the_limit_is_told_the_limit(
    hostile: tuple[Path, Path], report: dict[str, Any]
) -> None:
    _, reason = problems(report, hostile[0])["large.txt"]
    assert "64" in reason
    assert "KNOW_MAX_TEXT_SIZE" in reason


def good_names(docs: Path) -> set[str]:
    names = {str(docs / name) for name in GOOD if POSIX or "\n" not in name}
    return names | ({str(docs / "caf\\xe9.txt")} if POSIX else set())


def test_the_good_files_are_ingested(
    hostile: tuple[Path, Path], first_run: subprocess.CompletedProcess[str]
) -> None:
    docs, data = hostile
    assert set(check_clean(data).files) == good_names(docs)
    with KnowledgeBase.open(data) as kb:
        for word in ("lighthouse", "submarine", *(("windmill", "harbour") if POSIX else ())):
            assert word in kb.retrieve(f"Which document speaks of a {word}?", top_k=1)[0].text


@pytest.mark.slow
def test_a_second_run_reads_the_good_files_no_more(
    hostile: tuple[Path, Path], first_run: subprocess.CompletedProcess[str]
) -> None:
    docs, data = hostile
    before = published(data)
    again = programs.run("ingest", docs, "--verbose", env=programs.environment(data))
    assert again.returncode == 4
    for name in BAD:
        if os.path.lexists(docs / name):
            assert str(docs / name) in again.stderr
    assert f"{len(good_names(docs))} unchanged" in again.stdout
    assert published(data) == before


@pytest.mark.slow
@pytest.mark.skipif(not POSIX, reason="needs names that Windows does not allow")
def test_strange_names_can_be_cited_and_named(
    hostile: tuple[Path, Path], first_run: subprocess.CompletedProcess[str]
) -> None:
    docs, data = hostile
    env = programs.environment(data)
    text = programs.run("retrieve", "the strange name and its harbour", "-k", "1", env=env)
    assert "caf\\xe9.txt" in text.stdout
    text = programs.run("retrieve", "the windmill with two lines", "-k", "1", env=env)
    assert text.stdout.splitlines()[0].endswith("two\\nlines.txt:1")
    for name in (docs / "two\nlines.txt", docs / "caf\\xe9.txt"):
        shown = programs.run("get-file", name, env=env)
        assert shown.returncode == 0, shown.stderr


@pytest.mark.skipif(not POSIX, reason="needs names that Windows does not allow")
def test_a_name_that_is_not_utf8_keeps_its_identity(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", tmp_path / "docs"
    docs.mkdir()
    path = os.path.join(os.fsencode(docs), NOT_UTF8)
    with open(path, "w") as file:
        file.write("The first text.")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    with KnowledgeBase.open(data) as kb:
        assert kb.ingest(docs, prune=True).files[FileStatus.INGESTED] == 1
        again = kb.ingest(docs, prune=True)
        assert again.files[FileStatus.UNCHANGED] == 1
        assert again.files[FileStatus.REMOVED] == 0
        os.rename(path, os.path.join(os.fsencode(docs), b"moved-\xff.txt"))
        moved = kb.ingest(docs, prune=True)
        assert (moved.chunks_reused, moved.embedded) == (1, 0)
        assert [file.name for file in kb.files.list()] == ["moved-\\xff.txt"]
        os.unlink(os.path.join(os.fsencode(docs), b"moved-\xff.txt"))
        assert kb.ingest(docs, prune=True).files[FileStatus.REMOVED] == 1


@pytest.mark.skipif(not POSIX, reason="needs names that Windows does not allow")
def test_names_that_are_shown_alike_are_told_apart(tmp_path: Path) -> None:
    """A byte that is no UTF-8 is shown as the four characters of another file's name."""
    data, docs = tmp_path / "data", tmp_path / "docs"
    programs.write_text(docs / "caf\\xe9.txt", "A backslash stands in this name.")
    with open(os.path.join(os.fsencode(docs), NOT_UTF8), "w") as file:
        file.write("A stray byte stands in this name.")
    with KnowledgeBase.open(data) as kb:
        report = kb.ingest(docs)
        texts = {hit.text for hit in kb.retrieve("name")}
    assert len(texts) + len(report.problems) == 2, "one of the two was left out without a word"


def ingest(data: Path, docs: Path, **options: Any) -> IngestReport:
    with KnowledgeBase.open(data) as kb:
        return kb.ingest(docs, **options)


def three_files(docs: Path) -> Path:
    for name in ("first", "second", "third"):
        programs.write_text(docs / f"{name}.txt", f"The {name} document.")
    return docs


def test_a_file_that_vanishes_during_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs, real = three_files(tmp_path / "docs"), workers.load_file

    def load_file(task: Any) -> Any:
        (docs / "second.txt").unlink(missing_ok=True)
        return real(task)

    monkeypatch.setattr(workers, "load_file", load_file)
    report = ingest(tmp_path / "data", docs)
    assert report.failed
    assert [(problem.file, problem.status) for problem in report.problems] == [
        (str(docs / "second.txt"), "failed")
    ]
    assert "vanished" in report.problems[0].reason
    assert len(check_clean(tmp_path / "data").files) == 2


def test_a_folder_that_vanishes_during_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs, real = three_files(tmp_path / "docs"), os.scandir
    three_files(docs / "inner")

    def scandir(path: Any) -> Any:
        if str(path).endswith("inner"):
            shutil.rmtree(path, ignore_errors=True)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = ingest(tmp_path / "data", docs)
    assert report.failed
    assert [problem.file for problem in report.problems] == [str(docs / "inner")]
    assert len(check_clean(tmp_path / "data").files) == 3


def test_a_file_that_turns_bad_stays_searchable(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", three_files(tmp_path / "docs")
    ingest(data, docs)
    before = check_clean(data)
    (docs / "second.txt").write_bytes(random.Random(3).randbytes(9_000))
    report = ingest(data, docs, prune=True)
    assert [problem.file for problem in report.problems] == [str(docs / "second.txt")]
    assert check_clean(data).files == before.files


def test_a_file_that_turns_empty_is_not_found_any_more(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", three_files(tmp_path / "docs")
    ingest(data, docs)
    (docs / "second.txt").write_bytes(b"")
    report = ingest(data, docs)
    assert not report.failed
    assert report.files[FileStatus.EMPTY] == 1
    assert report.chunks_removed == 1
    assert len(check_clean(data).files) == 2


def closed_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no folder called ``closed`` be listed; root may list any."""
    real = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, docs = tmp_path / "data", three_files(tmp_path / "docs")
    three_files(docs / "closed")
    ingest(data, docs)
    closed_folder(monkeypatch)
    (docs / "first.txt").unlink()
    report = ingest(data, docs, prune=True)
    assert report.failed
    [problem] = report.problems
    assert (problem.file, problem.status) == (str(docs / "closed"), "failed")
    assert "permission" in problem.reason.lower()
    shown = check_clean(data).files
    kept = [path for path in shown if Path(path).parent.name == "closed"]
    assert len(kept) == 3, "files that could not be looked for were removed"


@contextmanager
def as_nobody() -> Iterator[None]:
    """Have no more rights than others, where the tests run as root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(os.getgid())


@pytest.mark.skipif(not POSIX, reason="Windows has other rights")
def test_a_folder_and_a_file_without_permission_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    with anybodys_folder() as folder, monkeypatch.context() as patch:
        patch.chdir(folder)  # nobody may enter pytest's
        docs = three_files(folder / "docs")
        ingest(folder / "before", docs)  # nobody may not import what lies in root's home
        three_files(docs / "closed").chmod(0)
        (docs / "second.txt").chmod(0)
        folder.chmod(0o777)
        try:
            with as_nobody():
                report = ingest(folder / "data", docs)
        finally:
            (docs / "closed").chmod(0o700)
    named = {one.file: one.reason for one in report.problems if one.status == "failed"}
    assert {*named} == {str(docs / "closed"), str(docs / "second.txt")}
    assert all("permission" in reason.lower() for reason in named.values())
    assert report.files[FileStatus.INGESTED] == 2


@pytest.mark.slow
@pytest.mark.skipif(not POSIX, reason="needs a named pipe")
def test_special_files_named_on_purpose_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "itself.txt").symlink_to("itself.txt")
    env = programs.environment(tmp_path / "data")
    for name, code in (("pipe.txt", 4), ("itself.txt", 3)):
        done = programs.run("ingest", tmp_path / name, env=env)
        assert done.returncode == code
        assert name in done.stderr
    env = programs.environment(tmp_path / "data", KNOW_MAX_TEXT_SIZE=1)
    done = programs.run("ingest", "/dev/zero", env=env)
    assert done.returncode == 4
    assert "/dev/zero" in done.stderr
