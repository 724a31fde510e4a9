"""Command lines run in children of one process, for tests that may kill them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.durability import programs

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.out)
        return content


class CommandLines:
    """Runs command lines; made by :func:`command_lines`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(
        self,
        data: Path,
        *lines: Sequence[object],
        limit: int | None = None,
        user: int | None = None,
    ) -> list[Ended]:
        """Run lines on a data folder, one after the other, in a process of their own.

        No line may end in a signal, in a traceback, a thread's or a native part's included, or in
        an error that nobody expected.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = [[str(data), *map(str, line)] for line in lines]
        asked = {"lines": told, "limit": limit, "user": user}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        ended = [Ended(*one) for one in answer["ended"]]
        assert not answer["signal"], f"signal {answer['signal']} in {lines[len(ended)]}"
        for line, one in zip(lines, ended, strict=True):
            told = f"{line}: {one}"
            assert "Traceback" not in one.err, told
            assert "panicked" not in one.err, told
            assert "unexpected" not in one.out + one.err, told
            assert one.code in (0, 1, 3, 7), told
            if one.code and "doctor" not in line:
                assert "hint" in one.out + one.err, told
        return ended


@contextmanager
def command_lines(folder: Path) -> Iterator[CommandLines]:
    """Start the process that runs command lines."""
    env = programs.environment(folder, OPENBLAS_NUM_THREADS=1, PYTHONWARNINGS="ignore")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.damage_program"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=env,
    )
    try:
        yield CommandLines(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()
