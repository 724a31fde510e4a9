"""``knowledge ingest``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowledge.cli.options import common as options
from knowledge.cli.options import embedding as embedding
from knowledge.cli.options import sources as source
from knowledge.cli.options.pairs import metadata_pairs
from knowledge.cli.render.cleaning import flat
from knowledge.cli.render.summary import one_line, problem_lines, report_lines
from knowledge.cli.session import Session
from knowledge.errors import SomeFilesFailedError, UsageError

if TYPE_CHECKING:
    from knowledge.ingestion.request import FileListener, InlineText
    from knowledge.model import IngestReport
    from knowledge.settings.reading import Settings


def ingest(
    session: Session,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Files, folders, URLs, Git repositories; - is stdin."
        ),
    ],
    dataset: options.DatasetOption = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the document on stdin.", metavar="NAME"),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="Remove from the dataset what no longer exists in the folders."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Read, split and store every file again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; write and send nothing.")
    ] = False,
    metadata: options.MetadataOption = None,
    no_recursive: options.NoRecursiveOption = False,
    no_create_dataset: Annotated[
        bool, typer.Option("--no-create-dataset", help="Fail when the dataset does not exist.")
    ] = False,
    ignore_file: options.IgnoreFileOption = None,
    ignore_extensions: options.IgnoreExtensionsOption = None,
    include_hidden: options.IncludeHiddenOption = False,
    include: source.IncludeOption = None,
    exclude: source.ExcludeOption = None,
    gitignore: source.GitignoreOption = None,
    follow_links: source.FollowLinksOption = None,
    err_on_unsupported_file: options.ErrOnUnsupportedOption = False,
    chunk_size: options.ChunkSizeOption = None,
    chunk_overlap: options.ChunkOverlapOption = None,
    concurrency: options.ConcurrencyOption = None,
    file_timeout: options.FileTimeoutOption = None,
    file_memory: options.FileMemoryOption = None,
    loader: source.LoaderOption = None,
    html: source.HtmlOption = None,
    ocr: source.OcrOption = None,
    password: source.PasswordOption = None,
    allow_private_hosts: source.AllowPrivateHostsOption = False,
    flows_file: options.FlowsFileOption = None,
    flow: options.FlowOption = None,
    embedding_model_provider: options.ProviderOption = None,
    query_instruction: embedding.QueryInstructionOption = None,
    document_instruction: embedding.DocumentInstructionOption = None,
    rpm: embedding.RpmOption = None,
    tpm: embedding.TpmOption = None,
    no_cache: embedding.NoCacheOption = False,
    lock_timeout: options.LockTimeoutOption = None,
) -> None:
    """Bring a dataset up to date with files and folders.

    Unchanged files cost nothing, a changed paragraph embeds one chunk, a failed file does not stop
    the others. Exit codes: 0 done, 4 some files failed, 5 the embedding provider failed, 6 locked.

    Example:  knowledge ingest ./docs -d handbook --prune

    Some files only:  knowledge ingest . --include '*.md' --exclude 'drafts/'

    From elsewhere:  knowledge ingest https://github.com/owner/repo@v1.2 https://a.org/b.pdf
    """
    from knowledge.cli.render.progress import progress_bar
    from knowledge.ingestion.request import IngestRequest

    flags = embedding.embedding_flags(
        query_instruction=query_instruction,
        document_instruction=document_instruction,
        rpm=rpm,
        tpm=tpm,
        no_cache=no_cache,
    )
    with session.open(
        dataset=dataset,
        prune=prune or None,
        no_recursive=no_recursive or None,
        no_create_dataset=no_create_dataset or None,
        ignore_file=None if ignore_file is None else str(ignore_file),
        ignore_extensions=ignore_extensions,
        include_hidden=include_hidden or None,
        err_on_unsupported_file=err_on_unsupported_file or None,
        chunk_size=chunk_size,
        chunk_overlap=chunk_overlap,
        concurrency=concurrency,
        file_timeout=file_timeout,
        file_memory=file_memory,
        embedding_model_provider=embedding_model_provider,
        flows_file=flows_file,
        flow=flow,
        lock_timeout=lock_timeout,
        **source.source_flags(
            gitignore=gitignore,
            follow_links=follow_links,
            loader=loader,
            html=html,
            ocr=ocr,
            allow_private_hosts=allow_private_hosts,
        ),
        **flags,
    ) as kb:
        if not all(paths):
            raise UsageError("a PATH is empty", hint="Is a variable not set? . is this folder.")
        sources = [path for path in paths if path != "-"]
        request = IngestRequest.of(
            sources,
            inline=_standard_input(name, asked="-" in paths),
            prune=kb.settings["prune"],
            force=force,
            dry_run=dry_run,
            metadata=metadata_pairs(metadata or [], "--metadata"),
            passwords=source.given_passwords(session, password),
            **walk_options(kb.settings, sources, include, exclude),
        )
        try:
            with progress_bar(session) as progress:
                report = kb.run_ingest(
                    request,
                    kb.settings["dataset"],
                    create=not kb.settings["no_create_dataset"],
                    progress=progress,
                    on_file=_teller(session),
                )
        except KeyboardInterrupt:
            session.note("finished files are stored; run again to continue")
            raise
    show_report(session, report)
    if report.failed:
        raise typer.Exit(SomeFilesFailedError.exit_code)
    session.suggest(_next_command(report.dataset))


def walk_options(
    settings: Settings,
    sources: Sequence[str],
    include: Sequence[str] | None,
    exclude: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the fields of a request that say how folders are walked."""
    from knowledge.ingestion.scan.ignore import IgnoreOptions
    from knowledge.ingestion.sources.addresses import is_page

    listed = settings["ignore_extensions"].replace(",", " ").split()
    only_file = len(sources) == 1 and (Path(sources[0]).is_file() or is_page(sources[0]))
    return {
        "recursive": not settings["no_recursive"],
        "ignore": IgnoreOptions(
            files=[Path(settings["ignore_file"])] if settings["ignore_file"] else [],
            extensions=listed,
            include_hidden=settings["include_hidden"],
            gitignore={"on": True, "off": False}.get(settings["gitignore"]),
            include=tuple(include or ()),
            exclude=tuple(exclude or ()),
            follow_links=settings["follow_links"],
        ),
        # Who names one file wants that file.
        "err_on_unsupported": settings["err_on_unsupported_file"] or only_file,
    }


def show_report(session: Session, report: IngestReport) -> None:
    """Print what a run did: a JSON object, a summary for people, or lines for scripts."""
    from knowledge.cli.render.records import report_record

    if session.json:
        session.print_json("knowledge.ingest/1", report_record(report))
        return
    from knowledge.cli.render.terminal import write

    if not session.quiet:
        for text in report_lines(report):
            write(flat(text) + "\n")
    show_problems(session, report)


def show_problems(session: Session, report: IngestReport) -> None:
    """Say on stderr which files had problems; failed ones even to who wants quiet."""
    from knowledge.cli.render.terminal import error_console

    console = error_console()
    for style, text in problem_lines(report):
        if style == "red" or not session.quiet:
            console.print(text, style=style, markup=False, soft_wrap=True)


def _teller(session: Session) -> FileListener | None:
    if not session.verbose:
        return None
    return lambda file, status: session.note(f"{status}: {one_line(file)}")


def _standard_input(name: str | None, *, asked: bool) -> list[InlineText]:
    from knowledge.ingestion.request import InlineText

    if not asked:
        if name is not None:
            raise UsageError("--name goes with - (standard input)")
        return []
    if not name:
        raise UsageError(
            "standard input needs a --name", hint="Example: knowledge ingest - --name notes.md"
        )
    return [InlineText(name, sys.stdin.buffer.read())]


def _next_command(dataset: str) -> str:
    flag = "" if dataset == "default" else f' -d "{dataset}"'
    return f'knowledge retrieve{flag} "your question"'
