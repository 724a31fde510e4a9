"""What is asked: the question, where to look, how to rank, and what to leave out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError
from knowledge.files.typed_names import composed
from knowledge.requests import MAX_TOP_K, SearchRequest, check_question

if TYPE_CHECKING:
    import re

    from knowledge.retrieval.conditions import Condition
    from knowledge.settings.reading import Settings

WEIGHT = 0.35
"""The dense side's share; benchmarks/results/quality.md has what hybrid gains over either side."""
FILE_WEIGHT = 0.25
"""The file's weight on the keyword side. Where files are short, 0 measures alike: there a file says
little more than its passage."""
SPARSE_WEIGHT = 0.5
"""The sparse side's, beside 1 for the two others: a third of the whole."""
COSINE_SPAN = 0.36
"""A cosine so far below the best counts as 0 in hybrid; it serves small and large models alike."""
CANDIDATES = 50
FITS_WELL = 0.4
"""Least relevance of a passage that fits well; see benchmarks/results/quality.md."""


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
class Query(SearchRequest):
    """One search, with nothing left open: a search request as the retriever runs it.

    Parameters
    ----------
    datasets:
        Names; hits of all are ranked together.
    where:
        What the metadata of the chunk and its file must be, as
        :func:`knowledge.retrieval.conditions.condition_of` makes it.
    since, until:
        Limits of the file's time of modification, both inclusive, in nanoseconds since the epoch.
    candidates:
        How many chunks the steps that reorder hits choose from; ``None`` is 50. It does not depend
        on ``top_k``, so that fewer hits are the first of more.
    bm25:
        Parameters of keyword search; ``None`` is those that measured best.
    """

    datasets: tuple[str, ...] = ("default",)
    top_k: int = 10
    queries: tuple[str, ...] = ()
    mode: str = "auto"
    weight: float = WEIGHT
    file_weight: float = FILE_WEIGHT
    sparse_weight: float = SPARSE_WEIGHT
    fusion: str = "weighted"
    fallback: str = "none"
    keywords: tuple[str, ...] = ()
    # Parsed; a request has them as they are written.
    where: Condition | None = None  # type: ignore[assignment]
    files: tuple[str, ...] = ()
    since: int | None = None  # type: ignore[assignment]
    until: int | None = None  # type: ignore[assignment]
    rerank: str = ""
    bm25: Bm25 | None = None

    @classmethod
    def of_request(cls, request: SearchRequest, settings: Settings) -> Query:
        """Return the query that a request asks for, with the settings where it is open.

        Raises
        ------
        UsageError
            A field does not fit; the message names it.
        """
        asked = request.resolved(settings)
        fields = {name: getattr(asked, name) for name, _, _ in SearchRequest.options()}
        parsed: dict[str, object] = {
            "datasets": asked.dataset_names,
            "queries": _texts(asked.queries),
            "files": _texts(asked.files),
            "keywords": _texts(asked.keywords),
            "where": _condition(asked.where),
            "since": _moment(asked.since, "`since`"),
            "until": _moment(asked.until, "`until`", end=True),
        }
        if asked.mode != "auto":
            parsed["fallback"] = "none"  # who names a mode wants that one
        return cls(**{**fields, **parsed})

    def __post_init__(self) -> None:
        for one in self.questions:
            check_question(one)
        if not self.datasets:
            raise UsageError("no dataset to look in")
        for name, _, declared in SearchRequest.options():
            value = getattr(self, name)
            if value is not None:
                declared.check(name, value)
        if self.offset + self.top_k > MAX_TOP_K:
            raise UsageError(
                f"`offset` and `top_k` together must be at most {MAX_TOP_K:,}, "
                f"not {self.offset + self.top_k:,}"
            )
        if not all(word.removeprefix("-") for word in self.keywords):
            raise UsageError("`keywords` has an empty word")
        Globs(self.files)
        if self.since is not None and self.until is not None and self.since > self.until:
            raise UsageError(
                "`since` is later than `until`, so that no file can fit", hint="Swap the two."
            )

    @property
    def text(self) -> str:
        """The question; several are lines of one text."""
        return "\n".join(self.questions)

    def as_one(self) -> Query:
        """Return the query with its questions as one text, and from the first hit on."""
        return replace(self, query=self.text, queries=(), offset=0)

    def unrefined(self) -> Query:
        """Return the query without what is done with hits that were found."""
        off = {"rerank": "", "fold": False}
        refining = {name: d for name, d, declared in SearchRequest.options() if declared.refines}
        return replace(self, **{**refining, **off})

    @property
    def pool(self) -> int:
        """How many chunks the steps that reorder hits choose from: never fewer than the hits."""
        return max(self.candidates or CANDIDATES, self.top_k + self.offset)

    @property
    def is_filtered(self) -> bool:
        """Tell whether files or words are left out before anything is ranked."""
        files = (self.where, self.since, self.until)
        return bool(self.files or self.keywords) or any(one is not None for one in files)

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

    @property
    def needs_vector(self) -> bool:
        """Tell whether it cannot be answered without the question's vector."""
        return "dense" in self.sides or self.threshold is not None


def _condition(where: Any) -> Condition | None:
    if where is None:
        return None
    from knowledge.retrieval.conditions import condition_of

    return condition_of(where)


def _moment(text: str | None, where: str, *, end: bool = False) -> int | None:
    if text is None:
        return None
    from knowledge.retrieval.moments import moment

    return moment(text, where, end=end)


def _texts(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


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
        return self._any.match(composed(path.replace("\\", "/").lstrip("/"))) is not None


@lru_cache(64)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    from knowledge.files.wildmatch import any_of, wildmatch

    try:
        found = [wildmatch(_line(composed(pattern))) for pattern in patterns]
    except ValueError as error:
        raise UsageError(f"`files`: {error}") from error
    return any_of(one.within if one else "(?!)" for one in found)


def _line(pattern: str) -> str:
    """Return a glob as a line of gitignore."""
    pattern = pattern.removeprefix("./")
    if not pattern.strip("/ "):
        raise UsageError("`files` has an empty pattern", hint="Write it such as '*.md'.")
    if "/" in pattern.rstrip("/") and not pattern.startswith("/"):
        return f"**/{pattern}"
    return "\\" + pattern if pattern[0] in "!#" else pattern
