"""``knowledge retrieve``."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from knowledge.cli import options
from knowledge.cli.hits import show_hits
from knowledge.cli.pairs import text_pairs
from knowledge.cli.session import Session
from knowledge.errors import NotFoundError


def retrieve(
    session: Session,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="The question; - reads stdin.")],
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "-d",
            "--dataset",
            help="Dataset; may be repeated [KNOW_DATASET; default: default].",
            metavar="NAME",
        ),
    ] = None,
    top_k: options.TopKOption = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Least cosine similarity, -1 to 1.", metavar="COSINE"),
    ] = None,
    keyword: Annotated[
        list[str] | None,
        typer.Option(
            "-w",
            "--keyword",
            help="A passage must hold one of these; -WORD leaves passages with WORD out.",
            metavar="WORD",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Metadata the file must have.", metavar="NAME=VALUE"),
    ] = None,
    mode: Annotated[
        str, typer.Option("--mode", help="How passages are ranked: dense.", metavar="MODE")
    ] = "dense",
    full: options.FullOption = False,
    fail_empty: options.FailEmptyOption = False,
) -> None:
    """Print the passages that answer a question, best first, each with its citation.

    A query that begins with - goes after --. Exit codes: 0 also when nothing is found,
    3 unknown dataset, 5 the embedding provider failed.

    Example:  knowledge retrieve "How do I rotate the signing key?" -d handbook -k 3
    """
    from knowledge.retrieval.query import Query

    started = time.perf_counter()
    if query == "-":
        query = sys.stdin.read().strip()
    with session.open(top_k=top_k) as kb:
        asked = Query(
            query,
            tuple(dataset or [kb.settings["dataset"]]),
            kb.settings["top_k"],
            threshold,
            tuple(keyword or ()),
            text_pairs(where or [], "--where"),
            mode,
        )
        hits = kb.run_query(asked)
    show_hits(session, asked, hits, took=time.perf_counter() - started, full=full)
    if fail_empty and not hits:
        raise typer.Exit(NotFoundError.exit_code)
