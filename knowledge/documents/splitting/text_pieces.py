"""Text with headings, blocks and labels to pieces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from knowledge.documents.splitting.blocks import Block, blocks
from knowledge.documents.splitting.chunking import Chunker, Piece, Span, has_content
from knowledge.documents.splitting.cutter import Cutter, plain_chunker
from knowledge.documents.splitting.headings import (
    HeadingPaths,
    Outline,
    RstScanner,
    scan_markdown,
)
from knowledge.documents.splitting.joints import find_cuts
from knowledge.documents.splitting.markup_headings import scan_asciidoc, scan_latex, scan_org
from knowledge.documents.splitting.pieces import code_pieces
from knowledge.documents.splitting.rows import Group, grouped
from knowledge.documents.splitting.sections import sections
from knowledge.documents.syntaxes import SYNTAXES, syntax_of
from knowledge.model import SplitterSpec, TextKind
from knowledge.text.tokens import TokenCounter

Scan = Callable[[str, int, int], Outline]
_SCANS: Mapping[TextKind, Scan] = {
    TextKind.MARKDOWN: scan_markdown,
    TextKind.ASCIIDOC: scan_asciidoc,
    TextKind.ORG: scan_org,
    TextKind.LATEX: scan_latex,
}
_LITTLE = 8
"""What stands behind a block and is shorter than this part of a chunk goes with its last piece."""


def text_pieces(
    text: str, kind: TextKind, spec: SplitterSpec, reach: int, counter: TokenCounter
) -> Iterator[Piece]:
    """Yield pieces of text in order.

    Parameters
    ----------
    reach:
        Least characters of a section.
    """
    scan = RstScanner() if kind is TextKind.RST else _SCANS.get(kind)
    outline = scan(text, 0, len(text)) if scan else Outline()
    found = blocks(text, outline, kind)
    joints, large = find_cuts(text, kind, outline, found, spec.chunk_size, counter)
    paths = HeadingPaths()
    paths.enter(outline.headings)
    levels = {heading.start: heading.level for heading in outline.headings}
    cutter = Cutter(text, joints, Chunker(spec, markdown=kind is TextKind.MARKDOWN), spec, counter)

    def flow(start: int, end: int) -> Iterator[Piece]:
        for section in sections(text, joints, reach, start, end, levels):
            for span in cutter.spans(*section):
                yield Piece(*span, text[slice(*span)])

    def pieces() -> Iterator[Piece]:
        place = 0
        stops = [start for start, _ in large[1:]] + [len(text)]
        for (start, block), stop in zip(large, stops, strict=False):
            yield from flow(place, start)
            cut = list(_block_pieces(text, start, block, spec, reach, counter))
            longer = None
            if cut and cut[-1].end == block.end:
                longer = _longer(text, cut[-1], stop, spec.chunk_size, counter)
            yield from cut[:-1] if longer else cut
            if longer:
                yield longer
            place = stop if longer else block.end
        yield from flow(place, len(text))

    for piece in pieces():
        yield piece._replace(heading=paths.at(text, piece.start, piece.end))


def _longer(text: str, last: Piece, stop: int, limit: int, counter: TokenCounter) -> Piece | None:
    """Return a block's last piece with the little that stands behind it, such as a caption."""
    behind = text[last.end : stop].rstrip()
    if len(behind) > limit or not has_content(behind, 0, len(behind)):
        return None
    longer = last.text + behind
    if counter.count(behind) * _LITTLE > limit or counter.count(longer) > limit:
        return None
    return last._replace(text=longer, end=last.end + len(behind))


def _block_pieces(
    text: str, start: int, block: Block, spec: SplitterSpec, reach: int, counter: TokenCounter
) -> Iterator[Piece]:
    """Yield the pieces of a block; the first begins at ``start``, with what introduces it."""
    if not block.rows:
        yield from _fence_pieces(text, start, block, spec, reach, counter)
        return
    group = Group(text, spec, text[block.start : block.body], whole=True)
    group.open_with(start, text[start : block.body], counter)
    yield from grouped(text, block.rows, group, counter)
    yield from group.alone()


def _fence_pieces(
    text: str, start: int, block: Block, spec: SplitterSpec, reach: int, counter: TokenCounter
) -> Iterator[Piece]:
    """Yield pieces of fenced code, each opened and closed like the whole."""
    lead = text[block.start : block.body]
    tail = "\n" + block.close if block.close else ""
    form = counter.count(lead + tail)
    spans: list[Span] = []
    if 2 * form <= spec.chunk_size:
        room = spec.chunk_size - form
        inner = replace(spec, chunk_size=room, chunk_overlap=min(spec.chunk_overlap, room - 1))
        body = text[block.body : block.stop]
        found = code_pieces(body, _syntax(block.info), inner, reach, counter)
        spans = [(block.body + one.start, block.body + one.end) for one in found]
    if not spans:  # nothing in it, or no room for its form
        yield from _plain(text, start, block.end, spec)
        return
    if start < block.start and counter.count(text[start : spans[0][1]] + tail) > spec.chunk_size:
        room = spec.chunk_size - counter.count(text[start : block.body] + tail) - 1
        if 4 * room < spec.chunk_size:
            yield from _plain(text, start, block.start, spec)
            start = block.start
        else:
            parts = plain_chunker(room, spec.tokenizer).spans(text, *spans[0])
            spans[:1] = [part for part in parts if has_content(text, *part)]
    spans[0] = start, spans[0][1]
    closed = block.end if block.stop < block.end or not tail else 0
    yield from _formed(
        text, spans, lead, tail, closed, lambda rest: counter.count(rest) <= spec.chunk_size
    )


def _formed(
    text: str,
    spans: Sequence[Span],
    lead: str,
    tail: str,
    end: int,
    fits: Callable[[str], bool],
) -> Iterator[Piece]:
    """Yield pieces of code between what opens and what closes it.

    The last one goes on to ``end``, where the text closes it itself, as far as the size allows.
    """
    for index, (begin, stop) in enumerate(spans):
        above = lead if index else ""
        if end and index == len(spans) - 1 and fits(above + text[begin:end]):
            yield Piece(begin, end, above + text[begin:end], lead=len(above))
        else:
            yield Piece(begin, stop, above + text[begin:stop] + tail, lead=len(above))


def _plain(text: str, start: int, end: int, spec: SplitterSpec) -> Iterator[Piece]:
    for span in Chunker(spec).spans(text, start, end):
        if has_content(text, *span):
            yield Piece(*span, text[slice(*span)])


def _syntax(info: str) -> str:
    """Return the syntax that is meant by what stands behind a fence, such as ``rust,ignore``."""
    words = re.split(r"[\s,:{}.]+", info.strip("{}. ").lower())
    return words[0] if words[0] in SYNTAXES else syntax_of(f"x.{words[0]}")
