"""``knowledge askdir``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from knowledge.cli.commands.ingest import show_problems, walk_options
from knowledge.cli.options import common as options
from knowledge.cli.options import retrieval as retrieval_options
from knowledge.cli.options import sources as source
from knowledge.cli.options.pairs import metadata_pairs
from knowledge.cli.render.hits import check_output, show_hits
from knowledge.cli.session import Session
from knowledge.errors import NotFoundError, SomeFilesFailedError, UsageError


def askdir(
    session: Session,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="The question; - reads stdin.")],
    path: Annotated[
        str,
        typer.Option("-p", "--path", help="The folder, or a URL as for ingest.", metavar="DIR"),
    ] = ".",
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
    no_prune: Annotated[
        bool, typer.Option("--no-prune", help="Keep what no longer exists in the folder.")
    ] = False,
    metadata: options.MetadataOption = None,
    no_recursive: options.NoRecursiveOption = False,
    ignore_file: options.IgnoreFileOption = None,
    ignore_extensions: options.IgnoreExtensionsOption = None,
    include_hidden: options.IncludeHiddenOption = False,
    include: source.IncludeOption = None,
    exclude: source.ExcludeOption = None,
    gitignore: source.GitignoreOption = None,
    follow_links: source.FollowLinksOption = None,
    concurrency: options.ConcurrencyOption = None,
    file_timeout: options.FileTimeoutOption = None,
    file_memory: options.FileMemoryOption = None,
    loader: source.LoaderOption = None,
    html: source.HtmlOption = None,
    ocr: source.OcrOption = None,
    password: source.PasswordOption = None,
    allow_private_hosts: source.AllowPrivateHostsOption = False,
    embedding_model_provider: options.ProviderOption = None,
    flows_file: options.FlowsFileOption = None,
    flow: options.FlowOption = None,
    rerank: retrieval_options.RerankOption = None,
    mmr: retrieval_options.MmrOption = None,
    max_per_file: retrieval_options.MaxPerFileOption = None,
    no_fold: retrieval_options.NoFoldOption = False,
    context: retrieval_options.ContextOption = 0,
    merge: retrieval_options.MergeOption = False,
    max_tokens: retrieval_options.MaxTokensOption = None,
    output: retrieval_options.OutputOption = "text",
    explain: retrieval_options.ExplainOption = False,
    full: options.FullOption = False,
    fail_empty: options.FailEmptyOption = False,
) -> None:
    """Ask a folder: ingest what changed into a dataset of its own, then retrieve.

    Failed files are reported on stderr and make the exit code 4; the hits are printed anyway.

    Example:  knowledge askdir "What is the notice period?" -p ./contracts
    """
    from knowledge.cli.render.progress import progress_bar
    from knowledge.flows.answer import Overrides
    from knowledge.ingestion.request import IngestRequest
    from knowledge.retrieval.refine.refinement import Refinement

    started = time.perf_counter()
    query = retrieval_options.question(query)
    check_output(session, output)
    with session.open(
        top_k=top_k,
        rerank=rerank,
        flows_file=flows_file,
        flow=flow,
        no_recursive=no_recursive or None,
        ignore_file=None if ignore_file is None else str(ignore_file),
        ignore_extensions=ignore_extensions,
        include_hidden=include_hidden or None,
        concurrency=concurrency,
        file_timeout=file_timeout,
        file_memory=file_memory,
        embedding_model_provider=embedding_model_provider,
        **source.source_flags(
            gitignore=gitignore,
            follow_links=follow_links,
            loader=loader,
            html=html,
            ocr=ocr,
            allow_private_hosts=allow_private_hosts,
        ),
    ) as kb:
        if not path:
            raise UsageError("--path is empty", hint="Is a variable not set? . is this folder.")
        folder = kb.folder_source(path)
        name = kb.folder_dataset(path)
        asked = kb.query(
            query,
            name,
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
        request = IngestRequest.of(
            [folder],
            prune=not no_prune,
            metadata=metadata_pairs(metadata or [], "--metadata"),
            passwords=source.given_passwords(session, password),
            **walk_options(kb.settings, [folder], include, exclude),
        )
        with progress_bar(session) as progress:
            report = kb.run_ingest(request, name, progress=progress)
        refinement = Refinement(
            not no_fold,
            kb.settings["rerank"],
            mmr,
            max_per_file,
            context,
            merge,
            max_tokens,
        )
        answer = kb.run_by_flow(asked, refinement, Overrides(top_k, mode, datasets=True))
        asked, hits = answer.query, answer.hits
    show_problems(session, report)
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
    if report.failed:
        raise typer.Exit(SomeFilesFailedError.exit_code)
    if fail_empty and not hits:
        raise typer.Exit(NotFoundError.exit_code)
