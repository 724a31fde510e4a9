"""The progress bar: on a terminal only, on stderr."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from knowledge.cli.session import Session

if TYPE_CHECKING:
    from knowledge.ingestion.request import Progress

SETTLED = 3.0
"""Seconds until a rate, and the time that is left by it, are worth showing."""

_LOOK: Any = {
    "transient": True,
    "refresh_per_second": 8,
    # Rich would read what others print for colours and links, and show them.
    "redirect_stdout": False,
    "redirect_stderr": False,
}


@contextlib.contextmanager
def progress_bar(session: Session) -> Iterator[Callable[[Progress], None] | None]:
    """Yield a listener that draws bars for files and chunks; ``None`` where nobody looks."""
    if session.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    from knowledge.cli.render.bars import bars_on

    columns = (
        TextColumn("{task.description:<6}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with bars_on(columns, _LOOK) as bars:
        files = bars.add_task("files", total=None, pace="")
        chunks = bars.add_task("chunks", total=None, pace="")
        lock = threading.Lock()

        def listen(progress: Progress) -> None:
            with lock:
                for task, unit, done, total in (
                    (files, "files", progress.files_done, progress.files_total),
                    (chunks, "chunks", progress.chunks_done, progress.chunks_total),
                ):
                    # A total that still grows would promise a wrong end.
                    known = total if progress.scanned else None
                    seconds = bars.tasks[task].elapsed or 0.0
                    bars.update(
                        task, completed=done, total=known, pace=pace(done, known, seconds, unit)
                    )

        yield listen


def pace(done: int, total: int | None, seconds: float, unit: str) -> str:
    """Return how fast work goes since it began, and how long it will take at that rate.

    Nothing is said before there is something to say: of a moment, or of no work done.
    """
    if seconds < SETTLED or not done:
        return ""
    rate = done / seconds
    told = f"{rate:,.0f} {unit}/s" if rate >= 1 else f"{60 * rate:,.1f} {unit}/min"
    if total is None or total <= done:
        return told
    return f"{told}, {_span((total - done) / rate)} left"


def _span(seconds: float) -> str:
    """Return a guess of time, no finer than it is."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{seconds / 3_600:.1f} h"


@contextlib.contextmanager
def count_bar(session: Session, unit: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a listener to (done, total) that draws one bar; ``None`` where nobody looks."""
    if session.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    from knowledge.cli.render.bars import bars_on

    columns = (
        TextColumn(unit),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with bars_on(columns, _LOOK) as bars:
        task = bars.add_task(unit, total=None, pace="")

        def listen(done: int, total: int) -> None:
            seconds = bars.tasks[task].elapsed or 0.0
            bars.update(task, completed=done, total=total, pace=pace(done, total, seconds, unit))

        yield listen
