"""What the user asks to be done with hits."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.errors import UsageError


@dataclass(frozen=True, slots=True)
class Refinement:
    """Options of the stages; the default folds near duplicates and leaves all else.

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

    fold: bool = True
    rerank: str = ""
    mmr: float | None = None
    max_per_file: int | None = None
    context: int = 0
    merge: bool = False
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.mmr is not None and not 0 <= self.mmr <= 1:
            raise UsageError(f"--mmr must be from 0 to 1, not {self.mmr:g}")
        for flag, value, least in (
            ("--max-per-file", self.max_per_file, 1),
            ("--context", self.context, 0),
            ("--max-tokens", self.max_tokens, 1),
        ):
            if value is not None and value < least:
                raise UsageError(f"{flag} must be at least {least}, not {value}")

    @property
    def reorders(self) -> bool:
        """True when hits beyond the first ``top_k`` may come up, so that all candidates count."""
        return self.fold or bool(self.rerank) or self.mmr is not None or bool(self.max_per_file)
