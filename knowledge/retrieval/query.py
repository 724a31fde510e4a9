"""What is asked: the question, where to look, how to rank, and what to leave out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from knowledge.errors import UsageError
from knowledge.files.wildmatch import any_of, wildmatch
from knowledge.retrieval.conditions import Condition

MAX_TOP_K = 10_000
MAX_QUESTION = 2_000_000
"""Characters of a question: a long document as one takes seconds and some 200 MB."""
MODES = ("auto", "dense", "keyword", "hybrid")
FUSIONS = ("weighted", "rrf")
WEIGHT = 0.35
"""The dense side's share that measured best; see benchmarks/results/quality.md."""
LEAST_CANDIDATES = 50
CANDIDATES_PER_HIT = 5


def check_question(text: str, where: str = "the query") -> None:
    """Check a question.

    Raises
    ------
    UsageError
        It is empty, or longer than `MAX_QUESTION`; ``where`` names it.
    """
    if not text.strip():
        raise UsageError(f"{where} is empty")
    if len(text) > MAX_QUESTION:
        raise UsageError(
            f"{where} has more than {MAX_QUESTION:,} characters, the limit of a question",
            hint="Ask for what matters in it; `knowledge ingest` takes long texts.",
        )


@dataclass(frozen=True, slots=True)
class Bm25:
    """Other parameters of keyword search than those that measured best.

    Parameters
    ----------
    k1, b:
        How much a repeated word counts, and how much a long chunk loses.
    languages:
        Those whose stop words are left out of the question; ``None`` is those of the texts.
    """

    k1: float
    b: float
    languages: tuple[str, ...] | None = None


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
        What the metadata of the chunk and its file must be, as
        :func:`knowledge.retrieval.conditions.condition_of` makes it.
    mode:
        How hits are found and ranked: ``dense``, ``keyword``, ``hybrid``, or ``auto``: hybrid
        where a dataset is embedded with ``static``, else dense.
    files:
        Globs of which the file must match one.
    since, until:
        Limits of the file's time of modification, both inclusive, in nanoseconds since the epoch.
    candidates:
        How many chunks each side of hybrid gives; ``None`` is five for each hit, at least 50.
    fusion:
        How hybrid makes one order of two: ``weighted`` or ``rrf``.
    weight:
        The dense side's share in hybrid, from 0 to 1.
    bm25:
        Parameters of keyword search; ``None`` is those that measured best.
    """

    text: str
    datasets: tuple[str, ...] = ("default",)
    top_k: int = 10
    threshold: float | None = None
    keywords: tuple[str, ...] = ()
    where: Condition | None = None
    mode: str = "auto"
    files: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    candidates: int | None = None
    fusion: str = "weighted"
    weight: float = WEIGHT
    bm25: Bm25 | None = None

    def __post_init__(self) -> None:
        check_question(self.text)
        if not self.datasets:
            raise UsageError("no dataset to look in")
        if not 1 <= self.top_k <= MAX_TOP_K:
            raise UsageError(
                f"--top-k must be from 1 to {MAX_TOP_K}, not {self.top_k}",
                hint="KNOW_TOP_K sets it too.",
            )
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise UsageError(f"--threshold must be from -1 to 1, not {self.threshold:g}")
        if not all(word.removeprefix("-") for word in self.keywords):
            raise UsageError("--keyword is empty")
        Globs(self.files)
        if self.since is not None and self.until is not None and self.since > self.until:
            raise UsageError(
                "--since is later than --until, so that no file can fit", hint="Swap the two."
            )
        self._check_ranking()

    def _check_ranking(self) -> None:
        if self.mode not in MODES:
            raise UsageError(
                f"--mode must be one of {', '.join(MODES)}, not {self.mode!r}",
                hint="KNOW_RETRIEVE_MODE sets it too.",
            )
        if self.fusion not in FUSIONS:
            raise UsageError(
                f"--fusion must be one of {', '.join(FUSIONS)}, not {self.fusion!r}",
                hint="KNOW_RETRIEVE_FUSION sets it too.",
            )
        if not 0 <= self.weight <= 1:
            raise UsageError(
                f"--weight must be from 0 to 1, not {self.weight:g}",
                hint="KNOW_RETRIEVE_WEIGHT sets it too.",
            )
        if self.candidates is not None and not 1 <= self.candidates <= MAX_TOP_K:
            raise UsageError(
                f"--candidates must be from 1 to {MAX_TOP_K}, not {self.candidates}",
                hint="KNOW_RETRIEVE_CANDIDATES sets it too.",
            )

    @property
    def pool(self) -> int:
        """How many chunks each side gives: never fewer than the hits that are asked for."""
        if self.candidates is None:
            return max(LEAST_CANDIDATES, min(CANDIDATES_PER_HIT * self.top_k, MAX_TOP_K))
        return max(self.candidates, self.top_k)

    @property
    def sides(self) -> tuple[str, ...]:
        """The searches that rank: ``dense``, ``keyword`` or both; one without a share is left out.

        ``auto`` must have been replaced by what it means for the datasets.
        """
        if self.mode != "hybrid":
            return (self.mode,)
        if self.weight in (0, 1):
            return ("dense",) if self.weight else ("keyword",)
        return ("dense", "keyword")


class Globs:
    """Patterns in gitignore's syntax, of which a path must match one.

    A pattern without a slash matches names of files and folders, one with a slash a part of the
    path, one that begins with a slash the whole path. What matches a folder matches all below it.

    Raises
    ------
    UsageError
        A pattern is empty or cannot be read.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._any = _compiled(tuple(patterns)) if patterns else None

    def match(self, path: str) -> bool:
        """Tell whether a stored path matches; without patterns every path does."""
        if self._any is None:
            return True
        return self._any.match(path.replace("\\", "/").lstrip("/")) is not None


@lru_cache(64)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    try:
        found = [wildmatch(_line(pattern)) for pattern in patterns]
    except ValueError as error:
        raise UsageError(f"--file: {error}") from error
    return any_of(one.within if one else "(?!)" for one in found)


def _line(pattern: str) -> str:
    """Return a glob as a line of gitignore."""
    pattern = pattern.removeprefix("./")
    if not pattern.strip("/ "):
        raise UsageError("--file is empty", hint="Write it such as: --file '*.md'")
    if "/" in pattern.rstrip("/") and not pattern.startswith("/"):
        return f"**/{pattern}"
    return "\\" + pattern if pattern[0] in "!#" else pattern
