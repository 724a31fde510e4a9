"""Which retrieval steps the user asks for, field by field."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from knowledge.retrieval.refine.pipeline import steps


def _field(default: Any, flag: str, help: str, metavar: str | None = None) -> Any:
    """Return a field with what its flag needs: name, help and, where it takes one, its value."""
    return field(default=default, metadata={"flag": flag, "help": help, "metavar": metavar})


@dataclass(frozen=True, slots=True)
class Refinement:
    """The values of the steps; the default folds near duplicates and leaves all else.

    Parameters
    ----------
    fold:
        Show near duplicates as one hit that lists its other places.
    rerank:
        A reranker, such as ``bm25``, ``cohere`` or ``cross-encoder:MODEL``; empty is none.
    mmr:
        Weight of relevance against novelty, from 0 to 1; ``None`` is off.
    max_per_file:
        Most hits of one file; ``None`` is no limit.
    context:
        Neighbouring chunks shown before and after each hit.
    merge:
        Join hits that touch or overlap into one passage.
    max_tokens:
        Most tokens of all texts together; ``None`` is no limit.
    """

    fold: bool = _field(True, "--no-fold", "Show near duplicates as hits of their own.")
    rerank: str = _field(
        "",
        "--rerank",
        "Score the candidates anew: bm25, cohere, jina, voyage, cross-encoder, each optionally "
        "with :MODEL, or a server's address [KNOW_RERANK].",
        "NAME",
    )
    mmr: float | None = _field(
        None,
        "--mmr",
        "Spread hits over what they say: 1 is relevance alone, 0 novelty alone.",
        "LAMBDA",
    )
    max_per_file: int | None = _field(None, "--max-per-file", "Most hits of one file.", "N")
    context: int = _field(0, "--context", "Show so many chunks before and after each hit.", "N")
    merge: bool = _field(False, "--merge", "Join hits that touch into one passage.")
    max_tokens: int | None = _field(
        None, "--max-tokens", "Most tokens of all passages together.", "N"
    )

    def __post_init__(self) -> None:
        flags = {one.name: one.metadata.get("flag", one.name) for one in fields(self)}
        for step in steps():
            if step.field in flags:
                step.check(getattr(self, step.field), flags[step.field])
