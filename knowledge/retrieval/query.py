"""What is asked: the question, where to look, and what to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from knowledge.errors import UsageError

MAX_TOP_K = 10_000
MODES = ("dense",)


@dataclass(frozen=True, slots=True)
class Query:
    """One retrieval.

    Parameters
    ----------
    text:
        The question.
    datasets:
        Names; hits of all are ranked together.
    top_k:
        Most hits, from 1 to 10,000.
    threshold:
        Least cosine similarity, in [-1, 1]; ``None`` is no limit.
    keywords:
        A chunk must hold one of these, case ignored, and none of those that begin with ``-``.
    where:
        Metadata that the file must have, compared as text.
    mode:
        How hits are found and ranked.
    """

    text: str
    datasets: tuple[str, ...] = ("default",)
    top_k: int = 10
    threshold: float | None = None
    keywords: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    mode: str = "dense"

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise UsageError("the query is empty")
        if not self.datasets:
            raise UsageError("no dataset to look in")
        if not 1 <= self.top_k <= MAX_TOP_K:
            raise UsageError(f"--top-k must be from 1 to {MAX_TOP_K}, not {self.top_k}")
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise UsageError(f"--threshold must be from -1 to 1, not {self.threshold:g}")
        if self.mode not in MODES:
            raise UsageError(f"--mode must be one of {', '.join(MODES)}, not {self.mode!r}")
        if not all(word.removeprefix("-") for word in self.keywords):
            raise UsageError("--keyword is empty")
        if any('"' in key for key in self.where):
            raise UsageError("a key of --where can't hold a double quote (\")")

    @property
    def included(self) -> list[str]:
        """Keywords of which a chunk must hold one."""
        return [word for word in self.keywords if not word.startswith("-")]

    @property
    def excluded(self) -> list[str]:
        """Keywords of which a chunk must hold none."""
        return [word[1:] for word in self.keywords if word.startswith("-")]

    @property
    def filtered(self) -> bool:
        """True when not every chunk may be a hit."""
        return bool(self.keywords or self.where)
