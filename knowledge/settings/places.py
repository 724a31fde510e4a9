"""Where in a settings file a name stands."""

from __future__ import annotations

import re
from pathlib import Path


def line_of(path: Path, name: str) -> int:
    """Return the last line, from 1, of a YAML mapping or a ``.env`` that gives ``name`` a value.

    0 where none is found, such as in a flow mapping of several names on a line.
    """
    entry = re.compile(rf"""(export\s+)?["']?{re.escape(name)}["']?\s*[:=]""")
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return 0
    return max((number for number, line in enumerate(lines, 1) if entry.match(line)), default=0)


def place_of(path: Path, name: str) -> str:
    """Return a file's path and the line at which ``name`` stands, such as ``/a/.env:3``."""
    line = line_of(path, name)
    return f"{path}:{line}" if line else str(path)
