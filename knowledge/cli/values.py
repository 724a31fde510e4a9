"""Texts, numbers and paths from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from knowledge.text.wording import brief

PLAIN = (str, int, float, bool, Path)
MOST = 1_000_000_000
"""No option means anything beyond it, and SQLite, NumPy and the system's timers end some way on."""
_WHAT: dict[Any, str] = {int: "integer", float: "number"}


def converted(text: str, kind: Any, least: float = -MOST, most: float = MOST) -> Any:
    """Return a value in the type that a command wants.

    Raises
    ------
    ValueError
        It is none; the message is a sentence.
    """
    try:
        found = kind(text)
    except ValueError as error:
        raise ValueError(f"{brief(text)} is not a valid {_WHAT.get(kind, 'value')}.") from error
    if kind in _WHAT and not least <= found <= most:  # nor is nan
        raise ValueError(f"{brief(text)} is not from {least:,} to {most:,}.")
    return found
