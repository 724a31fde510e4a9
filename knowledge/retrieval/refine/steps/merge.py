"""Joining hits that touch or overlap into one passage."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.model import Hit
from knowledge.retrieval.refine.step import Context, Step
from knowledge.retrieval.refine.windows import show_around


def _apply(hits: Sequence[Hit], _on: bool, context: Context) -> list[Hit]:
    around = context.values.get("context", 0)  # hits whose neighbours touch are joined as well
    return show_around(hits, context.stored.chunks_of_file, context=around, merge=True)


STEP = Step(
    field="merge",
    help="Join hits that touch into one passage.",
    order=10,
    apply=_apply,
    off=False,
    shows=True,
)
