"""What several tests of the commands need."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import environment

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and modification time of each file, SQLite's journals left out."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm", ".lock"))
    }


def plain(text: str) -> str:
    """Return text without the escape codes of a terminal."""
    return ESCAPE.sub("", text)


def on_terminal(
    *arguments: object, env: Mapping[str, str | None] | None = None, typed: str = ""
) -> tuple[int, str]:
    """Run the command line on a terminal of its own; return its exit code and what it showed."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "knowledge", *map(os.fspath, arguments)]
    size = {"COLUMNS": "100", "LINES": "40", "TERM": "xterm-256color", "PAGER": "cat"}
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment({**size, **(env or {})}),
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    with contextlib.suppress(OSError):  # Linux ends a terminal so
        while piece := os.read(ours, 65_536):
            shown += piece
    os.close(ours)
    return process.wait(), shown.decode().replace("\r\n", "\n")
