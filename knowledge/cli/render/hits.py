"""Hits for people, for scripts and for programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.cli.last_hits import remember
from knowledge.cli.render.hit_formats import FORMATS
from knowledge.cli.render.json_output import json_text
from knowledge.cli.render.prose import unwrapped
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.terminal import output_console, write
from knowledge.cli.session import Session
from knowledge.errors import UsageError
from knowledge.model import Hit
from knowledge.records import questions as records
from knowledge.text.escaping import cleaned, flat
from knowledge.text.wording import counted, did_you_mean

if TYPE_CHECKING:
    from knowledge.cli.options.hits import HitsOptions
    from knowledge.retrieval.query import Query
    from knowledge.retrieval.result import Retrieved

LINES_ON_TERMINAL = 8


def check_output(session: Session, shown: HitsOptions) -> None:
    """Raise :class:`UsageError` for an invalid ``--output``, or one that has no room for facets."""
    output, known = shown.output, ["text", "json", "gptscript", *FORMATS]
    if output not in known:
        raise UsageError(
            f"--output must be one of {', '.join(known)}, not {output!r}",
            hint=did_you_mean(output, known) or None,
        )
    if session.json and output not in ("text", "json"):
        raise UsageError(f"--json and --output {output} ask for different things")
    if shown.facets and output not in ("text", "json"):
        raise UsageError(f"--facets goes with text and JSON, not with --output {output}")


def show_hits(session: Session, found: Retrieved, shown: HitsOptions, *, took: float) -> None:
    """Print hits: one JSON object, coloured blocks on a terminal, plain blocks, or a format.

    Parameters
    ----------
    shown:
        As :func:`check_output` allows it.
    took:
        Seconds.
    """
    output, explained, facets = shown.output, shown.explain, shown.facets
    hits = found.hits
    if hits and output == "text" and not session.json:
        remember(hits)
    if session.verbose:
        session.note(_told(found, took))
        explained = explained or not session.json
    if output in FORMATS:
        for piece in FORMATS[output](hits):
            write(piece)
    elif output == "gptscript":
        session.print_json(records.gptscript(found, took))
    elif session.json or output == "json":
        session.print_json(records.retrieved(found, took, explained=explained, facets=facets))
    else:
        near = os.getcwd() + os.sep if session.on_terminal else ""  # noqa: PTH109
        for hit in hits:
            notes = _notes(found, hit, explained, near)
            if session.on_terminal:
                _show_on_terminal(hit, notes, full=shown.full)
            else:
                write(_block(hit, notes))
        _show_facets(found, facets)
    _note_what_is_missing(session, found)


def _show_facets(found: Retrieved, names: Sequence[str]) -> None:
    """Print a line for each name: its values, each with how many hits have it."""
    for facet in found.facets(names):
        counts = (f"{_value(value)} ({count})" for value, count in facet.values)
        write(f"{flat(facet.name)}: {', '.join(counts)}\n")


def _value(value: Any) -> str:
    """Return a value of metadata on one line; a dash for none."""
    return "-" if value is None else flat(value if isinstance(value, str) else json_text(value))


def _note_what_is_missing(session: Session, found: Retrieved) -> None:
    """Say on stderr that nothing was found, or that nothing of it fits."""
    if not found.hits:
        listed = [word for word in found.query.keywords if "," in word]
        several = "; repeat --keyword for each of several words" if listed else ""
        session.note(f"no hits{_conditions(found.query)}{several}")
    elif found.nothing_fits:
        best = max(hit.relevance or 0.0 for hit in found.hits)
        session.note(f"no passage fits well; the best has relevance {best:.2f}")


def _told(found: Retrieved, took: float) -> str:
    """Return what was asked of what, and how long it took."""
    query = found.query
    told = f"{query.mode} search of {', '.join(query.datasets)}, at most {query.top_k} hits"
    others = [one for one in found.queries if one != query.text]
    also = f"; also asked: {'; '.join(others)}" if others else ""
    return f"{told}: {counted(len(found.hits), 'hit')} in {took:.2f} s{also}"


def _conditions(query: Query) -> str:
    """Return the conditions that every hit had to meet, which may be why there is none."""
    given = {
        "--threshold": query.threshold is not None,
        "--min-relevance": query.min_relevance,
        "--keyword": query.keywords,
        "--where": query.where is not None,
        "--file": query.files,
        "--since": query.since is not None,
        "--until": query.until is not None,
        f"--max-tokens {query.max_tokens}": query.max_tokens is not None,
    }
    names = [name for name, is_given in given.items() if is_given]
    return f" that match {', '.join(names)}" if names else ""


def _notes(found: Retrieved, hit: Hit, explained: bool, near: str = "") -> list[str]:
    """Return what stands between a hit's head and its text; paths without the folder ``near``."""
    also = [f"also {one_line(other.citation.removeprefix(near))}" for other in hit.also]
    return also + (list(map(flat, records.explanation(found, hit))) if explained else [])


def _block(hit: Hit, notes: Sequence[str]) -> str:
    lines = [f"[{hit.rank}] {_number(hit)} {one_line(hit.citation)}"]
    if heading := _heading(hit):
        lines.append("# " + heading)
    lines += [f"= {note}" for note in notes]
    return "\n".join([*lines, hit.text.strip("\n"), "", ""])


def _number(hit: Hit) -> str:
    """Return how well a hit fits; without a question, what it is ranked by."""
    return f"{hit.score:.4f}" if hit.relevance is None else f"{hit.relevance:.2f}"


def _heading(hit: Hit) -> str:
    """Return the heading path on one line, without the heading that the passage begins with."""
    path = hit.passage.heading
    first = hit.text.lstrip().partition("\n")[0].strip("# ")
    return flat(" > ".join(path[:-1] if path and path[-1] == first else path))


def _show_on_terminal(hit: Hit, notes: Sequence[str], *, full: bool) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console = output_console()
    citation = hit.citation
    here = os.getcwd() + os.sep  # noqa: PTH109
    shown = one_line(citation.removeprefix(here))
    head = Text.assemble((f"{hit.rank:>2}", "bold"), "  ", (_number(hit), "green"), "  ")
    link = f" link {Path(hit.file).as_uri()}" if Path(hit.file).is_absolute() else ""
    head.append(shown, style="bold cyan" + link)
    console.print(head, soft_wrap=True)
    if heading := _heading(hit):
        console.print(Padding(Text(heading, style="italic dim"), (0, 0, 0, 4)))
    for note in notes:
        console.print(Padding(Text(note, style="dim"), (0, 0, 0, 4)))
    if notes:
        console.print()
    width = max(20, console.width - 4)
    lines = Text(unwrapped(cleaned(hit.text).strip("\n"), width)).wrap(console, width)
    cut = not full and len(lines) > LINES_ON_TERMINAL
    for line in lines[:LINES_ON_TERMINAL] if cut else lines:
        line.rstrip()
        console.print(Padding(line, (0, 0, 0, 4)))
    if cut:
        rest = counted(len(lines) - LINES_ON_TERMINAL, "more line")
        console.print(f"    [dim]… {rest} (--full)[/]")
    console.print()
