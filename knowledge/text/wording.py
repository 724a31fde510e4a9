"""Counts in words, and long values shortened."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable
from typing import Any

_LONGEST = 100

_REPR = reprlib.Repr()
_REPR.maxlevel = 3
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = _LONGEST


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return such as ``1 file`` and ``2,000 files``.

    Parameters
    ----------
    plural:
        If it is not the noun with an ``s``.
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def shortened(text: str, most: int = 300) -> str:
    """Return a text of at most ``most`` characters; the end of a longer one is cut off."""
    return text if len(text) <= most else text[: most - 1] + "…"


def brief(value: Any) -> str:
    """Return a short Python representation of a value, however large it is."""
    return shortened(_REPR.repr(value), 2 * _LONGEST)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of the known names, or all of them."""
    listed = sorted(known)
    close = did_you_mean(name, listed)
    if close:
        return close
    return f"Known are {', '.join(listed)}." if listed else "None is known here."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of the known names; empty where none is near."""
    import difflib

    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"Did you mean {by_lower[close[0]]!r}?" if close else ""


def without_number(text: str) -> str:
    """Return what the system says of an error without the number that it begins with.

    >>> without_number("[Errno 111] Connection refused")
    'Connection refused'
    """
    return re.sub(r"\[Errno -?\d+\] ", "", text)
