"""``knowledge ingest``."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.cli.options.common import StdinNameOption
from knowledge.cli.options.places import ServerOptions
from knowledge.cli.options.settings import IngestOptions
from knowledge.cli.options.sources import warn_of_passwords
from knowledge.cli.render.summary import one_line, problem_lines, report_lines
from knowledge.cli.session import Exit, Session
from knowledge.errors import SomeFilesFailedError, UsageError
from knowledge.records import documents as records
from knowledge.requests import IngestRequest, InlineText
from knowledge.text.escaping import flat

if TYPE_CHECKING:
    from knowledge.ingestion.request import FileListener
    from knowledge.model import IngestReport


def ingest(
    session: Session,
    *,
    request: IngestRequest,
    options: IngestOptions,
    server: ServerOptions,
    name: StdinNameOption = None,
) -> None:
    """Bring a dataset up to date with files and folders.

    Unchanged files cost nothing, a changed paragraph embeds one chunk, a failed file does not stop
    the others. Exit codes: 0 done, 4 some files failed, 5 the embedding provider failed, 6 locked.

    Example:  knowledge ingest ./docs -d handbook --prune

    Some files only:  knowledge ingest . --include '*.md' --exclude 'drafts/'

    From elsewhere:  knowledge ingest https://github.com/owner/repo@v1.2 https://a.org/b.pdf
    """
    from knowledge.cli.render.progress import progress_bar

    with session.open_or_connect(server, options) as kb:
        inline = _standard_input(name, asked="-" in request.sources)
        paths = [path for path in request.sources if path != "-"]
        warn_of_passwords(session, request.passwords)
        try:
            with progress_bar(session) as progress:
                report = kb.ingest(
                    replace(request, paths=paths, inline=inline),
                    progress=progress,
                    on_file=_teller(session),
                )
        except KeyboardInterrupt:
            session.note("finished files are stored; run again to continue")
            raise
    show_report(session, report)
    if report.failed:
        raise Exit(SomeFilesFailedError.exit_code)
    session.suggest(_next_command(report.dataset))


def show_report(session: Session, report: IngestReport) -> None:
    """Print what a run did: a JSON object, a summary for people, or lines for scripts."""
    if session.json:
        session.print_json(records.ingested(report))
        return
    from knowledge.cli.render.terminal import write

    show_problems(session, report)
    if not session.quiet:
        for text in report_lines(report):
            write(flat(text) + "\n")


def show_problems(session: Session, report: IngestReport) -> None:
    """Say on stderr which files had problems; failed ones even to who wants quiet."""
    lines = problem_lines(report, everything=session.verbose)
    if not lines:
        return
    from knowledge.cli.render.terminal import error_console

    console = error_console()
    for style, text in lines:
        if style == "red" or not session.quiet:
            console.print(text, style=style, markup=False, soft_wrap=True)
    if len(lines) < len(report.problems) and not session.quiet:
        named = "" if report.dataset == "default" else f" -d {shlex.quote(report.dataset)}"
        session.note(f"each of them: --verbose, or `knowledge list-files{named} --status empty`")


def _teller(session: Session) -> FileListener | None:
    if not session.verbose:
        return None
    return lambda file, status: session.note(f"{status}: {one_line(file)}")


def _standard_input(name: str | None, *, asked: bool) -> list[InlineText]:
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
