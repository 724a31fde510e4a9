"""Limits on time and memory: what breaks one costs one file, or one member of a container."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from knowledge.ingestion.workers import process as worker_process
from knowledge.ingestion.workers.crew import LocalCrew
from knowledge.ingestion.workers.loading import LoadTask
from knowledge.model import FileStatus, SplitterSpec
from tests.conftest import ROOT
from tests.documents.archive_makers import tarred, zipped
from tests.documents.makers import pdf

SCRIPT = """
import json, sys, time
from pathlib import Path
from knowledge.ingestion.workers import process as worker_process
from knowledge.ingestion.workers.loading import LoadTask
from knowledge.ingestion.workers.crew import LocalCrew
from knowledge.model import SplitterSpec

worker_process.PRELOAD.append("tests.ingestion.workers.deadly_loader")
folder, timeout, memory = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
paths = sorted(folder.iterdir())
tasks = [LoadTask(str(path), path.name, SplitterSpec(), 1 << 30) for path in paths]
for file in LocalCrew(2, timeout, memory << 20).load_files(tasks):
    problems = {problem.file: problem.reason for problem in file.problems}
    members = [passage.member for passage in file.passages]
    print(json.dumps([file.task.shown, file.status, file.reason, members, problems]))
"""


def outcomes(folder: Path, timeout: float = 60, memory: int = 256) -> dict[str, tuple]:
    """Load a folder with readers that some texts kill."""
    command = [sys.executable, "-c", SCRIPT, str(folder), str(timeout), str(memory)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=env, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({name for name, *_ in found}) == len(found)
    return {name: tuple(rest) for name, *rest in found}


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


GOOD = {f"good{number}.md": f"# Good {number}" for number in range(20)}
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")


@pytest.mark.slow
def test_a_file_that_needs_too_much_memory_costs_itself(tmp_path: Path) -> None:
    bad = {"c.txt": "EAT", "good3-then.txt": "EAT", "h.txt": "HUGE"}
    found = outcomes(write(tmp_path / "docs", {**GOOD, **bad}))
    failed = {name: reason for name, (status, reason, *_) in found.items() if status == "failed"}
    assert set(failed) == set(bad)
    assert failed["c.txt"] == "it needs more than 256 MiB of memory (KNOW_FILE_MEMORY)"
    assert failed["good3-then.txt"] == failed["c.txt"]
    assert "memory" in failed["h.txt"]
    assert sum(status == "ingested" for status, *_ in found.values()) == len(GOOD)


@pytest.mark.slow
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_member_that_kills_its_reader_costs_itself(tmp_path: Path, pack) -> None:
    members = {
        "a.txt": "first",
        "eat.txt": "EAT",
        "exit.txt": "EXIT",
        "hang.txt": "HANG",
        "in.zip": zipped({"kill.txt": "KILL", "z.txt": "deep"}),
        "b.txt": "last",
    }
    docs = write(tmp_path / "docs", {"x.zip": pack(members), "other.txt": "EXIT", **GOOD})
    found = outcomes(docs, timeout=4)
    status, _, read, problems = found["x.zip"]
    assert status == "ingested"
    assert read == ["a.txt", "in.zip!/z.txt", "b.txt"]
    assert problems == {
        "eat.txt": "it needs more than 256 MiB of memory (KNOW_FILE_MEMORY)",
        "exit.txt": "its reader crashed (exit code 9)",
        "hang.txt": "reading it took longer than 4 seconds (KNOW_FILE_TIMEOUT)",
        "in.zip!/kill.txt": "its reader crashed (signal 9): "
        "perhaps memory ran out (KNOW_FILE_MEMORY)",
    }
    assert found["other.txt"][:2] == ("failed", "its reader crashed (exit code 9)")
    assert sum(status == "ingested" for status, *_ in found.values()) == len(GOOD) + 1


@pytest.mark.slow
def test_a_container_of_many_deadly_members_fails_in_the_end(tmp_path: Path) -> None:
    members = {f"{number}.txt": "EXIT" for number in range(worker_process.MAX_SKIPPED + 2)}
    docs = write(tmp_path / "docs", {"x.zip": zipped(members), "a.zip": zipped({"a.txt": "a"})})
    found = outcomes(docs)
    assert found["x.zip"][:2] == ("failed", "its reader crashed (exit code 9)")
    assert found["a.zip"][0] == "ingested"


def test_few_files_of_formats_with_an_engine_go_to_workers(tmp_path: Path) -> None:
    """Also when their name does not tell what they are."""
    path = tmp_path / "report"
    path.write_bytes(pdf("words"))
    with path.with_name("large").open("wb") as file:
        file.truncate(400 << 20)
    tasks = [
        LoadTask(str(path.with_name(name)), name, SplitterSpec(), 1 << 30)
        for name in ("report", "large")
    ]
    found = {file.task.shown: file for file in LocalCrew(1, 60, 100 << 20).load_files(tasks)}
    assert found["report"].status is FileStatus.INGESTED
    assert "100 MiB of memory" in found["large"].reason


@pytest.mark.slow
@pytest.mark.parametrize("command", ["ingest", "askdir"])
def test_the_flags(run, corpus, command) -> None:
    (corpus / "report.pdf").write_bytes(pdf("words"))
    with (corpus / "large.txt").open("wb") as file:
        file.truncate(300 << 20)
    arguments = ["words", "-p", corpus] if command == "askdir" else [corpus]
    outcome = run(command, *arguments, "--file-memory", "50", "--file-timeout", "30")
    assert outcome.code == 4
    assert "it needs more than 50 MiB of memory (KNOW_FILE_MEMORY)" in outcome.err
    assert run(command, *arguments, "--file-timeout", "0").code == 2
    assert run(command, *arguments, "--file-memory", "-1").code == 2
