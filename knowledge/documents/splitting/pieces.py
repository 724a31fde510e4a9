"""Code to pieces: cut at definitions, then by the syntax tree, with the path of names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from knowledge.documents.splitting.chunking import Chunker, Piece, Span, has_content, skip_space
from knowledge.documents.splitting.cutter import Cutter
from knowledge.documents.splitting.definitions import Definition, DefinitionPaths, code_definitions
from knowledge.documents.splitting.grammars import GRAMMARS
from knowledge.documents.splitting.joints import Joints, code_joints
from knowledge.documents.splitting.sections import sections
from knowledge.model import SplitterSpec
from knowledge.text.tokens import TokenCounter

# Parts of configuration, data and SQL that have a name: sections, top-level keys, tables.

_YAML_KEY = re.compile(
    r"^(?:(?P<key>[A-Za-z_][\w./-]{0,100}|\"[^\"\n]{1,100}\"|'[^'\n]{1,100}')[ \t]*:(?=\s|$)|---)",
    re.MULTILINE,
)
_TABLE = re.compile(
    r"^[ \t]*\[\[?(?P<key>[^\[\]\n]{1,120})\]?\][ \t]*(?:[#;][^\n]*)?$", re.MULTILINE
)
_JSON_MEMBER = re.compile(
    r"^(?P<margin>[ \t]{1,8})(?:\"(?P<key>(?:[^\"\\\n]|\\.){1,100})\"[ \t]*:|[{\[])", re.MULTILINE
)
_SQL_STATEMENT = re.compile(
    r"^[ \t]*(?:CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:(?:TEMP|TEMPORARY|UNIQUE|MATERIALIZED"
    r"|UNLOGGED|GLOBAL|LOCAL|EXTERNAL|RECURSIVE|CONSTRAINT|CLUSTERED|NONCLUSTERED)\s+){0,3}"
    r"(?:TABLE|VIEW|FUNCTION|PROCEDURE|PROC|TRIGGER|INDEX|TYPE|SCHEMA|SEQUENCE|DATABASE|PACKAGE"
    r"(?:\s+BODY)?|POLICY|ROLE|EXTENSION|DOMAIN)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(?P<key>[\w.$#@\"`\[\]]{1,120})"
    r"|(?:INSERT|UPDATE|DELETE|ALTER|DROP|GRANT|COPY|COMMIT|GO|USE)\b)",
    re.MULTILINE | re.IGNORECASE,
)
_COMMENTS = ("#", ";", "--", "//")
_QUOTES = tuple("\"'`[]")


def key_definitions(text: str, syntax: str) -> list[Definition]:
    """Return the named parts of a text in order; none where the syntax has none."""
    find = _FINDERS.get(syntax)
    return _until_next(text, find(text)) if find else []


_Start = tuple[int, str]


def _matches(pattern: re.Pattern[str]) -> Callable[[str], list[_Start]]:
    def find(text: str) -> list[_Start]:
        found = pattern.finditer(text)
        return [(match.start(), _unquoted(match["key"] or "")) for match in found]

    return find


def _unquoted(key: str) -> str:
    key = key.strip()
    return key[1:-1] if key[:1] in _QUOTES and key[-1:] in _QUOTES and len(key) > 2 else key


def _json(text: str) -> list[_Start]:
    """Find the members of the outermost object or array, where each has lines of its own."""
    first = _JSON_MEMBER.search(text)
    if first is None:
        return []
    found = _JSON_MEMBER.finditer(text)
    return [(m.start(), m["key"] or "") for m in found if m["margin"] == first["margin"]]


def _until_next(text: str, starts: Sequence[_Start]) -> list[Definition]:
    """Return parts that end where the next one begins, the comments above it included."""
    if not starts:
        return []
    places = [_above_comments(text, start) for start, _ in starts]
    ends = [*places[1:], len(text)]
    return [
        Definition(start, end, name)
        for (_, name), start, end in zip(starts, places, ends, strict=True)
        if end > start
    ]


def _above_comments(text: str, start: int) -> int:
    while start > 0:
        line = text.rfind("\n", 0, start - 1) + 1
        if not text[line:start].lstrip().startswith(_COMMENTS):
            break
        start = line
    return start


_FINDERS: Mapping[str, Callable[[str], list[_Start]]] = {
    "yaml": _matches(_YAML_KEY),
    "toml": _matches(_TABLE),
    "ini": _matches(_TABLE),
    "json": _json,
    "sql": _matches(_SQL_STATEMENT),
}


# Cuts code into units at its definitions, so that an edit changes the chunks around it alone.

_TINY = 8
"""A unit is tiny below this part of the limit; neighbours that are tiny go together."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the code; ``whole`` when it is one definition or several."""

    start: int
    end: int
    whole: bool

    @property
    def size(self) -> int:
        """Characters in it."""
        return self.end - self.start


def units(text: str, definitions: Sequence[Definition], limit: int) -> Iterator[Span]:
    """Yield the spans of the units of a text: in order, without gaps.

    A definition of at most ``limit`` characters is a unit; a longer one is cut at those inside.
    What stands between definitions is a unit too, but for closing brackets, which stay with what
    they close, and for a few lines, which go with what follows.
    """
    tiny = limit // _TINY
    last: Unit | None = None
    for unit in _apart(text, definitions, limit):
        joined = _joined(text, last, unit, limit, tiny) if last else None
        if last and not joined:
            yield last.start, last.end
        last = joined or unit
    if last:
        yield last.start, last.end


def _joined(text: str, last: Unit, unit: Unit, limit: int, tiny: int) -> Unit | None:
    if not has_content(text, unit.start, unit.end):
        return Unit(last.start, unit.end, last.whole)
    if not has_content(text, last.start, last.end):
        return Unit(last.start, unit.end, unit.whole)
    small = unit.end - last.start <= limit
    few_lines = not last.whole and last.size < tiny
    both_tiny = last.size < 2 * tiny and unit.size < tiny
    if small and (few_lines or both_tiny):
        return Unit(last.start, unit.end, unit.whole or last.whole)
    return None


def _apart(text: str, definitions: Sequence[Definition], limit: int) -> Iterator[Unit]:
    place = 0
    open_ends: list[int] = []  # of definitions too long for one unit
    for definition in definitions:
        if definition.start < place:
            continue  # inside a unit
        while open_ends and open_ends[-1] <= definition.start:
            end = open_ends.pop()
            if end > place:
                yield Unit(place, end, False)
                place = end
        if definition.start > place:
            yield Unit(place, definition.start, False)
            place = definition.start
        if definition.end - definition.start <= limit:
            yield Unit(place, definition.end, True)
            place = definition.end
        else:
            open_ends.append(definition.end)
    for end in (*reversed(open_ends), len(text)):
        if end > place:
            yield Unit(place, end, False)
            place = end


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
    joints = code_joints(text, limit // 2)
    cutter = Cutter(text, joints, chunker, spec, counter)
    for unit in _whole_units(text, units(text, definitions, limit), joints):
        for start, end in _parts(text, unit, reach if unit[1] - unit[0] > 2 * limit else 0, joints):
            floor = start
            for span in _spans(text, start, end, cutter, spec.chunk_size, counter):
                if has_content(text, *span):
                    begin, stop = _with_margin(text, span, floor, spec.chunk_size, counter)
                    floor = begin
                    yield Piece(begin, stop, text[begin:stop], paths.at(begin, stop))


def _whole_units(text: str, found: Iterable[Span], joints: Joints) -> Iterator[Span]:
    """Yield the units; a signature, or decorators, at the end of one go to the next."""
    place = 0
    for _, end in found:
        cut = joints.before(skip_space(text, end, len(text))) if end < len(text) else end
        cut = min(cut, end)
        if has_content(text, place, cut):
            yield place, cut
            place = cut
    if place < len(text):
        yield place, len(text)


def _spans(
    text: str, start: int, end: int, cutter: Cutter, limit: int, counter: TokenCounter
) -> Iterator[Span]:
    """Yield the spans of a part; itself, trimmed, where it fits."""
    body = text[start:end]
    begin = start + len(body) - len(body.lstrip())
    body = body.strip()
    if len(body) <= 8 * limit and counter.count(body) <= limit:
        yield begin, begin + len(body)
    else:
        yield from cutter.spans(start, end)


def _parts(text: str, unit: Span, reach: int, joints: Joints) -> Iterator[Span]:
    if not reach:
        yield unit
        return
    yield from sections(text, joints, reach, *unit, {})


def _with_margin(text: str, span: Span, floor: int, limit: int, counter: TokenCounter) -> Span:
    """Return the span with the white space before its first line, as far as the size allows."""
    start, end = span
    line = max(text.rfind("\n", 0, start) + 1, floor)
    if line < start and not text[line:start].strip() and counter.count(text[line:end]) <= limit:
        return line, end
    return span
