"""``knowledge list-chunks``."""

from __future__ import annotations

from knowledge.cli.options.places import ServerOptions
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.records import questions as records
from knowledge.requests import ChunksRequest
from knowledge.text.escaping import flat


def list_chunks(session: Session, *, request: ChunksRequest, server: ServerOptions) -> None:
    """List the chunks of a dataset, with filters, in the order of their files, page by page.

    Each has its number, its id and its citation. With --json, `total` counts all that pass the
    filters, and `next_offset` is the --offset of the next page.

    Example:  knowledge list-chunks -d handbook --where "team = support" --sort -modified -n 20
    """
    with session.open_or_connect(server) as kb:
        page = kb.files.chunks(request)
    if session.json:
        session.print_json(records.chunks(page))
        return
    for hit in page.hits:
        heading = flat(" > ".join(hit.passage.heading))
        head = f"[{hit.rank}] {hit.chunk.id} {one_line(hit.citation)}"
        lines = [head, *([f"# {heading}"] if heading else []), hit.text.strip("\n"), "", ""]
        write("\n".join(lines))
    if not page.hits:
        session.note(f"no chunks; {page.total} in all")
    elif page.total > len(page.hits):
        more = "" if page.next_offset is None else f"; --offset {page.next_offset} has the next"
        last = page.offset + len(page.hits)
        session.note(f"chunks {page.offset + 1} to {last} of {page.total}{more}")
