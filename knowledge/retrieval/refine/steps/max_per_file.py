"""Limiting how many hits one file may have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from knowledge.model import Hit
from knowledge.retrieval.refine.step import Parameter, Step


def limit_per_file(hits: Sequence[Hit], most: int) -> list[Hit]:
    """Return the first ``most`` hits of each file, in the same order."""
    taken: Counter[tuple[str, str]] = Counter()
    kept = []
    for hit in hits:
        taken[hit.dataset, hit.file] += 1
        if taken[hit.dataset, hit.file] <= most:
            kept.append(hit)
    return kept


STEP = Step(
    field="max_per_file",
    help="Keep the best hits of each file.",
    order=40,
    apply=lambda hits, most, _: limit_per_file(hits, most),
    parameter=Parameter("limit", int, "Most hits of one file.", minimum=1),
)
