"""Scoring hits again with the reranker that the request names."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.model import Hit
from knowledge.retrieval.refine.step import Context, Parameter, Step


def _apply(hits: Sequence[Hit], _name: str, context: Context) -> list[Hit]:
    assert context.rerank is not None
    return context.rerank(context.question, hits)


STEP = Step(
    field="rerank",
    help="Rank by another model, such as cross-encoder.",
    order=20,
    apply=_apply,
    parameter=Parameter("name", str, "As `rerank` takes it: NAME or NAME:MODEL."),
    off="",
)
