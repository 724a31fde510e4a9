"""``knowledge askdir``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from knowledge.cli import options
from knowledge.cli.hits import show_hits
from knowledge.cli.ingest import show_problems, walk_options
from knowledge.cli.pairs import metadata_pairs
from knowledge.cli.session import Session
from knowledge.errors import NotFoundError, SomeFilesFailedError, UsageError


def askdir(
    session: Session,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="The question; - reads stdin.")],
    path: Annotated[str, typer.Option("-p", "--path", help="The folder.", metavar="DIR")] = ".",
    top_k: options.TopKOption = None,
    no_prune: Annotated[
        bool, typer.Option("--no-prune", help="Keep what is gone from the folder.")
    ] = False,
    metadata: options.MetadataOption = None,
    no_recursive: options.NoRecursiveOption = False,
    ignore_file: options.IgnoreFileOption = None,
    ignore_extensions: options.IgnoreExtensionsOption = None,
    include_hidden: options.IncludeHiddenOption = False,
    concurrency: options.ConcurrencyOption = None,
    embedding_model_provider: options.ProviderOption = None,
    full: options.FullOption = False,
    fail_empty: options.FailEmptyOption = False,
) -> None:
    """Ask a folder: ingest what changed into a dataset of its own, then retrieve.

    Failed files are told on stderr and make the exit code 4; the hits are printed all the same.

    Example:  knowledge askdir "What is the notice period?" -p ./contracts
    """
    from knowledge.cli.progress import progress_bar
    from knowledge.ingestion.request import IngestRequest
    from knowledge.retrieval.query import Query

    started = time.perf_counter()
    if query == "-":
        query = sys.stdin.read().strip()
    with session.open(
        top_k=top_k,
        no_recursive=no_recursive or None,
        ignore_file=None if ignore_file is None else str(ignore_file),
        ignore_extensions=ignore_extensions,
        include_hidden=include_hidden or None,
        concurrency=concurrency,
        embedding_model_provider=embedding_model_provider,
    ) as kb:
        if not path or not Path(path).is_dir():
            raise UsageError(f"--path: {path!r} is not a folder")
        folder = Path(path).resolve()  # one folder by several names is one folder
        name = kb.folder_dataset(folder)
        asked = Query(query, (name,), kb.settings["top_k"])
        request = IngestRequest(
            [folder],
            prune=not no_prune,
            metadata=metadata_pairs(metadata or [], "--metadata"),
            **walk_options(kb.settings, [folder]),
        )
        with progress_bar(session) as progress:
            report = kb.run_ingest(request, name, progress=progress)
        hits = kb.run_query(asked)
    show_problems(session, report)
    show_hits(session, asked, hits, took=time.perf_counter() - started, full=full)
    if report.failed:
        raise typer.Exit(SomeFilesFailedError.exit_code)
    if fail_empty and not hits:
        raise typer.Exit(NotFoundError.exit_code)
