"""Code to pieces: cut at definitions, then by the syntax tree, with the path of names."""

from __future__ import annotations

from collections.abc import Iterator

from knowledge.documents.chunking import Chunker, Piece, Span, has_content
from knowledge.documents.sections import sections
from knowledge.documents.sourcecode.definitions import DefinitionPaths, code_definitions
from knowledge.documents.sourcecode.grammars import GRAMMARS
from knowledge.documents.sourcecode.keys import key_definitions
from knowledge.documents.sourcecode.units import units
from knowledge.documents.tokens import TokenCounter
from knowledge.model import SplitterSpec

_UNIT = 3.0
"""Characters of a unit for each token of a chunk: code that surely fits in one."""


def code_pieces(
    text: str, syntax: str, spec: SplitterSpec, reach: int, counter: TokenCounter
) -> Iterator[Piece]:
    """Yield pieces of code, or of configuration, in order.

    Parameters
    ----------
    syntax:
        The language; without a grammar or named parts, the text is cut at its lines.
    reach:
        Least characters of a section of what has no definitions.
    """
    definitions = code_definitions(text, syntax) or key_definitions(text, syntax)
    paths = DefinitionPaths(definitions)
    chunker = Chunker(spec, syntax=syntax if definitions and syntax in GRAMMARS else "")
    limit = round(_UNIT * spec.chunk_size)
    for unit in units(text, definitions, limit):
        for start, end in _parts(text, unit, reach if unit[1] - unit[0] > 2 * limit else 0):
            floor = start
            for span in _spans(text, start, end, chunker, spec.chunk_size, counter):
                if has_content(text, *span):
                    begin, stop = _with_margin(text, span, floor, spec.chunk_size, counter)
                    floor = begin
                    yield Piece(begin, stop, text[begin:stop], paths.at(begin, stop))


def _spans(
    text: str, start: int, end: int, chunker: Chunker, limit: int, counter: TokenCounter
) -> Iterator[Span]:
    """Yield the spans of a part; itself, trimmed, where it fits."""
    body = text[start:end]
    begin = start + len(body) - len(body.lstrip())
    body = body.strip()
    if len(body) <= 8 * limit and counter.count(body) <= limit:
        yield begin, begin + len(body)
    else:
        yield from chunker.spans(text, start, end)


def _parts(text: str, unit: Span, reach: int) -> Iterator[Span]:
    if not reach:
        yield unit
        return
    for section in sections(text, None, reach, *unit):
        yield section.start, section.end


def _with_margin(text: str, span: Span, floor: int, limit: int, counter: TokenCounter) -> Span:
    """Return the span with the white space before its first line, as far as the size allows."""
    start, end = span
    line = max(text.rfind("\n", 0, start) + 1, floor)
    if line < start and not text[line:start].strip() and counter.count(text[line:end]) <= limit:
        return line, end
    return span
