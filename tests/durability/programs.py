"""The program as a process, folders of documents to give it, and killing it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

OURS = ("KNOW_", "OPENAI_", "VS_")
LIMIT = 120.0
"""Seconds after which something hangs."""
KILLS = int(os.environ.get("KNOW_TEST_KILLS", "5"))
"""How often each test of kills at random moments kills."""

WORDS = (
    "amber basil cedar delta ember fjord grove harbor island jasmine kettle lantern meadow nectar "
    "orchard pebble quartz river saffron timber umbra valley willow xenon yarrow zephyr"
).split()


def environment(data: Path, **variables: object) -> dict[str, str]:
    """Return the environment of a process that works on the data folder ``data``."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    given = {name: str(value) for name, value in variables.items()}
    base = {"KNOW_DATA_DIR": str(data), "NO_PROXY": "127.0.0.1"}
    small = {"KNOW_CHUNK_SIZE": "40", "KNOW_CHUNK_OVERLAP": "0"}
    return {**inherited, **base, **small, **given}


def command(*arguments: object) -> list[str]:
    """Return the program's command line."""
    return [sys.executable, "-m", "knowledge", *map(str, arguments)]


def run(
    *arguments: object, env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        command(*arguments),
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def run_json(*arguments: object, env: Mapping[str, str]) -> dict[str, Any]:
    """Run the program with ``--json``; it must succeed."""
    done = run(*arguments, "--json", env=env)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stdout}{done.stderr}"
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def started(
    line: Sequence[str], env: Mapping[str, str], **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """Start a process; it is killed at the end if it still runs."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(line, env=env, text=True, **{**streams, **options})
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until(condition: Callable[[], object], what: str, seconds: float = LIMIT) -> None:
    """Wait for a condition; it is a failure when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for: {what}"
        time.sleep(0.005)


def holds_lock(data: Path, pid: int) -> bool:
    """Tell whether a process holds the write lock of one of the datasets."""
    for path in data.glob("locks/*.holder"):
        try:
            if json.loads(path.read_text(encoding="utf-8"))["pid"] == pid:
                return True
        except (OSError, ValueError):
            continue
    return False


def kill_in_the_middle(line: Sequence[str], env: Mapping[str, str], seconds: float) -> int:
    """Run a writer, SIGKILL it ``seconds`` after it took its lock; return its exit code.

    The exit code is -9, or 0 when it was done before.
    """
    data = Path(env["KNOW_DATA_DIR"])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with started(line, env, **quiet) as process:
        wait_until(lambda: process.poll() is not None or holds_lock(data, process.pid), "the lock")
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        return process.wait(timeout=LIMIT)


def seconds_of_writing(line: Sequence[str], env: Mapping[str, str]) -> float:
    """Run a writer undisturbed; return the seconds from its lock to its end."""
    data = Path(env["KNOW_DATA_DIR"])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with started(line, env, **quiet) as process:
        wait_until(lambda: process.poll() is not None or holds_lock(data, process.pid), "the lock")
        begin = time.monotonic()
        code = process.wait(timeout=LIMIT)
        assert code == 0, f"the undisturbed run ended with {code}"
        return time.monotonic() - begin


def paragraph(chance: random.Random, label: str) -> str:
    """Return a paragraph of some 25 tokens that no other label gives."""
    words = " ".join(chance.choice(WORDS) for _ in range(11))
    return f"Note {label}: {words}."


def write_folder(
    folder: Path, files: int, paragraphs: int, *, seed: int, prefix: str = "file"
) -> Path:
    """Write a folder of text files; each paragraph becomes a chunk."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        chance = random.Random(seed * 1_000 + number)
        label = f"{prefix}{number}"
        parts = [paragraph(chance, f"{label}-{part}-{seed}") for part in range(paragraphs)]
        write_text(folder / f"{label}.txt", "\n\n".join(parts))
    return folder


def write_text(path: Path, text: str, *, age: float = 60.0) -> Path:
    """Write a file that was last changed ``age`` seconds ago, which is never racy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


class Answering:
    """A module of the tests as a process that answers lines of JSON; a context manager."""

    def __init__(self, module: str, env: Mapping[str, str], folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            env={**env, "PYTHONPATH": str(Path(__file__).parents[2])},
            cwd=folder,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def send(self, value: object) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Wait for a line; return what it says."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())
