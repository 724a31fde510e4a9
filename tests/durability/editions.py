"""Documents that change from edition to edition, so that what is found tells what it was made of.

Each edition of a set adds, edits and removes files. Any process can say what an edition holds, so a
reader proves by what it found that it saw whole editions: nothing of the one before, nothing of the
next, and nothing missing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.durability import programs

if TYPE_CHECKING:
    from knowledge.model import Hit

QUESTION = "note"
"""Each passage has this word."""
ALL = 5_000
"""More hits than there are passages."""
_SLOTS = 9
_PARTS = 6
_MARK = re.compile(r"Note edition (\d+) of (\S+):")


def edition(name: str, number: int) -> dict[str, list[str]]:
    """Return the paragraphs of an edition's files; each becomes a chunk."""
    files = {f"{name}-mark.txt": [f"Note edition {number} of {name}: harbor lantern meadow."]}
    for slot in range(_SLOTS):
        if (number + slot) % 4:
            files[f"{name}-{slot}.txt"] = [_part(name, slot, part, number) for part in _parts(slot)]
    return files


def write(folder: Path, name: str, number: int) -> Path:
    """Write an edition below a folder, and remove what it does not hold."""
    folder.mkdir(parents=True, exist_ok=True)
    files = edition(name, number)
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for file, parts in files.items():
        path, text = folder / file, "\n\n".join(parts)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            programs.write_text(path, text)
    return folder


def seen(hits: Sequence[Hit]) -> dict[str, int]:
    """Return the number of the edition of each set that hits are of; all must be whole."""
    found = {(hit.name, hit.text) for hit in hits}
    assert len(found) == len(hits), "a passage was found twice"
    numbers = {name: number for _, text in found for name, number in _marks(text)}
    expected = {
        (file, part)
        for name, number in numbers.items()
        for file, parts in edition(name, number).items()
        for part in parts
    }
    missing, strange = sorted(expected - found), sorted(found - expected)
    assert missing == strange == [], f"{numbers}: {missing=}, {strange=}"
    return numbers


def _parts(slot: int) -> Iterable[int]:
    return range(_PARTS + slot % 3)


def _part(name: str, slot: int, part: int, number: int) -> str:
    version = number // (1 + (slot + part) % 4)  # some stay as they are for a while
    label = f"{name}-{slot}-{part}-{version}"
    return programs.paragraph(random.Random(label), label)


def _marks(text: str) -> list[tuple[str, int]]:
    return [(found[2], int(found[1])) for found in _MARK.finditer(text)]
