"""Hits for people, for scripts and for programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from knowledge.cli.records import hit_record
from knowledge.cli.session import Session
from knowledge.cli.summary import one_line
from knowledge.cli.terminal import output_console, write
from knowledge.model import Hit
from knowledge.retrieval.query import Query

LINES_ON_TERMINAL = 8


def show_hits(
    session: Session, query: Query, hits: Sequence[Hit], *, took: float, full: bool
) -> None:
    """Print hits: one JSON object, coloured blocks on a terminal, or plain blocks.

    Parameters
    ----------
    took:
        Seconds.
    full:
        Show passages whole on a terminal too.
    """
    if session.json:
        session.print_json(
            "knowledge.retrieve/1",
            {
                "query": query.text,
                "datasets": list(query.datasets),
                "mode": query.mode,
                "top_k": query.top_k,
                "hits": [hit_record(hit) for hit in hits],
                "took_ms": round(took * 1000),
            },
        )
    elif session.on_terminal:
        for hit in hits:
            _show_on_terminal(hit, full=full)
    else:
        for hit in hits:
            write(_block(hit))
    if not hits:
        session.note("no hits")


def _block(hit: Hit) -> str:
    lines = [f"[{hit.rank}] {hit.score:.4f} {one_line(hit.citation)}"]
    if heading := _heading(hit):
        lines.append("# " + heading)
    return "\n".join([*lines, hit.text.strip("\n"), "", ""])


def _heading(hit: Hit) -> str:
    """Return the heading path, without the heading that the passage itself begins with."""
    path = hit.chunk.passage.heading
    first = hit.text.lstrip().partition("\n")[0].strip("# ")
    return " > ".join(path[:-1] if path and path[-1] == first else path)


def _show_on_terminal(hit: Hit, *, full: bool) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console = output_console()
    citation = hit.citation
    here = os.getcwd() + os.sep  # noqa: PTH109
    shown = one_line(citation.removeprefix(here))
    head = Text.assemble((f"{hit.rank:>2}", "bold"), "  ", (f"{hit.score:.3f}", "green"), "  ")
    link = f" link {Path(hit.file).as_uri()}" if Path(hit.file).is_absolute() else ""
    head.append(shown, style="bold cyan" + link)
    console.print(head, soft_wrap=True)
    if heading := _heading(hit):
        console.print(Padding(Text(heading, style="italic dim"), (0, 0, 0, 4)))
    text = Text(hit.text.strip("\n"))
    lines = text.wrap(console, max(20, console.width - 4))
    cut = not full and len(lines) > LINES_ON_TERMINAL
    for line in lines[:LINES_ON_TERMINAL] if cut else lines:
        line.rstrip()
        console.print(Padding(line, (0, 0, 0, 4)))
    if cut:
        rest = len(lines) - LINES_ON_TERMINAL
        console.print(f"    [dim]… {rest} more lines (--full)[/]")
    console.print()
