"""Names as they are typed, and as the disk has them.

``ü`` is one code point on most keyboards, and two in names that come from a Mac: to Linux these are
different names.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path


def forms_of(text: str) -> Iterator[str]:
    """Yield a name as it was typed, then composed and decomposed, each once."""
    yield from dict.fromkeys((text, *(unicodedata.normalize(one, text) for one in ("NFC", "NFD"))))


def composed(text: str) -> str:
    """Return text in the one form that both ways to write a letter have."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def as_on_disk(path: str | os.PathLike[str]) -> Path:
    """Return the path that exists and differs from ``path`` in composition at most, or itself."""
    typed = Path(path)
    if os.path.lexists(typed) or str(typed).isascii():
        return typed
    found = Path(typed.anchor)
    for part in typed.parts[1:] if typed.anchor else typed.parts:
        there = (found / form for form in forms_of(part) if os.path.lexists(found / form))
        found = next(there, found / part)
    return found if os.path.lexists(found) else typed
