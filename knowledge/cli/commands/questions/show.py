"""``knowledge similar`` and ``knowledge show``."""

from __future__ import annotations

import time
from typing import Annotated

from knowledge.cli.options.declared import Without
from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.options.hits import HitsOptions
from knowledge.cli.options.places import ServerOptions
from knowledge.cli.render.hits import check_output, show_hits
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Exit, Session
from knowledge.errors import NotFoundError, UsageError
from knowledge.records import questions as records
from knowledge.requests import SimilarRequest
from knowledge.text.escaping import flat


def similar(
    session: Session,
    *,
    request: SimilarRequest,
    server: ServerOptions,
    shown: Annotated[HitsOptions, Without("explain", "facets")],
) -> None:
    """Print the passages most similar to a file or a chunk.

    Stored vectors are compared, so nothing is embedded or sent. The file or chunk is not listed.

    Example:  knowledge similar docs/guide.md -k 5
    """
    check_output(session, shown)
    started = time.perf_counter()
    with session.open_or_connect(server) as kb:
        found = kb.similar(request)
    took = time.perf_counter() - started
    show_hits(session, found, shown, took=took)
    if shown.fail_empty and not found:
        raise Exit(NotFoundError.exit_code)


def show(
    session: Session,
    *,
    chunk: Annotated[
        str,
        Argument(metavar="CHUNK_ID", help="Its id, or at least the first 8 characters of it."),
    ],
    dataset: Annotated[
        str | None,
        Flag("-d", "--dataset", help="Dataset; default: all.", metavar="NAME"),
    ] = None,
    before: Annotated[int, Flag("--before", help="Chunks before it.", metavar="N")] = 0,
    after: Annotated[int, Flag("--after", help="Chunks after it.", metavar="N")] = 0,
    server: ServerOptions,
) -> None:
    """Print a chunk, optionally with its neighbours.

    Example:  knowledge show 3f2a9c1b --before 1 --after 1
    """
    if before < 0 or after < 0:
        raise UsageError("--before and --after must not be negative")
    with session.open_or_connect(server) as kb:
        hit = kb.show_chunk(chunk, dataset, before=before, after=after)
    if session.json:
        session.print_json(records.chunk(hit))
        return
    write(one_line(hit.citation) + "\n")
    if hit.passage.heading:
        write("# " + flat(" > ".join(hit.passage.heading)) + "\n")
    write(hit.text.strip("\n") + "\n")
