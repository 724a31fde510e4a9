"""``knowledge similar`` and ``knowledge show``."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from knowledge.cli.options import common as options
from knowledge.cli.options import retrieval as retrieval_options
from knowledge.cli.render.cleaning import flat
from knowledge.cli.render.hits import check_output, show_hits
from knowledge.cli.render.records import hit_record
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.errors import NotFoundError, UsageError

_RANKING = ("rank", "score", "cosine", "scores", "own_text", "merged", "also")


def similar(
    session: Session,
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE|CHUNK_ID", help="A file's path or the end of it, or a chunk's id."
        ),
    ],
    dataset: options.DatasetOption = None,
    top_k: options.TopKOption = None,
    threshold: retrieval_options.ThresholdOption = None,
    keyword: retrieval_options.KeywordOption = None,
    where: retrieval_options.WhereOption = None,
    file: retrieval_options.FileOption = None,
    since: retrieval_options.SinceOption = None,
    until: retrieval_options.UntilOption = None,
    max_per_file: retrieval_options.MaxPerFileOption = None,
    no_fold: retrieval_options.NoFoldOption = False,
    output: retrieval_options.OutputOption = "text",
    full: options.FullOption = False,
    fail_empty: options.FailEmptyOption = False,
) -> None:
    """Print the passages most similar to a file or a chunk.

    Stored vectors are compared, so nothing is embedded or sent. The file or chunk is not listed.

    Example:  knowledge similar docs/guide.md -k 5
    """
    check_output(session, output)
    started = time.perf_counter()
    with session.open(dataset=dataset, top_k=top_k) as kb:
        filters: dict[str, Any] = {
            "threshold": threshold,
            "keywords": keyword or (),
            "where": where,
            "files": file or (),
            "since": since,
            "until": until,
        }
        name, most = kb.settings["dataset"], kb.settings["top_k"]
        asked = kb.query(target, name, most, mode="dense", **filters)
        hits = kb.similar(
            target, name, most, fold=not no_fold, max_per_file=max_per_file, **filters
        )
    took = time.perf_counter() - started
    show_hits(session, asked, hits, took=took, full=full, output=output)
    if fail_empty and not hits:
        raise typer.Exit(NotFoundError.exit_code)


def show(
    session: Session,
    chunk: Annotated[
        str,
        typer.Argument(
            metavar="CHUNK_ID", help="Its id, or at least the first 8 characters of it."
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option("-d", "--dataset", help="Dataset; default: all.", metavar="NAME"),
    ] = None,
    before: Annotated[int, typer.Option("--before", help="Chunks before it.", metavar="N")] = 0,
    after: Annotated[int, typer.Option("--after", help="Chunks after it.", metavar="N")] = 0,
) -> None:
    """Print a chunk, optionally with its neighbours.

    Example:  knowledge show 3f2a9c1b --before 1 --after 1
    """
    if before < 0 or after < 0:
        raise UsageError("--before and --after must not be negative")
    with session.open() as kb:
        hit = kb.show_chunk(chunk, dataset, before=before, after=after)
    if session.json:
        record = {key: value for key, value in hit_record(hit).items() if key not in _RANKING}
        session.print_json("knowledge.chunk/1", {"chunk": record})
        return
    write(one_line(hit.citation) + "\n")
    if hit.passage.heading:
        write("# " + flat(" > ".join(hit.passage.heading)) + "\n")
    write(hit.text.strip("\n") + "\n")
