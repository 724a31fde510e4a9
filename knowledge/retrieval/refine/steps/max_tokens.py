"""Filling a budget of tokens with hits."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.model import Hit
from knowledge.retrieval.refine.step import Parameter, Step


def fit(hits: Sequence[Hit], max_tokens: int) -> list[Hit]:
    """Return the hits that fit, best first; one that is too long for what is left is passed over.

    Tokens are those of cl100k_base, of the texts as they are shown.
    """
    from knowledge.text.tokens import TokenCounter

    counter = TokenCounter()
    kept, left = [], max_tokens
    for hit in hits:
        size = counter.count(hit.text)
        if size <= left:
            kept.append(hit)
            left -= size
    return kept


STEP = Step(
    field="max_tokens",
    help="Keep the best hits whose texts fit into a number of tokens together.",
    order=30,
    apply=lambda hits, most, _: fit(hits, most),
    parameter=Parameter("limit", int, "Most tokens of all passages together.", minimum=1),
    shows=True,
)
