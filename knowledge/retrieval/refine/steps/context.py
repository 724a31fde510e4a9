"""Showing the chunks before and after each hit."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.model import Hit
from knowledge.retrieval.refine.step import Context, Parameter, Step
from knowledge.retrieval.refine.windows import show_around


def _apply(hits: Sequence[Hit], chunks: int, context: Context) -> list[Hit]:
    if context.values.get("merge"):  # which showed them already
        return list(hits)
    return show_around(hits, context.stored.chunks_of_file, context=chunks, merge=False)


STEP = Step(
    field="context",
    help="Show the chunks before and after each hit.",
    order=20,
    apply=_apply,
    parameter=Parameter("chunks", int, "So many before and after each hit.", minimum=0),
    off=0,
    shows=True,
)
