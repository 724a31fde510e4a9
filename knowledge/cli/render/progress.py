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


_LOOK: Any = {
    "transient": True,
    "refresh_per_second": 8,
    # Rich would read what others print for colours and links, and show them.
    "redirect_stdout": False,
    "redirect_stderr": False,
}


@contextlib.contextmanager
def progress_bar(session: Session) -> Iterator[Callable[[Progress], None] | None]:
    """Give a listener that draws bars for files and chunks; ``None`` where nobody looks."""
    if session.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    from knowledge.cli.render.terminal import error_console

    columns = (
        TextColumn("{task.description:<6}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, **_LOOK, console=error_console()) as bars:
        files = bars.add_task("files", total=None, rate="")
        chunks = bars.add_task("chunks", total=None, rate="")
        lock = threading.Lock()

        def listen(progress: Progress) -> None:
            with lock:
                totals = {files: progress.files_total, chunks: progress.chunks_total}
                done = {files: progress.files_done, chunks: progress.chunks_done}
                for task, unit in ((files, "files"), (chunks, "chunks")):
                    speed = bars.tasks[task].speed
                    bars.update(
                        task,
                        completed=done[task],
                        # A total that still grows would promise a wrong end.
                        total=totals[task] if progress.scanned else None,
                        rate=f"{speed:,.0f} {unit}/s" if speed else "",
                    )

        yield listen


@contextlib.contextmanager
def count_bar(session: Session, unit: str) -> Iterator[Callable[[int, int], None] | None]:
    """Give a listener to (done, total) that draws one bar; ``None`` where nobody looks."""
    if session.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from knowledge.cli.render.terminal import error_console

    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, **_LOOK, console=error_console()) as bars:
        task = bars.add_task(unit, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
