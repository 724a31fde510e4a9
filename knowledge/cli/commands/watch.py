"""``knowledge watch``."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Annotated, cast

import typer

from knowledge.cli.commands.ingest import show_problems, walk_options
from knowledge.cli.options import common as options
from knowledge.cli.options import embedding as embedding
from knowledge.cli.options import sources as source
from knowledge.cli.options.pairs import metadata_pairs
from knowledge.cli.render.cleaning import flat
from knowledge.cli.render.summary import report_lines
from knowledge.cli.session import Session
from knowledge.errors import SomeFilesFailedError, UsageError
from knowledge.text.wording import brief

if TYPE_CHECKING:
    from knowledge.ingestion.watch.events import WatchEvent

_SPAN = re.compile(r"(\d{1,9}(?:\.\d+)?)\s*([smhd]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 365 * 86_400


def watch(
    session: Session,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Files, folders, URLs, Git repositories."),
    ],
    dataset: options.DatasetOption = None,
    once: Annotated[bool, typer.Option("--once", help="Check everything once, then end.")] = False,
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            help="Check everything at this interval, such as 10m, instead of waiting for "
            "change notifications.",
            metavar="TIME",
        ),
    ] = None,
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
    """Keep a dataset up to date: ingest each change of its files as it happens.

    What is deleted from the folders is removed from the dataset. A burst of changes is one line
    of output, and with --json one object. --once and --every are for timers and CI.

    A failing provider or a locked dataset delays it, and it tries again. Ctrl-C ends it with exit
    code 130, SIGTERM with 143.

    Example:  knowledge watch ./docs -d handbook

    At intervals:  knowledge watch ./docs https://github.com/owner/repo --every 10m

    With your own timer:  knowledge watch ./docs --once
    """
    from knowledge.cli.render.progress import progress_bar
    from knowledge.ingestion.request import IngestRequest

    seconds = None if every is None else seconds_of(every)
    if once and every is not None:
        raise UsageError("--once and --every exclude each other")
    if "-" in paths or not all(paths):
        raise UsageError("a PATH is a file, a folder or a URL; standard input cannot be watched")
    with session.open(
        dataset=dataset,
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
        **embedding.embedding_flags(
            query_instruction=query_instruction,
            document_instruction=document_instruction,
            rpm=rpm,
            tpm=tpm,
            no_cache=no_cache,
        ),
    ) as kb:
        request = IngestRequest.of(
            paths,
            metadata=metadata_pairs(metadata or [], "--metadata"),
            passwords=source.given_passwords(session, password),
            **walk_options(kb.settings, paths, include, exclude),
        )
        failed = False
        with contextlib.ExitStack() as bar:
            events = kb.run_watch(
                request,
                kb.settings["dataset"],
                create=not kb.settings["no_create_dataset"],
                every=seconds,
                once=once,
                progress=bar.enter_context(progress_bar(session)),
            )
            # Closed here, so that listening ends before anything else does.
            with contextlib.closing(cast("Generator[WatchEvent]", events)):
                for event in events:
                    bar.close()  # bursts are over too fast for a bar
                    show_event(session, event, kb.settings["dataset"])
                    failed = event.report is not None and event.report.failed
    if once and failed:
        raise typer.Exit(SomeFilesFailedError.exit_code)


def seconds_of(text: str) -> float:
    """Return a span of time such as ``90``, ``30s``, ``10m``, ``2h`` or ``1d`` in seconds.

    Raises
    ------
    UsageError
        It is none, shorter than a second, or longer than a year.
    """
    span = _SPAN.fullmatch(text.strip())
    seconds = float(span[1]) * _SECONDS[span[2].lower()] if span else 0.0
    if not 1 <= seconds <= _LONGEST:
        raise UsageError(f"--every takes a time such as 30s, 10m or 365d, not {brief(text)}")
    return seconds


def show_event(session: Session, event: WatchEvent, dataset: str) -> None:
    """Print what happened: a JSON object on a line, or a line for people."""
    if session.json:
        from knowledge.cli.render.records import watch_record

        session.print_json("knowledge.watch/1", watch_record(event, dataset))
    else:
        _tell(session, event)
    sys.stdout.flush()  # whoever reads us waits for each line


def _tell(session: Session, event: WatchEvent) -> None:
    from knowledge.cli.errors import show_error
    from knowledge.cli.render.terminal import write

    if event.report is not None:
        if not session.quiet:
            when = event.at.astimezone().strftime("%H:%M:%S")
            write(flat(f"{when} {'; '.join(report_lines(event.report))}") + "\n")
        show_problems(session, event.report)
    elif event.error is not None:
        show_error(event.error, json=False)
        session.note(f"trying again in {event.retry_seconds:g} s")
    else:
        session.note(_NOTES[event.kind.value].format(path=event.path))


_NOTES = {
    "ready": "watching; Ctrl-C ends it",
    "vanished": "{path} is gone; what the dataset holds of it stays, until it is back",
    "returned": "{path} is there again",
}
