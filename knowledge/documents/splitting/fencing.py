"""Fenced code of Markdown."""

from __future__ import annotations

import re

_TICKS = re.compile("`{3,}")


def fenced(text: str, language: str = "") -> str:
    """Return ``text`` as fenced code, without blank lines at its ends."""
    longest = max(map(len, _TICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    lines = [line.rstrip() for line in text.split("\n")]
    body = "\n".join(lines).strip("\n")
    return f"{fence}{language}\n{body}\n{fence}"
