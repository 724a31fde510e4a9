"""Documents of random structure, written in several formats from one model.

Words are unique and of one length, so that each can be looked for; they are of Latin, Greek,
Cyrillic, Hebrew and Arabic letters. The model tells what the text of any format must hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

from hypothesis import strategies as st

from knowledge.text.marks import Script, Span, written
from tests.documents.makers_office import odf, pptx, word, xlsx

ALPHABETS = ("bcdfghjk", "βγδζθλξπ", "бвгджзкл", "אבגדהוזח", "ابتثجحخد")
LENGTH = 5
SIGNS = ("±", "≥", "µ", "☑", "&", "<", ">", "≠", "→", "%")


@dataclass(frozen=True)
class Run:
    """A word, and how it is written."""

    text: str
    raised: str = ""
    lowered: str = ""
    struck: bool = False

    @property
    def spans(self) -> list[Span]:
        """The word as spans."""
        base = [Span(self.text, struck=self.struck)]
        base += [Span(self.raised, Script.SUPER)] if self.raised else []
        return base + ([Span(self.lowered, Script.SUB)] if self.lowered else [])

    @property
    def shown(self) -> str:
        """What plain text has for it."""
        return written(self.spans)


@dataclass(frozen=True)
class Heading:
    level: int
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Paragraph:
    runs: tuple[Run, ...]
    note: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Item:
    depth: int
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Table:
    """Rows of one word a cell; each number in ``groups`` is how many rows the first cell takes."""

    header: tuple[Run, ...]
    groups: tuple[int, ...]
    rows: tuple[tuple[Run, ...], ...]

    @property
    def owners(self) -> list[int]:
        """For each row, the row whose first cell reaches it."""
        return [sum(self.groups[:n]) for n, size in enumerate(self.groups) for _ in range(size)]


@dataclass
class Model:
    blocks: list[Heading | Paragraph | Item | Table] = field(default_factory=list)

    @property
    def shown(self) -> list[str]:
        """The words in order as they are shown, those of merged cells in each row; no notes."""
        found: list[Run] = []
        for block in self.blocks:
            if isinstance(block, Table):
                found += block.header
                for row, owner in zip(block.rows, block.owners, strict=True):
                    found += [block.rows[owner][0], *row[1:]]
            else:
                found += block.runs
        return [run.shown for run in found]

    @property
    def notes(self) -> list[str]:
        """The words of notes, which stand somewhere."""
        paragraphs = [block for block in self.blocks if isinstance(block, Paragraph)]
        return [run.shown for paragraph in paragraphs for run in paragraph.note]


class _Words:
    def __init__(self) -> None:
        self._next = 0

    def new(self, alphabet: str) -> str:
        """A word of which no two that touch hold a third: its last letter stands only there."""
        *digits, end = alphabet
        self._next += 1
        number, letters = self._next, ""
        for _ in range(LENGTH - 1):
            number, digit = divmod(number, len(digits))
            letters += digits[digit]
        return letters + end


@st.composite
def models(draw: st.DrawFn) -> Model:
    """A document that begins with a heading."""
    words = _Words()

    def run() -> Run:
        text = words.new(draw(st.sampled_from(ALPHABETS)))
        kind = draw(st.sampled_from(["plain"] * 6 + ["raised", "lowered", "struck", "sign"]))
        if kind == "raised":
            return Run(text, raised=draw(st.sampled_from(["2", "−3", "12"])))
        if kind == "lowered":
            return Run(text, lowered=draw(st.sampled_from(["2", "max"])))
        if kind == "sign":
            return Run(f"{text} {draw(st.sampled_from(SIGNS))}")
        return Run(text, struck=kind == "struck")

    def runs(least: int = 1, most: int = 6) -> tuple[Run, ...]:
        found: list[Run] = []
        for _ in range(draw(st.integers(least, most))):
            new = run()  # neighbours that are struck would be one
            both = bool(found) and found[-1].struck and new.struck
            found.append(replace(new, struck=False) if both else new)
        return tuple(found)

    def plain() -> Run:
        return Run(words.new(draw(st.sampled_from(ALPHABETS))))

    def table() -> Table:
        width = draw(st.integers(2, 4))
        groups = tuple(draw(st.lists(st.integers(1, 3), min_size=2, max_size=25)))
        rows = tuple(tuple(plain() for _ in range(width)) for _ in range(sum(groups)))
        return Table(tuple(plain() for _ in range(width)), groups, rows)

    def items() -> list[Item]:
        depth, found = 0, []
        for _ in range(draw(st.integers(1, 5))):
            found.append(Item(depth, runs()))
            depth = draw(st.integers(0, min(depth + 1, 2)))
        return found

    blocks: list[Heading | Paragraph | Item | Table] = [Heading(1, runs())]
    for kind in draw(st.lists(st.sampled_from("hppplt"), min_size=2, max_size=7)):
        if kind == "h":
            blocks.append(Heading(draw(st.integers(2, 3)), runs()))
        elif kind == "p":
            blocks.append(Paragraph(runs(3, 12), runs() if draw(st.booleans()) else ()))
        elif kind == "l":
            blocks += items()
        else:
            blocks.append(table())
    return Model(blocks)


# Word


def to_docx(model: Model) -> bytes:
    body, notes = "", ""
    for block in model.blocks:
        if isinstance(block, Heading):
            body += _w_p(_w_runs(block.runs), f"Heading{block.level}")
        elif isinstance(block, Item):
            body += _w_p(_w_runs(block.runs), f"Bullet{block.depth + 1}")
        elif isinstance(block, Paragraph):
            number = notes.count("<w:footnote ") + 2
            reference = f'<w:r><w:footnoteReference w:id="{number}"/></w:r>' if block.note else ""
            body += _w_p(_w_runs(block.runs) + reference)
            if block.note:
                notes += f'<w:footnote w:id="{number}">{_w_p(_w_runs(block.note))}</w:footnote>'
        else:
            body += _w_table(block)
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{identity}"><w:name w:val="{name}"/></w:style>'
        for identity, name in (
            [(f"Heading{n}", f"heading {n}") for n in (1, 2, 3)]
            + [
                ("Bullet1", "List Bullet"),
                ("Bullet2", "List Bullet 2"),
                ("Bullet3", "List Bullet 3"),
            ]
        )
    )
    return word(body, styles=styles, footnotes=notes)


def _w_p(content: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}{content}</w:p>"


def _w_runs(runs: tuple[Run, ...]) -> str:
    return "".join(map(_w_run, _apart(runs)))


_ALIGNED = {
    Script.SUPER: '<w:vertAlign w:val="superscript"/>',
    Script.SUB: '<w:vertAlign w:val="subscript"/>',
    Script.BASE: "",
}


def _w_run(span: Span) -> str:
    properties = _ALIGNED[span.script] + ("<w:strike/>" if span.struck else "")
    text = f'<w:t xml:space="preserve">{escape(span.text)}</w:t>'
    return f"<w:r><w:rPr>{properties}</w:rPr>{text}</w:r>"


def _w_table(table: Table) -> str:
    rows = ["".join(f"<w:tc>{_w_p(_w_runs((cell,)))}</w:tc>" for cell in table.header)]
    for number, (row, owner) in enumerate(zip(table.rows, table.owners, strict=True)):
        merge = '<w:vMerge w:val="restart"/>' if owner == number else "<w:vMerge/>"
        first = _w_runs(row[:1]) if owner == number else ""
        cells = f"<w:tc><w:tcPr>{merge}</w:tcPr>{_w_p(first)}</w:tc>"
        rows.append(cells + "".join(f"<w:tc>{_w_p(_w_runs((cell,)))}</w:tc>" for cell in row[1:]))
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def _apart(runs: tuple[Run, ...]) -> list[Span]:
    """The spans of runs, with a space between two of them."""
    found: list[Span] = []
    for run in runs:
        found += [Span(" ")] if found else []
        found += run.spans
    return found


# OpenDocument

_OD_STYLES = (
    "<office:automatic-styles>"
    '<style:style style:name="Up" style:family="text"><style:text-properties'
    ' style:text-position="super 58%"/></style:style>'
    '<style:style style:name="Down" style:family="text"><style:text-properties'
    ' style:text-position="sub 58%"/></style:style>'
    '<style:style style:name="Gone" style:family="text"><style:text-properties'
    ' style:text-line-through-style="solid"/></style:style></office:automatic-styles>'
)


def to_odt(model: Model) -> bytes:
    body, before = "", -1
    for block in model.blocks:
        depth = block.depth if isinstance(block, Item) else -1
        for _ in range(before - depth):
            body += "</text:list-item></text:list>"
        if depth >= 0 and depth <= before:
            body += "</text:list-item><text:list-item>"
        for _ in range(depth - before):
            body += "<text:list><text:list-item>"
        before = depth
        body += _od_block(block)
    body += "</text:list-item></text:list>" * (before + 1)
    return odf("text", body, _OD_STYLES)


def _od_block(block: Heading | Paragraph | Item | Table) -> str:
    if isinstance(block, Table):
        return _od_table(block)
    if isinstance(block, Heading):
        return f'<text:h text:outline-level="{block.level}">{_od_runs(block.runs)}</text:h>'
    note = ""
    if isinstance(block, Paragraph) and block.note:
        inside = f"<text:note-body><text:p>{_od_runs(block.note)}</text:p></text:note-body>"
        note = f"<text:note><text:note-citation>1</text:note-citation>{inside}</text:note>"
    return f"<text:p>{_od_runs(block.runs)}{note}</text:p>"


def _od_runs(runs: tuple[Run, ...]) -> str:
    names = {Script.SUPER: "Up", Script.SUB: "Down", Script.BASE: ""}
    found = ""
    for span in _apart(runs):
        name = "Gone" if span.struck else names[span.script]
        text = escape(span.text)
        found += f'<text:span text:style-name="{name}">{text}</text:span>' if name else text
    return found


def _od_table(table: Table) -> str:
    def cell(run: Run, attributes: str = "") -> str:
        return (
            f"<table:table-cell {attributes}><text:p>{_od_runs((run,))}</text:p></table:table-cell>"
        )

    rows = ["".join(map(cell, table.header))]
    for number, (row, owner) in enumerate(zip(table.rows, table.owners, strict=True)):
        reach = table.owners.count(owner)
        spanned = f'table:number-rows-spanned="{reach}"'
        first = cell(row[0], spanned) if owner == number else "<table:covered-table-cell/>"
        rows.append(first + "".join(map(cell, row[1:])))
    each = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    return f"<table:table>{each}</table:table>"


# HTML and Markdown


def to_html(model: Model) -> bytes:
    body, before, notes = "", -1, ""
    for block in model.blocks:
        depth = block.depth if isinstance(block, Item) else -1
        body += "</li></ul>" * (before - depth)
        body += "</li><li>" if 0 <= depth <= before else ""
        body += "<ul><li>" * (depth - before)
        before = depth
        if isinstance(block, Heading):
            body += f"<h{block.level}>{_h_runs(block.runs)}</h{block.level}>"
        elif isinstance(block, Table):
            body += _h_table(block)
        elif isinstance(block, Paragraph):
            body += f"<p>{_h_runs(block.runs)}</p>"
            notes += f"<p>{_h_runs(block.note)}</p>" if block.note else ""
        else:
            body += _h_runs(block.runs)
    body += "</li></ul>" * (before + 1)
    page = f"<!doctype html><html><body><main>{body}{notes}</main></body></html>"
    return page.encode()


def _h_runs(runs: tuple[Run, ...]) -> str:
    names = {Script.SUPER: "sup", Script.SUB: "sub", Script.BASE: ""}
    found = ""
    for span in _apart(runs):
        name = "s" if span.struck else names[span.script]
        text = escape(span.text)
        found += f"<{name}>{text}</{name}>" if name else text
    return found


def _h_table(table: Table) -> str:
    found = "<tr>" + "".join(f"<th>{_h_runs((cell,))}</th>" for cell in table.header) + "</tr>"
    for number, (row, owner) in enumerate(zip(table.rows, table.owners, strict=True)):
        reach = table.owners.count(owner)
        first = f'<td rowspan="{reach}">{_h_runs(row[:1])}</td>' if owner == number else ""
        cells = "".join(f"<td>{_h_runs((cell,))}</td>" for cell in row[1:])
        found += f"<tr>{first}{cells}</tr>"
    return f"<table>{found}</table>"


def to_markdown(model: Model) -> bytes:
    lines: list[str] = []
    notes = 0
    for block in model.blocks:
        if isinstance(block, Table):
            lines += ["", _m_row(block.header), "|" + " --- |" * len(block.header)]
            for row, owner in zip(block.rows, block.owners, strict=True):
                lines.append(_m_row((block.rows[owner][0], *row[1:])))
            lines.append("")
            continue
        text = written(_apart(block.runs))
        if isinstance(block, Heading):
            lines += ["", f"{'#' * block.level} {text}", ""]
        elif isinstance(block, Item):
            lines.append(f"{'  ' * block.depth}- {text}")
        elif block.note:
            notes += 1
            lines += ["", f"{text}[^{notes}]", "", f"[^{notes}]: {written(_apart(block.note))}", ""]
        else:
            lines += ["", text, ""]
    return "\n".join(lines).encode()


def _m_row(cells: tuple[Run, ...]) -> str:
    return f"| {' | '.join(cell.shown for cell in cells)} |"


# Sheets and slides


def to_xlsx(model: Model) -> bytes:
    def build(book: Any) -> None:
        page = book.active
        for block in model.blocks:
            if isinstance(block, Table):
                _x_table(page, block)
                continue
            page.append([_x_cell(block.runs)])
            if isinstance(block, Paragraph) and block.note:
                page.append([_x_cell(block.note)])

    return xlsx(build)


def _x_cell(runs: tuple[Run, ...]) -> Any:
    from openpyxl.cell.rich_text import CellRichText, TextBlock
    from openpyxl.cell.text import InlineFont

    names = {Script.SUPER: "superscript", Script.SUB: "subscript", Script.BASE: None}
    parts = [
        TextBlock(InlineFont(vertAlign=names[span.script], strike=span.struck or None), span.text)
        for span in _apart(runs)
    ]
    return CellRichText(*parts)


def _x_table(page: Any, table: Table) -> None:
    page.append([_x_cell((cell,)) for cell in table.header])
    start = page.max_row + 1
    for number, (row, owner) in enumerate(zip(table.rows, table.owners, strict=True)):
        first = _x_cell(row[:1]) if owner == number else None
        page.append([first, *(_x_cell((cell,)) for cell in row[1:])])
    for owner in set(table.owners):
        last = owner + table.owners.count(owner) - 1
        page.merge_cells(
            start_row=start + owner, end_row=start + last, start_column=1, end_column=1
        )


def to_pptx(model: Model) -> bytes:
    def build(presentation: Any) -> None:
        slide = None
        for block in model.blocks:
            if isinstance(block, Heading) or slide is None:
                slide = presentation.slides.add_slide(presentation.slide_layouts[5])
                _p_fill(slide.shapes.title.text_frame, block.runs)
            elif isinstance(block, Table):
                _p_table(slide, block)
            else:
                frame = slide.shapes.add_textbox(0, 0, 999, 999).text_frame
                _p_fill(frame, block.runs)
                if isinstance(block, Paragraph) and block.note:
                    notes = slide.notes_slide.notes_text_frame
                    _p_fill(notes, block.note, more=True)

    return pptx(build)


def _p_fill(frame: Any, runs: tuple[Run, ...], *, more: bool = False) -> None:
    paragraph = frame.add_paragraph() if more else frame.paragraphs[0]
    baselines = {Script.SUPER: "30000", Script.SUB: "-25000", Script.BASE: None}
    for span in _apart(runs):
        run = paragraph.add_run()
        run.text = span.text
        if span.struck:
            run._r.get_or_add_rPr().set("strike", "sngStrike")
        if baselines[span.script]:
            run._r.get_or_add_rPr().set("baseline", baselines[span.script])


def _p_table(slide: Any, table: Table) -> None:
    size = (len(table.rows) + 1, len(table.header))
    grid = slide.shapes.add_table(*size, 0, 0, 999, 999).table
    rows = (table.header, *table.rows)
    for y, (line, row) in enumerate(zip(grid._tbl.tr_lst, rows, strict=True)):
        owner = table.owners[y - 1] if y else -1
        for x, (cell, run) in enumerate(zip(line.tc_lst, row, strict=True)):
            if x or not y or owner == y - 1:
                cell.get_or_add_txBody().p_lst[0].add_r().text = run.shown
            if not x and y:
                reach = table.owners.count(owner)
                if owner == y - 1:
                    cell.rowSpan = reach
                else:
                    cell.vMerge = True


WRITERS = {
    "a.docx": to_docx,
    "a.odt": to_odt,
    "a.html": to_html,
    "a.md": to_markdown,
    "a.xlsx": to_xlsx,
    "a.pptx": to_pptx,
}
