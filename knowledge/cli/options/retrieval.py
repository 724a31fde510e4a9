"""Options of the commands that retrieve."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

RANKING = "Ranking"
REFINING = "What is done with hits"
FILTERS = "Filters"

ModeOption = Annotated[
    str | None,
    typer.Option(
        "--mode",
        help="dense, keyword, hybrid or auto [KNOW_RETRIEVE_MODE; default: auto].",
        metavar="MODE",
        rich_help_panel=RANKING,
    ),
]
WeightOption = Annotated[
    float | None,
    typer.Option(
        "--weight",
        help="Share of dense search in hybrid, 0 to 1 [KNOW_RETRIEVE_WEIGHT; default: 0.35].",
        metavar="SHARE",
        rich_help_panel=RANKING,
    ),
]
FusionOption = Annotated[
    str | None,
    typer.Option(
        "--fusion",
        help="weighted or rrf [KNOW_RETRIEVE_FUSION; default: weighted].",
        metavar="FUSION",
        rich_help_panel=RANKING,
    ),
]
CandidatesOption = Annotated[
    int | None,
    typer.Option(
        "--candidates",
        help="Passages from each search of hybrid [KNOW_RETRIEVE_CANDIDATES; default: 5 per hit, "
        "at least 50].",
        metavar="N",
        rich_help_panel=RANKING,
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        help="Minimum cosine similarity, -1 to 1.",
        metavar="COSINE",
        rich_help_panel=FILTERS,
    ),
]
KeywordOption = Annotated[
    list[str] | None,
    typer.Option(
        "-w",
        "--keyword",
        help="A passage must contain one of these; -WORD excludes passages with WORD.",
        metavar="WORD",
        rich_help_panel=FILTERS,
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="Condition on metadata, such as 'year >= 2020 and team = support'.",
        metavar="CONDITION",
        rich_help_panel=FILTERS,
    ),
]
FileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        help="Path or name of the file, or a folder above it; one must match.",
        metavar="GLOB",
        rich_help_panel=FILTERS,
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="Only files modified since, such as 2024-05-31 or 7d.",
        metavar="WHEN",
        rich_help_panel=FILTERS,
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until",
        help="Only files modified until, such as 2024-05-31 or 7d.",
        metavar="WHEN",
        rich_help_panel=FILTERS,
    ),
]
RerankOption = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        help="Rerank the candidates: bm25, cohere, jina, voyage, cross-encoder, each optionally "
        "with :MODEL, or a server's address [KNOW_RERANK].",
        metavar="NAME",
        rich_help_panel=REFINING,
    ),
]
MmrOption = Annotated[
    float | None,
    typer.Option(
        "--mmr",
        help="Diversify hits (MMR): 1 is relevance only, 0 novelty only.",
        metavar="LAMBDA",
        rich_help_panel=REFINING,
    ),
]
MaxPerFileOption = Annotated[
    int | None,
    typer.Option(
        "--max-per-file", help="Maximum hits from one file.", metavar="N", rich_help_panel=REFINING
    ),
]
NoFoldOption = Annotated[
    bool,
    typer.Option(
        "--no-fold",
        help="Show near duplicates as separate hits.",
        rich_help_panel=REFINING,
    ),
]
ContextOption = Annotated[
    int,
    typer.Option(
        "--context",
        help="Show N chunks before and after each hit.",
        metavar="N",
        rich_help_panel=REFINING,
    ),
]
MergeOption = Annotated[
    bool,
    typer.Option("--merge", help="Join adjacent hits into one passage.", rich_help_panel=REFINING),
]
MaxTokensOption = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        help="Maximum tokens of all passages together.",
        metavar="N",
        rich_help_panel=REFINING,
    ),
]
OutputOption = Annotated[
    str,
    typer.Option(
        "--output",
        help="text, json, jsonl, markdown, xml, files or csv.",
        metavar="FORMAT",
    ),
]
ExplainOption = Annotated[bool, typer.Option("--explain", help="Explain each hit's score.")]


def question(given: str) -> str:
    """Return the question of a command, from stdin where ``-`` is given.

    Raises
    ------
    UsageError
        It is empty, or too long; no more of stdin is read than tells so.
    """
    from knowledge.retrieval.query import MAX_QUESTION, check_question

    text = sys.stdin.read(2 * MAX_QUESTION).strip() if given == "-" else given
    check_question(text)
    return text
