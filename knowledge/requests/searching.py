"""What is asked of datasets: a question, with all that decides what is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowledge.errors import UsageError
from knowledge.requests.request import Request, option
from knowledge.settings.pairs import listed

MAX_TOP_K = 10_000
MAX_QUESTION = 2_000_000
"""Characters of a question: a long document as one takes seconds and some 200 MB."""
MODES = ("auto", "dense", "keyword", "hybrid")
FUSIONS = ("weighted", "rrf")
FALLBACKS = ("none", "keyword")
PASSAGE_TOKENS = 3_000
"""Tokens of passages that a chat model is given: small local ones read 4,096 in all."""

RANKING = "Ranking"
FILTERS = "Filters"
REFINING = "What is done with hits"


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
class SearchRequest(Request):
    """A question to passages: ``retrieve``.

    What is ``None`` comes from the settings. To add a step that works on hits, add its field here
    with ``refines=True``: it is a flag and an argument of every verb that retrieves by that.
    """

    query: str = option(
        "The question; - reads stdin.",
        default="",
        kw_only=False,
        positional=True,
        optional=True,
        metavar="QUERY",
    )
    datasets: str | Sequence[str] | None = option(
        "Dataset; may be repeated.",
        "-d",
        "--dataset",
        kw_only=False,
        metavar="NAME",
        setting="dataset",
    )
    top_k: int | None = option("", "-k", "--top-k", kw_only=False, metavar="N", setting="top_k")
    queries: str | Sequence[str] = option(
        "Another question; passages near the mean of all are found.",
        "--query",
        default=(),
        metavar="QUERY",
    )
    offset: int = option(
        "Leave out the first N passages.", default=0, metavar="N", minimum=0, maximum=MAX_TOP_K
    )
    mode: str | None = option(metavar="MODE", panel=RANKING, setting="retrieve_mode", choices=MODES)
    weight: float | None = option(metavar="SHARE", panel=RANKING, setting="retrieve_weight")
    file_weight: float | None = option(
        metavar="WEIGHT", panel=RANKING, setting="retrieve_file_weight"
    )
    sparse_weight: float | None = option(
        metavar="WEIGHT", panel=RANKING, setting="retrieve_sparse_weight"
    )
    fusion: str | None = option(
        metavar="FUSION", panel=RANKING, setting="retrieve_fusion", choices=FUSIONS
    )
    candidates: int | None = option(
        "Passages that reranking and other steps choose from, at least `top_k`.",
        metavar="N",
        panel=RANKING,
        setting="retrieve_candidates",
        of_setting=lambda value: value or None,
        shown_default="50",
        minimum=1,
        maximum=MAX_TOP_K,
    )
    fallback: str | None = option(
        metavar="MODE", panel=RANKING, setting="fallback", choices=FALLBACKS
    )
    threshold: float | None = option(
        "Minimum cosine similarity, -1 to 1.",
        metavar="COSINE",
        panel=FILTERS,
        minimum=-1,
        maximum=1,
    )
    min_relevance: float | None = option(
        metavar="RELEVANCE", panel=FILTERS, setting="min_relevance"
    )
    keywords: Sequence[str] | None = option(
        "A passage must contain one of these; -WORD excludes passages with WORD.",
        "-w",
        "--keyword",
        metavar="WORD",
        panel=FILTERS,
        setting="retrieve_keywords",
        of_setting=listed,
    )
    where: Mapping[str, Any] | str | Sequence[str] | None = option(
        "Condition on metadata, such as 'year >= 2020 and team = support'.",
        metavar="CONDITION",
        panel=FILTERS,
    )
    files: str | Sequence[str] = option(
        "Path or name of the file, or a folder above it; one must match.",
        "--file",
        default=(),
        metavar="GLOB",
        panel=FILTERS,
    )
    since: str | None = option(
        "Only files modified since, such as 2024-05-31 or 7d.",
        metavar="WHEN",
        panel=FILTERS,
    )
    until: str | None = option(
        "Only files modified until, such as 2024-05-31 or 7d.",
        metavar="WHEN",
        panel=FILTERS,
    )
    rerank: str | None = option(metavar="NAME", panel=REFINING, setting="rerank", refines=True)
    rerank_depth: int | None = option(metavar="N", panel=REFINING, setting="rerank_depth")
    mmr: float | None = option(
        "Diversify hits (MMR): 1 is relevance only, 0 novelty only.",
        metavar="LAMBDA",
        panel=REFINING,
        minimum=0,
        maximum=1,
        refines=True,
    )
    max_per_file: int | None = option(
        "Maximum hits from one file.", metavar="N", panel=REFINING, minimum=1, refines=True
    )
    fold: bool = option(
        "Show near duplicates as one hit.",
        "--no-fold",
        default=True,
        panel=REFINING,
        off="Show near duplicates as separate hits.",
        refines=True,
    )
    context: int = option(
        "Show N chunks before and after each hit.",
        default=0,
        metavar="N",
        panel=REFINING,
        minimum=0,
        refines=True,
    )
    merge: bool = option(
        "Join adjacent hits into one passage.", default=False, panel=REFINING, refines=True
    )
    max_tokens: int | None = option(
        "Maximum tokens of all passages together.",
        metavar="N",
        panel=REFINING,
        minimum=1,
        refines=True,
    )

    @property
    def questions(self) -> tuple[str, ...]:
        """All questions that are asked at once."""
        more = (self.queries,) if isinstance(self.queries, str) else tuple(self.queries)
        return (self.query, *more) if self.query or not more else more

    @property
    def dataset_names(self) -> tuple[str, ...]:
        """The datasets that are named, be it one or several."""
        return (self.datasets,) if isinstance(self.datasets, str) else tuple(self.datasets or ())
