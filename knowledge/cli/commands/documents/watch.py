"""``knowledge watch``."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, cast

from knowledge.cli.commands.documents.ingest import show_problems
from knowledge.cli.options.flags import Flag
from knowledge.cli.options.settings import IngestOptions
from knowledge.cli.options.sources import warn_of_passwords
from knowledge.cli.render.summary import report_lines
from knowledge.cli.session import Exit, Session
from knowledge.cli.spelling import spell
from knowledge.errors import SomeFilesFailedError, UsageError
from knowledge.records import documents as records
from knowledge.requests import WatchRequest
from knowledge.text.escaping import flat
from knowledge.text.wording import brief

if TYPE_CHECKING:
    from knowledge.ingestion.watch.events import WatchEvent

_SPAN = re.compile(r"(\d{1,9}(?:\.\d+)?)\s*([smhd]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 365 * 86_400


def watch(
    session: Session,
    *,
    request: WatchRequest,
    options: IngestOptions,
    every: Annotated[
        str | None,
        Flag(
            "--every",
            help="Check everything at this interval, such as 10m, instead of waiting for "
            "change notifications.",
            metavar="TIME",
        ),
    ] = None,
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

    request = replace(request, every=None if every is None else seconds_of(every))
    if "-" in request.sources or not all(request.sources):
        raise UsageError("a PATH is a file, a folder or a URL; standard input cannot be watched")
    warn_of_passwords(session, request.passwords)
    with session.open(options) as kb:
        dataset = str(request.resolved(kb.settings).dataset)
        failed = False
        with contextlib.ExitStack() as bar:
            events = kb.watch(request, progress=bar.enter_context(progress_bar(session)))
            # Closed here, so that listening ends before anything else does.
            with contextlib.closing(cast("Generator[WatchEvent]", events)):
                for event in events:
                    bar.close()  # bursts are over too fast for a bar
                    show_event(session, event, dataset)
                    failed = event.report is not None and event.report.failed
    if request.once and failed:
        raise Exit(SomeFilesFailedError.exit_code)


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
    if event.error is not None:
        spell(event.error)
    if session.json:
        session.print_json(records.watched(event, dataset))
    else:
        _tell(session, event)
    sys.stdout.flush()  # whoever reads us waits for each line


def _tell(session: Session, event: WatchEvent) -> None:
    from knowledge.cli.errors import show_error
    from knowledge.cli.render.terminal import write

    if event.report is not None:
        show_problems(session, event.report)
        if not session.quiet:
            when = event.at.astimezone().strftime("%H:%M:%S")
            write(flat(f"{when} {'; '.join(report_lines(event.report))}") + "\n")
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
