"""Worker processes: a crash or a hang costs one file, and no worker outlives its program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability import programs
from tests.durability.invariants import check_clean

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has other signals"),
]

LINUX = sys.platform == "linux"
ENDINGS = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
SOON = 45.0  # seconds
BAD = "a folder that comes first"  # so that there is more to do after a crash
FILES = 30  # so many are read in worker processes

# Python imports this at the start of each process that has its folder on PYTHONPATH.
SITECUSTOMIZE = """
import builtins, os, signal, time

real = builtins.open

def tell_key():
    os.write(2, b"thread '<unnamed>' panicked at native code")
    raise ValueError("the key is " + os.environ.get("KNOW_RERANK_API_KEY", "not there"))

class Panic(BaseException):
    def __reduce__(self):
        raise TypeError("this can't be sent to another process")

class Strange(BaseException):
    pass

class Unreadable(Exception):
    def __init__(self, message, *, hint):
        super().__init__(message, hint)  # it can be sent, but not read again

def spin():
    while True:
        pass

ENDS = {
    "exit.txt": lambda: os._exit(9),
    "signal.txt": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault.txt": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "panic.txt": lambda: (_ for _ in ()).throw(Panic("the loader panicked")),
    "strange.txt": lambda: (_ for _ in ()).throw(Strange("not an Exception")),
    "unreadable.txt": lambda: (_ for _ in ()).throw(Unreadable("odd", hint="none")),
    "leave.txt": lambda: (_ for _ in ()).throw(SystemExit(3)),
    "memory.txt": lambda: (_ for _ in ()).throw(MemoryError()),
    "sleep.txt": lambda: time.sleep(1000),
    "spin.txt": spin,
    "key.txt": tell_key,
}

def open(file, *arguments, **named):
    if isinstance(file, str):
        ENDS.get(os.path.basename(file), int)()
    return real(file, *arguments, **named)

builtins.open = open
"""


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return programs.write_folder(tmp_path / "docs", FILES, 1, seed=1)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which files of some names do harm to whoever opens them."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(SITECUSTOMIZE)
    path = os.pathsep.join(filter(None, [str(hooks), os.environ.get("PYTHONPATH")]))
    return programs.environment(
        tmp_path / "data", PYTHONPATH=path, KNOW_INGEST_CONCURRENCY=2, TEST_MARK=uuid.uuid4().hex
    )


@pytest.fixture(autouse=True)
def no_process_is_left(env: dict[str, str]) -> Iterator[None]:
    yield
    if LINUX:
        left = marked(env)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, "processes outlived the test"


def marked(env: dict[str, str]) -> list[int]:
    """Return the processes that were started with this environment."""
    mark = f"TEST_MARK={env['TEST_MARK']}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:  # it has ended
                continue
    return found


def test_a_worker_knows_no_keys_and_says_nothing(docs: Path, env: dict[str, str]) -> None:
    programs.write_text(docs / BAD / "key.txt", "This file tells the key.")
    done = programs.run("ingest", docs, env={**env, "KNOW_RERANK_API_KEY": "sk-geheim"})
    assert done.returncode == 4, done.stderr
    assert "the key is not there" in done.stderr
    assert "sk-geheim" not in done.stderr
    assert "panicked" not in done.stderr


@pytest.mark.parametrize(
    "name", ["exit", "signal", "segfault", "panic", "strange", "unreadable", "leave", "memory"]
)
def test_a_crash_costs_one_file(tmp_path: Path, docs: Path, env: dict[str, str], name: str) -> None:
    programs.write_text(docs / BAD / f"{name}.txt", "This file does harm.")
    done = programs.run("ingest", docs, env=env)
    assert done.returncode == 4, done.stderr
    failed = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 1
    assert failed[0].startswith(f"failed: {docs / BAD / name}.txt: ")
    assert "Traceback" not in done.stderr
    assert f"{FILES} ingested" in done.stdout
    assert len(check_clean(tmp_path / "data").files) == FILES


@pytest.mark.parametrize("name", ["exit", "signal"])
def test_many_crashes_cost_only_their_files(
    tmp_path: Path, docs: Path, env: dict[str, str], name: str
) -> None:
    for number in range(12):  # between the others, so that workers have more to do
        programs.write_text(docs / f"file{number}-then" / f"{name}.txt", "This file does harm.")
    done = programs.run("ingest", docs, env=env)
    assert done.returncode == 4, done.stderr
    failed = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 12
    assert all(f"{name}.txt: its reader crashed" in line for line in failed)
    assert f"{FILES} ingested" in done.stdout
    assert len(check_clean(tmp_path / "data").files) == FILES


INLINE = """
from knowledge.requests import InlineText
from knowledge.knowledge_base import KnowledgeBase

texts = [InlineText(f"text{n}.txt", b"A line of a long text.\\n" * 60_000) for n in range(8)]
with KnowledgeBase.open() as kb:
    report = kb.ingest(inline=texts)
print(dict(report.files)["ingested"], "ingested")
"""


def test_large_texts_that_are_no_files_pass_both_ways(env: dict[str, str]) -> None:
    """Texts and passages are larger than a pipe holds; neither side may wait for the other."""
    env = {**env, "KNOW_CHUNK_SIZE": "8000"}
    with programs.started([sys.executable, "-c", INLINE], env) as process:
        out, err = process.communicate(timeout=SOON)
    assert process.returncode == 0, err
    assert out.split() == ["8", "ingested"]


@pytest.mark.parametrize("name", ["sleep", "spin"])
def test_a_hang_costs_one_file(tmp_path: Path, docs: Path, env: dict[str, str], name: str) -> None:
    programs.write_text(docs / BAD / f"{name}.txt", "This file takes for ever.")
    done = programs.run("ingest", docs, env={**env, "KNOW_FILE_TIMEOUT": "2"})
    assert done.returncode == 4, done.stderr
    failed = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 1
    assert failed[0].startswith(f"failed: {docs / BAD / name}.txt: ")
    assert "KNOW_FILE_TIMEOUT" in failed[0]
    assert len(check_clean(tmp_path / "data").files) == FILES


def test_several_bad_files_cost_only_themselves(
    tmp_path: Path, docs: Path, env: dict[str, str]
) -> None:
    bad = ("exit", "signal", "panic", "sleep", "spin")
    for name in bad:
        programs.write_text(docs / BAD / f"{name}.txt", "This file does harm.")
    done = programs.run("ingest", docs, env={**env, "KNOW_FILE_TIMEOUT": "2"})
    assert done.returncode == 4, done.stderr
    failed = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == len(bad)
    assert len(check_clean(tmp_path / "data").files) == FILES


@pytest.mark.skipif(not LINUX, reason="looks at /proc")
@pytest.mark.parametrize("number", ENDINGS)
@pytest.mark.parametrize(("name", "processes"), [("sleep", 4), ("spin", 4), ("sleep", 3)])
def test_no_worker_outlives_the_program(
    docs: Path, env: dict[str, str], number: signal.Signals, name: str, processes: int
) -> None:
    """Neither when the workers are busy nor when they are just being started."""
    programs.write_text(docs / BAD / f"{name}.txt", "This file takes for ever.")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with programs.started(programs.command("ingest", docs), env, **quiet) as process:
        programs.wait_until(lambda: len(marked(env)) >= processes, "the worker processes")
        process.send_signal(number)
        assert process.wait(timeout=SOON) == ENDINGS[number]
        programs.wait_until(lambda: not marked(env), "the end of all workers", seconds=20)


GUARDLESS = """
from knowledge.knowledge_base import KnowledgeBase

print("top level")
with KnowledgeBase.open() as kb:
    report = kb.ingest({docs!r})
print(dict(report.files)["ingested"], "ingested", len(report.problems), "problems")
"""


@pytest.mark.parametrize("way", ["file", "-c", "stdin", "module"])
def test_a_script_without_a_guard_runs_once(
    tmp_path: Path, docs: Path, env: dict[str, str], way: str
) -> None:
    text = GUARDLESS.format(docs=str(docs))
    script = tmp_path / "guardless_script.py"
    script.write_text(text)
    line = {
        "file": [str(script)],
        "-c": ["-c", text],
        "stdin": ["-"],
        "module": ["-m", "guardless_script"],
    }[way]
    done = subprocess.run(
        [sys.executable, *line],
        env=env,
        cwd=tmp_path,
        input=text if way == "stdin" else "",
        capture_output=True,
        text=True,
        timeout=programs.LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["top level", f"{FILES} ingested 0 problems"]
    assert len(check_clean(tmp_path / "data").files) == FILES
