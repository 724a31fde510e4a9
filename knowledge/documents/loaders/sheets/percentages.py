"""Numbers that are shown as percentages; what reads their values does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping

Decimals = Mapping[tuple[int, int], int]
"""Digits after the point by row and column, counted from 0."""

BUILT_IN = {9: "0%", 10: "0.00%"}
"""Formats that have a number and no text."""
_ASIDE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
"""Text, spaces, fillings, colours and conditions in a number format."""
_PERCENT = re.compile(r"^[^.;]*(?:\.([0#?]*))?[^.;]*%")


def shown(value: float, decimals: int) -> str:
    """Return a percentage as its cell shows it."""
    return f"{100 * value:.{decimals}f}%"


def decimals_of(format_: str) -> int | None:
    """Return the digits after the point of a format such as ``0.0%``; ``None`` for others."""
    match = _PERCENT.match(_ASIDE.sub("", format_))
    return min(len(match[1] or ""), 15) if match else None
