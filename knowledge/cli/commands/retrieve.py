"""``knowledge retrieve``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from knowledge.cli.options import common as options
from knowledge.cli.options import retrieval as retrieval_options
from knowledge.cli.options.dataset_names import named_datasets
from knowledge.cli.render.hits import check_output, show_hits
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
    mode: retrieval_options.ModeOption = None,
    weight: retrieval_options.WeightOption = None,
    fusion: retrieval_options.FusionOption = None,
    candidates: retrieval_options.CandidatesOption = None,
    threshold: retrieval_options.ThresholdOption = None,
    keyword: retrieval_options.KeywordOption = None,
    where: retrieval_options.WhereOption = None,
    file: retrieval_options.FileOption = None,
    since: retrieval_options.SinceOption = None,
    until: retrieval_options.UntilOption = None,
    rerank: retrieval_options.RerankOption = None,
    mmr: retrieval_options.MmrOption = None,
    max_per_file: retrieval_options.MaxPerFileOption = None,
    no_fold: retrieval_options.NoFoldOption = False,
    context: retrieval_options.ContextOption = 0,
    merge: retrieval_options.MergeOption = False,
    max_tokens: retrieval_options.MaxTokensOption = None,
    output: retrieval_options.OutputOption = "text",
    explain: retrieval_options.ExplainOption = False,
    archive: options.ArchiveOption = None,
    flows_file: options.FlowsFileOption = None,
    flow: options.FlowOption = None,
    full: options.FullOption = False,
    fail_empty: options.FailEmptyOption = False,
) -> None:
    """Print the passages that answer a question, best first, each with its citation.

    A query that begins with - goes after --. Exit codes: 0 also when nothing is found,
    3 unknown dataset, 5 the embedding provider failed.

    Example:  knowledge retrieve "How do I rotate the signing key?" -d handbook --file '*.md'
    """
    from knowledge.flows.answer import Overrides
    from knowledge.retrieval.refine.refinement import Refinement

    started = time.perf_counter()
    query = retrieval_options.question(query)
    check_output(session, output)
    with session.open(archive, top_k=top_k, rerank=rerank, flows_file=flows_file, flow=flow) as kb:
        asked = kb.query(
            query,
            named_datasets(kb, dataset),
            mode=mode,
            weight=weight,
            fusion=fusion,
            candidates=candidates,
            threshold=threshold,
            keywords=keyword or (),
            where=where,
            files=file or (),
            since=since,
            until=until,
        )
        refinement = Refinement(
            not no_fold,
            kb.settings["rerank"],
            mmr,
            max_per_file,
            context,
            merge,
            max_tokens,
        )
        overrides = Overrides(top_k, mode, bool(dataset))
        answer = kb.run_by_flow(asked, refinement, overrides)
        asked, hits = answer.query, answer.hits
    took = time.perf_counter() - started
    show_hits(
        session,
        asked,
        hits,
        took=took,
        full=full,
        output=output,
        explained=explain,
        answer=answer,
        max_tokens=max_tokens,
    )
    if fail_empty and not hits:
        raise typer.Exit(NotFoundError.exit_code)
