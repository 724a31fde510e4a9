"""``knowledge askdir``."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

from knowledge.cli.commands.documents.ingest import show_problems
from knowledge.cli.options.declared import Without
from knowledge.cli.options.flags import Flag
from knowledge.cli.options.hits import HitsOptions
from knowledge.cli.options.places import FlowOptions
from knowledge.cli.options.question import with_question
from knowledge.cli.options.settings import ModelOptions, ReadingOptions, WorkerOptions
from knowledge.cli.options.sources import warn_of_passwords
from knowledge.cli.render.hits import check_output, show_hits
from knowledge.cli.session import Exit, Session
from knowledge.errors import NotFoundError, SomeFilesFailedError
from knowledge.requests import IngestRequest, SearchRequest

_ELSEWHERE = ("paths", "dataset", "create", "prune", "force", "dry_run", "err_on_unsupported")


def askdir(
    session: Session,
    *,
    path: Annotated[
        str,
        Flag("-p", "--path", help="The folder, or a URL as for ingest.", metavar="DIR"),
    ] = ".",
    request: Annotated[SearchRequest, Without("datasets")],
    sources: Annotated[IngestRequest, Without(*_ELSEWHERE)],
    no_prune: Annotated[
        bool, Flag("--no-prune", help="Keep what no longer exists in the folder.")
    ] = False,
    workers: WorkerOptions,
    reading: ReadingOptions,
    model: ModelOptions,
    flows: FlowOptions,
    shown: HitsOptions,
) -> None:
    """Ask a folder: ingest what changed into a dataset of its own, then retrieve.

    Failed files are reported on stderr and make the exit code 4; the hits are printed anyway.

    Example:  knowledge askdir "What is the notice period?" -p ./contracts
    """
    from knowledge.cli.render.progress import progress_bar

    started = time.perf_counter()
    request = with_question(request)
    check_output(session, shown)
    warn_of_passwords(session, sources.passwords)
    with (
        session.open(workers, reading, model, flows) as kb,
        progress_bar(session) as progress,
    ):
        sources = replace(sources, prune=not no_prune)
        report, found = kb.ask_folder(request, path, sources=sources, progress=progress)
    show_problems(session, report)
    took = time.perf_counter() - started
    show_hits(session, found, shown, took=took)
    if report.failed:
        raise Exit(SomeFilesFailedError.exit_code)
    if shown.fail_empty and not found:
        raise Exit(NotFoundError.exit_code)
