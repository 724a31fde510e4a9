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
        help="Dense side's share in hybrid, 0 to 1 [KNOW_RETRIEVE_WEIGHT; default: 0.35].",
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
        help="Passages from each side of hybrid [KNOW_RETRIEVE_CANDIDATES; default: 5 a hit, "
        "at least 50].",
        metavar="N",
        rich_help_panel=RANKING,
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        help="Least cosine similarity, -1 to 1.",
        metavar="COSINE",
        rich_help_panel=FILTERS,
    ),
]
KeywordOption = Annotated[
    list[str] | None,
    typer.Option(
        "-w",
        "--keyword",
        help="A passage must hold one of these; -WORD leaves passages with WORD out.",
        metavar="WORD",
        rich_help_panel=FILTERS,
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="What metadata must be, such as 'year >= 2020 and team = support'.",
        metavar="CONDITION",
        rich_help_panel=FILTERS,
    ),
]
FileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        help="File's path or name, or a folder above it; one of these must match.",
        metavar="GLOB",
        rich_help_panel=FILTERS,
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="Files modified since, such as 2024-05-31 or 7d.",
        metavar="WHEN",
        rich_help_panel=FILTERS,
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until",
        help="Files modified until, such as 2024-05-31 or 7d.",
        metavar="WHEN",
        rich_help_panel=FILTERS,
    ),
]
RerankOption = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        help="Score the candidates anew: bm25, cohere, jina, voyage, cross-encoder, each perhaps "
        "with :MODEL, or a server's address [KNOW_RERANK].",
        metavar="NAME",
        rich_help_panel=REFINING,
    ),
]
MmrOption = Annotated[
    float | None,
    typer.Option(
        "--mmr",
        help="Spread hits over what they say: 1 is relevance alone, 0 novelty alone.",
        metavar="LAMBDA",
        rich_help_panel=REFINING,
    ),
]
MaxPerFileOption = Annotated[
    int | None,
    typer.Option(
        "--max-per-file", help="Most hits of one file.", metavar="N", rich_help_panel=REFINING
    ),
]
NoFoldOption = Annotated[
    bool,
    typer.Option(
        "--no-fold",
        help="Show near duplicates as hits of their own.",
        rich_help_panel=REFINING,
    ),
]
ContextOption = Annotated[
    int,
    typer.Option(
        "--context",
        help="Show so many chunks before and after each hit.",
        metavar="N",
        rich_help_panel=REFINING,
    ),
]
MergeOption = Annotated[
    bool,
    typer.Option(
        "--merge", help="Join hits that touch into one passage.", rich_help_panel=REFINING
    ),
]
MaxTokensOption = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        help="Most tokens of all passages together.",
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
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Say how each hit's score came about.")
]


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
