"""Near duplicates: one hit that lists its other places.

Texts are near duplicates when they hold the same letters and digits, or when nine tenths of their
five-word shingles are the same (Broder, "On the resemblance and containment of documents", 1997).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from knowledge.model import Hit

SHINGLE = 5
ALIKE = 0.9
COMPARED = 200
"""Hits among which shingles are compared; further down only equal texts are folded."""

_WORD = re.compile(r"[^\W_]+")


def fold(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits without near duplicates of better ones, which list them in ``also``."""
    kept: list[Hit] = []
    others: list[list[Hit]] = []
    by_words: dict[tuple[str, ...], int] = {}
    shingles: list[frozenset[tuple[str, ...]]] = []
    for hit in hits:
        words = tuple(_WORD.findall(hit.chunk.passage.text.casefold()))
        place = by_words.get(words)
        own = _shingles(words) if place is None and len(kept) < COMPARED else frozenset()
        if place is None and own:
            place = _alike(own, shingles)
        if place is not None:
            others[place].append(hit)
            continue
        by_words[words] = len(kept)
        kept.append(hit)
        others.append([])
        shingles.append(own)
    return [
        replace(hit, also=tuple(folded)) if folded else hit
        for hit, folded in zip(kept, others, strict=True)
    ]


def _shingles(words: Sequence[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(
        tuple(words[start : start + SHINGLE]) for start in range(len(words) - SHINGLE + 1)
    )


def _alike(
    own: frozenset[tuple[str, ...]], others: Sequence[frozenset[tuple[str, ...]]]
) -> int | None:
    """Return the first of ``others`` whose Jaccard similarity is high enough."""
    for place, other in enumerate(others):
        if len(own) < ALIKE * len(other) or len(other) < ALIKE * len(own):
            continue
        common = len(own & other)
        if common >= ALIKE * (len(own) + len(other) - common):
            return place
    return None
