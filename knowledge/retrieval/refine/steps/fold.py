"""Near duplicates: one hit that lists its other places.

Texts are near duplicates when they hold the same letters and digits, or when nine tenths of their
five-word shingles are the same (Broder, "On the resemblance and containment of documents", 1997).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from knowledge.model import Hit
from knowledge.retrieval.refine.step import Step

SHINGLE = 5
ALIKE = 0.9
COMPARED = 200
"""Hits among which shingles are compared; further down only equal texts are folded."""

Shingles = frozenset[int]
"""Hashes of runs of words."""

_WORD = re.compile(r"[^\W_]+")


def fold(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits without near duplicates of better ones, which list them in ``also``."""
    kept: list[Hit] = []
    others: list[list[Hit]] = []
    by_words: dict[tuple[str, ...], int] = {}
    compared = _Compared()
    for hit in hits:
        words = tuple(_WORD.findall(hit.chunk.passage.text.casefold()))
        place = by_words.get(words)
        if place is None and len(kept) < COMPARED:
            place = compared.like(_shingles(words), len(kept))
        if place is not None:
            others[place].append(hit)
            continue
        by_words[words] = len(kept)
        kept.append(hit)
        others.append([])
    return [
        replace(hit, also=tuple(folded)) if folded else hit
        for hit, folded in zip(kept, others, strict=True)
    ]


def _shingles(words: Sequence[str]) -> Shingles:
    return frozenset(map(hash, zip(*(words[start:] for start in range(SHINGLE)), strict=False)))


class _Compared:
    """The shingles of the hits that are kept, by the few that a near duplicate must share.

    When two sets are alike and both are sorted alike, their first elements meet: so many of each as
    it may lack, and one more (Chaudhuri, Ganti and Kaushik, "A Primitive Operator for Similarity
    Joins in Data Cleaning", 2006).
    """

    def __init__(self) -> None:
        self._shingles: dict[int, Shingles] = {}
        self._places: dict[int, list[int]] = {}

    def like(self, own: Shingles, place: int) -> int | None:
        """Return the first place with shingles like ``own``; note them under ``place`` if none."""
        lacking = len(own) - math.ceil(ALIKE * len(own))
        first = sorted(own)[: lacking + 1]
        for other in sorted({at for shingle in first for at in self._places.get(shingle, ())}):
            if _alike(own, self._shingles[other]):
                return other
        self._shingles[place] = own
        for shingle in first:
            self._places.setdefault(shingle, []).append(place)
        return None


def _alike(own: Shingles, other: Shingles) -> bool:
    """Tell whether the Jaccard similarity is high enough."""
    common = len(own & other)
    return common >= ALIKE * (len(own) + len(other) - common)


STEP = Step(
    field="fold",
    help="Show near duplicates as one hit that lists its other places.",
    order=10,
    apply=lambda hits, _on, _context: fold(hits),
    off=False,
)
