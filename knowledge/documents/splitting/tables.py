"""Tables as each kind of text writes them: where one stands, and where its rows do.

What stands above the rows is repeated in each piece of a table: its header, with the line that
opens the table. Where nothing marks the header, it is the first row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from knowledge.documents.splitting.chunking import Span
from knowledge.model import TextKind


@dataclass(frozen=True, slots=True)
class Table:
    """The span of a table's lines, and those of its rows below the header."""

    start: int
    end: int
    rows: tuple[Span, ...]


def tables(text: str, kind: TextKind) -> Iterator[Table]:
    """Yield the tables of a text, in no order; one may lie in another."""
    for find, marks in _FINDERS.get(kind, ()):
        if any(mark[0] in text and mark in text for mark in marks):  # one sign is soon looked for
            yield from (table for table in find(text) if table.rows)


def indented_end(text: str, place: int, margin: int) -> int:
    """Return the end of the lines from ``place`` on that are indented by more than ``margin``."""
    end = place
    while place < len(text):
        after = text.find("\n", place) + 1 or len(text)
        line = text[place:after].expandtabs()
        if line.strip():
            if len(line) - len(line.lstrip()) <= margin:
                break
            end = after
        place = after
    return end


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _between(text: str, starts: Sequence[int], end: int) -> tuple[Span, ...]:
    """Return the spans from each start to the next, the last one to ``end``."""
    return tuple(_trimmed(text, *span) for span in pairwise([*starts, end]))


def _lines(text: str, start: int, stop: int) -> Iterator[Span]:
    while start < stop:
        end = text.find("\n", start, stop)
        end = stop if end < 0 else end
        yield start, end
        start = end + 1


# Markdown and Org: rows of pipes below a line of dashes.

_DELIMITERS = re.compile(
    r"^[ \t]*+\|?(?:[ \t]*+:?-++:?[ \t]*+[|+])++(?:[ \t]*+:?-++:?)?+\|?[ \t]*+$", re.MULTILINE
)


def _pipes(text: str) -> Iterator[Table]:
    place = 0
    for match in _DELIMITERS.finditer(text):
        above = match.start() - 1
        head = text.rfind("\n", place, max(above, place)) + 1 or place
        if above <= head or head < place or "|" not in text[head:above]:
            continue
        rows = tuple(_pipe_rows(text, match.end() + 1))
        if rows:
            place = rows[-1][1]
            yield Table(head, place, rows)


def _pipe_rows(text: str, start: int) -> Iterator[Span]:
    for begin, end in _lines(text, start, len(text)):
        if "|" not in text[begin:end]:
            return
        yield begin, end


# HTML in other text.

_TAG = re.compile(r"<(?P<closes>/?)(?P<name>table|thead|tr)\b[^<>]*>", re.IGNORECASE)


def _html(text: str) -> Iterator[Table]:
    depth = begin = head = 0
    rows: list[int] = []
    for tag in _TAG.finditer(text):
        name, opens = tag["name"].lower(), not tag["closes"]
        if name == "table" and opens:
            if depth or _begins_line(text, tag.start()):
                depth += 1
            if depth == 1:
                begin, rows, head = tag.start(), [], 0
        elif name == "table" and depth:
            depth -= 1
            if not depth:
                yield Table(begin, tag.end(), _between(text, rows[max(head, 1) :], tag.end()))
        elif depth == 1 and name == "tr" and opens:
            rows.append(tag.start())
        elif depth == 1 and name == "thead" and not opens:
            head = len(rows)


def _begins_line(text: str, place: int) -> bool:
    return not text[text.rfind("\n", 0, place) + 1 : place].strip("> \t")


# Grids of signs, as reStructuredText and Pandoc have them.

_GRID = re.compile(r"^[ \t]*\+(?:[-=:]+\+)+[ \t]*\n(?:[ \t]*[+|][^\n]*(?:\n|\Z))+", re.MULTILINE)


def _grids(text: str) -> Iterator[Table]:
    for match in _GRID.finditer(text):
        end = match.start() + len(match[0].rstrip())
        lines = list(_lines(text, match.start(), end))
        edges = [at for at, (a, b) in enumerate(lines) if text[a:b].lstrip().startswith("+")]
        below = [at for at in edges if "=" in text[slice(*lines[at])]]
        first = below[0] if below else edges[0]
        rows = [(lines[a + 1][0], lines[b][1]) for a, b in pairwise(edges) if a >= first]
        yield Table(match.start(), end, tuple(rows if below else rows[1:]))


# reStructuredText: simple tables, and those of directives.

_BORDER = re.compile(r"^[ \t]*=+(?:[ \t]+=+)+[ \t]*$", re.MULTILINE)
_DIRECTIVE = re.compile(
    r"^(?P<margin>[ \t]*)\.\. (?P<name>list-table|flat-table|csv-table)::[^\n]*\n"
    r"(?P<options>(?:[ \t]+:[\w-]+:[^\n]*\n)*)(?:[ \t]*\n)*",
    re.MULTILINE,
)
_HEADER_ROWS = re.compile(r":header-rows:[ \t]*(\d{1,2})")


def _simple(text: str) -> Iterator[Table]:
    borders = list(_BORDER.finditer(text))
    at = 0
    while at + 2 < len(borders):
        top, middle, bottom = borders[at : at + 3]
        if "\n\n" in text[top.end() : middle.start()]:
            at += 1
            continue
        body = min(middle.end() + 1, bottom.start())
        rows = list(_simple_rows(text, body, bottom.start()))
        if rows:
            rows[-1] = rows[-1][0], bottom.end()
        yield Table(top.start(), bottom.end(), tuple(rows))
        at += 3


def _simple_rows(text: str, start: int, stop: int) -> Iterator[Span]:
    """Yield rows; a line that begins with white space goes on with the row above."""
    margin = re.compile(r"[ \t]*").match(text, start)
    indent = len(margin[0]) if margin else 0
    row: Span | None = None
    for begin, end in _lines(text, start, stop):
        if row and text[begin + indent : end][:1].isspace():
            row = row[0], end
        elif text[begin:end].strip():
            if row:
                yield row
            row = begin, end
    if row:
        yield row


def _directives(text: str) -> Iterator[Table]:
    for match in _DIRECTIVE.finditer(text):
        end = indented_end(text, match.end(), len(match["margin"].expandtabs()))
        end = match.end() + len(text[match.end() : end].rstrip())
        lines = [(a, b) for a, b in _lines(text, match.end(), end) if text[a:b].strip()]
        if match["name"] != "csv-table":
            lines = [(a, b) for a, b in lines if text[a:b].lstrip().startswith("* -")]
        rows = _between(text, [start for start, _ in lines], end) if lines else ()
        declared = _HEADER_ROWS.search(match["options"])
        heads = 0 if ":header:" in match["options"] else int(declared[1]) if declared else 1
        yield Table(match.start(), end, rows[heads:])


# AsciiDoc: cells behind pipes, a line of them for a row or a line for each.

_EDGE = re.compile(r"^(?P<edge>[|,:!]={3,})[ \t]*$", re.MULTILINE)
_CELL = re.compile(r"(?:(?P<span>\d{1,2})(?:\.\d+)?[+*])?[<^>.a-z]{0,8}(?<!\\)\|")
_COLUMNS = re.compile(r"cols\s*=\s*[\"']?([^\"'\]]+)")


def _asciidoc(text: str) -> Iterator[Table]:
    opened: re.Match[str] | None = None
    for edge in _EDGE.finditer(text):
        if opened is None:
            opened = edge
        elif edge["edge"] == opened["edge"]:
            lines = list(_lines(text, opened.end() + 1, edge.start()))
            starts = list(_asciidoc_starts(text, lines, _columns_above(text, opened.start())))
            yield Table(opened.start(), edge.end(), _between(text, starts[1:], edge.end()))
            opened = None


def _columns_above(text: str, start: int) -> int:
    """Return the number of columns that the line above a table gives; 0 where it gives none."""
    line = text[text.rfind("\n", 0, max(start - 1, 0)) + 1 : start]
    declared = _COLUMNS.search(line) if line.startswith("[") else None
    parts = re.split(r"[,;]", declared[1]) if declared else []
    return sum(int(part[:-1]) if re.fullmatch(r"\s*\d{1,2}\*", part) else 1 for part in parts)


def _asciidoc_starts(text: str, lines: Sequence[Span], columns: int) -> Iterator[int]:
    """Yield where rows begin: when the row above is full, behind a blank line, or in each line.

    Parameters
    ----------
    columns:
        How many there are; 0 where nothing says it: as many as there are above a blank line.
    """
    cells = [_cells(text[start:end]) for start, end in lines]
    blanks = [not text[start:end].strip() for start, end in lines]
    filled = [at for at, count in enumerate(cells) if count]
    wide = bool(filled) and cells[filled[0]] > 1
    if filled and not columns:
        columns = sum(cells[: next((at for at in range(filled[0], len(lines)) if blanks[at]), 0)])
    row = 0
    for at, (start, _) in enumerate(lines):
        begins = not filled or (
            cells[at]
            and (not row or blanks[at - 1] or row >= columns > 0 or (wide and cells[at] > 1))
        )
        if begins and not blanks[at]:
            yield start
            row = 0
        row += cells[at]


def _cells(line: str) -> int:
    return sum(int(cell["span"] or 1) for cell in _CELL.finditer(line))


# LaTeX: rows end with two backslashes, and the rules behind them.

_TABULAR = re.compile(
    r"\\(?P<edge>begin|end)\{(?P<name>(?:long|super)?tabu(?:lar)?[xy]?\*?|longtable|(?:long)?tblr)\}"
)
_ROW_END = re.compile(
    r"(?<!\\)(?:\\\\|\\tabularnewline\b)\*?(?:\[[^\]\n]{0,20}\])?"
    r"(?P<rules>(?:\s*\\(?:hline|hhline|(?:top|mid|bottom|c?mid)rule|cline|end(?:first)?head"
    r"|end(?:last)?foot|addlinespace|specialrule)\b(?:\([^)\n]*\))?(?:\[[^\]\n]*\])?"
    r"(?:\{[^}\n]*\})*)*)"
)
_RULE = re.compile(r"\\(?:mid|h)(?:rule|line)")
_ENDS_HEAD = re.compile(r"\\end(?:(?:first)?head|(?:last)?foot)\b")
_MOST_HEADS = 3


def _latex(text: str) -> Iterator[Table]:
    opened: list[re.Match[str]] = []
    for edge in _TABULAR.finditer(text):
        if edge["edge"] == "begin":
            opened.append(edge)
        elif opened:
            begin = opened.pop()
            if not opened:
                yield _tabular(text, begin, edge)


def _tabular(text: str, begin: re.Match[str], end: re.Match[str]) -> Table:
    ends = list(_ROW_END.finditer(text, begin.end(), end.start()))
    told = [at for at, row in enumerate(ends) if _ENDS_HEAD.search(row["rules"])]
    ruled = [at for at, row in enumerate(ends[:_MOST_HEADS]) if _RULE.search(row["rules"])]
    head = told[-1] if told else ruled[0] if ruled else 0
    stop = begin.end() + len(text[begin.end() : end.start()].rstrip())
    starts = [row.end() for row in ends[head:] if row.end() < stop]
    return Table(begin.start(), end.end(), _between(text, starts, end.end()) if starts else ())


# Wikis.

_WIKI = re.compile(
    r"^[ \t:*]*(?:(?P<opens>\{\|)|(?P<closes>\|\})|(?P<row>\|-)|(?P<cell>!|\|(?!\+)))", re.MULTILINE
)
_MARKED = re.compile(
    r"^[ \t]*(?:\|\||\|=|\|_[<>=]*\.|\^)[^\n]*[|^][ \t]*\n(?=[ \t]*[|^])", re.MULTILINE
)
"""A row of column names as Jira, Creole, Textile and DokuWiki mark them."""


def _mediawiki(text: str) -> Iterator[Table]:
    depth = begin = 0
    starts: list[int] = []
    named = False
    for mark in _WIKI.finditer(text):
        if mark["opens"]:
            depth += 1
            if depth == 1:
                begin, starts, named = mark.start(), [], False
        elif mark["closes"] and depth:
            depth -= 1
            if not depth:
                yield Table(begin, mark.end(), _between(text, starts, mark.end()) if starts else ())
        elif depth == 1 and mark["row"]:
            starts += [mark.start()] if named else []
        elif depth == 1:
            named = True


def _marked(text: str) -> Iterator[Table]:
    place = 0
    for match in _MARKED.finditer(text):
        rows = tuple(_pipe_rows(text, match.end())) if match.start() >= place else ()
        if rows:
            place = rows[-1][1]
            yield Table(match.start(), place, rows)


_Finder = tuple[Callable[[str], Iterable[Table]], tuple[str, ...]]
"""What finds tables, and what a text holds one of where there are any."""
_PIPES: _Finder = (_pipes, ("|",))
_HTML: _Finder = (_html, ("</table", "</TABLE", "</Table"))
_GRIDS: _Finder = (_grids, ("+-",))
_FINDERS: Mapping[TextKind, tuple[_Finder, ...]] = {
    TextKind.MARKDOWN: (_PIPES, _HTML, _GRIDS),
    TextKind.TEXT: (
        *(_PIPES, _HTML, _GRIDS),
        (_mediawiki, ("{|",)),
        (_marked, ("||", "|=", "|_", "^")),
    ),
    TextKind.RST: (_GRIDS, (_simple, ("==",)), (_directives, ("-table::",))),
    TextKind.ASCIIDOC: ((_asciidoc, ("===",)), _PIPES),
    TextKind.ORG: (_PIPES,),
    TextKind.LATEX: ((_latex, ("\\end{",)),),
}
