"""Samples of office formats: (title of the format, column) to a sample."""

import struct

from tests.documents.kept.sample import (
    BOXES,
    COMMENTS,
    HIDDEN,
    MERGED,
    RAISED,
    RUNNING,
    STRUCK,
    SYMBOLS,
    Sample,
)
from tests.documents.makers_office import (
    odf,
    pptx,
    with_records,
    with_relation,
    word,
    xls_of,
    xlsx,
)

MARKED = ("10^6 cells", "5 m²", "CO₂")
GONE = ("was ~~4500~~ 7300",)
SIGNS = ("5 µm", "☑ done")
GRID = (("Dept", "Name"), ("Sales", "Ann"), ("", "Bob"))
MARKDOWN_ROWS = ("| Sales | Ann |", "| Sales | Bob |")


def _run(text, properties=""):
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def _p(*runs):
    return f"<w:p>{''.join(runs)}</w:p>"


def _tc(text, merge=""):
    return f"<w:tc><w:tcPr>{merge}</w:tcPr>{_p(_run(text))}</w:tc>"


_UP, _DOWN = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'
_BEGINS = '<w:vMerge w:val="restart"/>'
_BOX = (
    '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:checked/></w:checkBox>'
    '</w:ffData></w:fldChar></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
)
_WORD = {
    RAISED: (
        word(
            _p(_run("10"), _run("6", _UP), _run(" cells, 5 m"), _run("2", _UP), _run(" CO"))
            + _p(_run("CO"), _run("2", _DOWN))
        ),
        MARKED,
    ),
    STRUCK: (word(_p(_run("was "), _run("4500", "<w:strike/>"), _run("7300"))), GONE),
    SYMBOLS: (
        word(
            _p(_run("5 "), '<w:r><w:sym w:font="Symbol" w:char="F06D"/></w:r>', _run("m"))
            + _p(_run("\uf0fe", '<w:rFonts w:ascii="Wingdings"/>'), _run(" done"))
        ),
        SIGNS,
    ),
    MERGED: (
        word(
            "<w:tbl>"
            f"<w:tr>{_tc('Dept')}{_tc('Name')}</w:tr>"
            f"<w:tr>{_tc('Sales', _BEGINS)}{_tc('Ann')}</w:tr>"
            f"<w:tr>{_tc('', '<w:vMerge/>')}{_tc('Bob')}</w:tr></w:tbl>"
        ),
        MARKDOWN_ROWS,
    ),
    COMMENTS: (
        word(
            _p(_run("x"), '<w:r><w:commentReference w:id="0"/></w:r>'),
            comments=f'<w:comment w:id="0" w:author="Ana">{_p(_run("Why so?"))}</w:comment>',
        ),
        ("Comment by Ana: Why so?",),
    ),
    RUNNING: (
        word(_p(_run("x")), header1=_p(_run("Paper head")), footer1=_p(_run("Secret foot"))),
        ("Paper head", "Secret foot"),
    ),
    HIDDEN: (word(_p(_run("x "), _run("unseen", "<w:vanish/>"))), ("unseen",)),
    BOXES: (word(_p(_BOX, _run(" agreed"))), ("☑ agreed",)),
}

_STYLES = """<office:automatic-styles>
<style:style style:name="Up" style:family="text"><style:text-properties
 style:text-position="super 58%"/></style:style>
<style:style style:name="Down" style:family="text"><style:text-properties
 style:text-position="-33% 58%"/></style:style>
<style:style style:name="Gone" style:family="text"><style:text-properties
 style:text-line-through-style="solid"/></style:style>
<style:style style:name="Sign" style:family="text"><style:text-properties
 style:font-name="Symbol"/></style:style>
<style:style style:name="Ding" style:family="text"><style:text-properties
 style:font-name="Wingdings"/></style:style></office:automatic-styles>"""


def _span(text, style):
    return f'<text:span text:style-name="{style}">{text}</text:span>'


def _tp(content):
    return f"<text:p>{content}</text:p>"


def _cell(text, attributes=""):
    return (
        f'<table:table-cell office:value-type="string" {attributes}>{_tp(text)}</table:table-cell>'
    )


def _rows(*rows):
    return "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)


_DOWN_TWO = 'table:number-rows-spanned="2"'
_TABLE = "<table:table>{}</table:table>".format(
    _rows(
        [_cell("Dept"), _cell("Name")],
        [_cell("Sales", _DOWN_TWO), _cell("Ann")],
        ["<table:covered-table-cell/>", _cell("Bob")],
    )
)
_NOTE = f"<office:annotation><dc:creator>Ana</dc:creator>{_tp('Why so?')}</office:annotation>"
_RAISED_P = (
    f"10{_span('6', 'Up')} cells, 5 m{_span('2', 'Up')} CO{_span('2', 'Down')}",
    f"was {_span('4500', 'Gone')}7300",
    f"5 {_span('m', 'Sign')}m {_span(chr(0xF0FE), 'Ding')} done",
)
_HEADS = (
    "<office:master-styles><style:master-page><style:header>{}</style:header><style:footer>{}"
    "</style:footer></style:master-page></office:master-styles>"
).format(_tp("Paper head"), _tp("Secret foot"))
_FORM_NAME = 'xmlns:form="urn:oasis:names:tc:opendocument:xmlns:form:1.0"'
_FORM = (
    f'<office:forms {_FORM_NAME}><form:form><form:checkbox form:label="agreed" '
    'form:current-state="checked"/></form:form></office:forms>'
)


def _open_text(body, styles=""):
    return odf("text", body, _STYLES + styles)


_ODT = {
    RAISED: (_open_text(_tp(_RAISED_P[0])), MARKED),
    STRUCK: (_open_text(_tp(_RAISED_P[1])), GONE),
    SYMBOLS: (_open_text(_tp(_RAISED_P[2])), SIGNS),
    MERGED: (_open_text(_TABLE), MARKDOWN_ROWS),
    COMMENTS: (_open_text(_tp(f"x{_NOTE}")), ("Comment by Ana: Why so?",)),
    RUNNING: (_open_text(_tp("x"), _HEADS), ("Paper head", "Secret foot")),
    HIDDEN: (
        _open_text(f'{_tp("x")}<text:section text:display="none">{_tp("unseen")}</text:section>'),
        ("unseen",),
    ),
    BOXES: (_open_text(_FORM + _tp("x")), ("☑ agreed",)),
}


def _open_slide(content, attributes="", styles=""):
    box = f"<draw:frame><draw:text-box>{content}</draw:text-box></draw:frame>"
    page = f"<draw:page {attributes}>{box}</draw:page>"
    return odf("presentation", page, _STYLES + styles)


_ODP = {
    RAISED: (_open_slide(_tp(_RAISED_P[0])), MARKED),
    STRUCK: (_open_slide(_tp(_RAISED_P[1])), GONE),
    SYMBOLS: (_open_slide(_tp(_RAISED_P[2])), SIGNS),
    MERGED: (_open_slide(_TABLE), MARKDOWN_ROWS),
    COMMENTS: (_open_slide(_tp(f"x{_NOTE}")), ("Comment by Ana: Why so?",)),
    RUNNING: (_open_slide(_tp("x"), styles=_HEADS), ("Paper head", "Secret foot")),
    HIDDEN: (_open_slide(_tp("unseen"), 'presentation:visibility="hidden"'), ("unseen",)),
}


def _ods(*rows, attributes="", before="", styles=""):
    table = f'<table:table table:name="S" {attributes}>{before}{_rows(*rows)}</table:table>'
    return odf("spreadsheet", table, _STYLES + styles)


_ODS = {
    RAISED: (_ods([_cell(_RAISED_P[0])]), MARKED),
    STRUCK: (_ods([_cell(_RAISED_P[1])]), GONE),
    SYMBOLS: (_ods([_cell(_RAISED_P[2])]), SIGNS),
    MERGED: (
        _ods(
            [_cell("Sales", _DOWN_TWO), _cell("Ann")],
            ["<table:covered-table-cell/>", _cell("Bob")],
        ),
        ("Sales,Ann", "Sales,Bob"),
    ),
    COMMENTS: (
        _ods([_cell("x").replace("<text:p>", f"{_NOTE}<text:p>")]),
        ("Comment by Ana: Why so?",),
    ),
    RUNNING: (_ods([_cell("x")], styles=_HEADS), ("Paper head", "Secret foot")),
    HIDDEN: (_ods([_cell("unseen")], attributes='table:display="false"'), ("unseen",)),
    BOXES: (_ods([_cell("x")], before=_FORM), ("☑ agreed",)),
}


def _slide(*paragraphs):
    """A slide whose text box holds these paragraphs: lists of (text, run properties)."""

    def build(presentation):
        slide = presentation.slides.add_slide(presentation.slide_layouts[6])
        frame = slide.shapes.add_textbox(0, 0, 999, 999).text_frame
        for number, runs in enumerate(paragraphs):
            paragraph = frame.paragraphs[0] if not number else frame.add_paragraph()
            for text, properties in runs:
                run = paragraph.add_run()
                run.text = text
                _set_properties(run, properties)

    return pptx(build)


def _set_properties(run, properties):
    from pptx.oxml.ns import qn

    for name, value in properties.items():
        if name == "font":
            run._r.get_or_add_rPr().makeelement(qn("a:sym"), {})
            sym = run._r.get_or_add_rPr().makeelement(qn("a:sym"), {"typeface": value})
            run._r.get_or_add_rPr().append(sym)
        else:
            run._r.get_or_add_rPr().set(name, value)


def _slide_table(presentation):
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = slide.shapes.add_table(3, 2, 0, 0, 999, 999).table
    for y, row in enumerate(GRID):
        for x, text in enumerate(row):
            table.cell(y, x).text = text
    table.cell(1, 0).merge(table.cell(2, 0))


def _slide_with(comment):
    author = '<p:cmLst xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main">'
    text = f"{author}<p:cm><p:text>{comment}</p:text></p:cm></p:cmLst>"
    slide = "ppt/slides/slide1.xml"
    return with_relation(_slide([("x", {})]), slide, "rIdC", "comments", "c.xml", text)


def _slide_footer(presentation):
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    for shape in slide.slide_layout.placeholders:
        if "FOOTER" in str(shape.placeholder_format.type):
            slide.shapes._spTree.append(shape._element)
    slide.shapes[-1].text_frame.text = "Secret foot"


def _hidden_slide(presentation):
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    slide.shapes.add_textbox(0, 0, 999, 999).text_frame.text = "unseen"
    slide._element.set("show", "0")


_UP_30, _DOWN_25 = {"baseline": "30000"}, {"baseline": "-25000"}
_PPTX = {
    RAISED: (
        _slide(
            [("10", {}), ("6", _UP_30), (" cells, 5 m", {}), ("2", _UP_30)],
            [("CO", {}), ("2", _DOWN_25)],
        ),
        MARKED,
    ),
    STRUCK: (_slide([("was ", {}), ("4500", {"strike": "sngStrike"}), ("7300", {})]), GONE),
    SYMBOLS: (
        _slide(
            [("5 ", {}), ("m", {"font": "Symbol"}), ("m", {})],
            [("\uf0fe", {"font": "Wingdings"}), (" done", {})],
        ),
        SIGNS,
    ),
    MERGED: (pptx(_slide_table), MARKDOWN_ROWS),
    COMMENTS: (_slide_with("Why so?"), ("Comment: Why so?",)),
    RUNNING: (pptx(_slide_footer), ("Secret foot",)),
    HIDDEN: (pptx(_hidden_slide), ("unseen",)),
}


def _rich(book):
    from openpyxl.cell.rich_text import CellRichText, TextBlock
    from openpyxl.cell.text import InlineFont

    up, down = InlineFont(vertAlign="superscript"), InlineFont(vertAlign="subscript")
    ten = CellRichText("10", TextBlock(up, "6"), " cells, 5 m", TextBlock(up, "2"))
    book.active.append([ten, CellRichText("CO", TextBlock(down, "2"))])


def _struck_cell(book):
    from openpyxl.cell.rich_text import CellRichText, TextBlock
    from openpyxl.cell.text import InlineFont

    struck = InlineFont(strike=True)
    book.active.append([CellRichText("was ", TextBlock(struck, "4500"), "7300")])


def _sign_cells(book):
    from openpyxl.cell.rich_text import CellRichText, TextBlock
    from openpyxl.cell.text import InlineFont

    symbol, ding = InlineFont(rFont="Symbol"), InlineFont(rFont="Wingdings")
    book.active.append([CellRichText("5 ", TextBlock(symbol, "m"), "m")])
    book.active.append([CellRichText(TextBlock(ding, "\xfe"), " done")])


def _merged_cells(book):
    for row in GRID:
        book.active.append(row)
    book.active.merge_cells("A2:A3")


def _commented(book):
    from openpyxl.comments import Comment

    book.active["B2"] = "x"
    book.active["B2"].comment = Comment("Why so?", "Ana")


def _running_heads(book):
    book.active["A1"] = "x"
    book.active.oddHeader.center.text = "Paper head"
    book.active.oddFooter.center.text = "Secret foot"


def _hidden_sheet(book):
    book.active["A1"] = "x"
    page = book.create_sheet("Veiled")
    page["A1"] = "unseen"
    page.sheet_state = "hidden"


def _checkbox():
    control = (
        '<xml xmlns:v="urn:schemas-microsoft-com:vml" '
        'xmlns:x="urn:schemas-microsoft-com:office:excel">'
        "<v:shape><v:textbox><div><font>agreed</font></div></v:textbox>"
        '<x:ClientData ObjectType="Checkbox"><x:Checked>1</x:Checked>'
        "</x:ClientData></v:shape></xml>"
    )
    data = xlsx(lambda book: book.active.append(["x"]))
    return with_relation(
        data, "xl/worksheets/sheet1.xml", "rIdV", "vmlDrawing", "drawing1.vml", control
    )


_XLSX = {
    RAISED: (xlsx(_rich), MARKED),
    STRUCK: (xlsx(_struck_cell), GONE),
    SYMBOLS: (xlsx(_sign_cells), SIGNS),
    MERGED: (xlsx(_merged_cells), ("Sales,Ann", "Sales,Bob")),
    COMMENTS: (xlsx(_commented), ("Comment on B2: Why so?",)),
    RUNNING: (xlsx(_running_heads), ("Paper head", "Secret foot")),
    HIDDEN: (xlsx(_hidden_sheet), ("unseen",)),
    BOXES: (_checkbox(), ("☑ agreed",)),
}


def _old(fill):
    """A sheet of Excel 97."""
    return xls_of(lambda book: fill(book.add_sheet("S")))


def _old_font(**properties):
    import xlwt

    font = xlwt.Font()
    for name, value in properties.items():
        setattr(font, name, value)
    return font


def _old_rich(sheet):
    up, down = _old_font(escapement=1), _old_font(escapement=2)
    sheet.write_rich_text(0, 0, ["10", ("6", up), " cells, 5 m", ("2", up)])
    sheet.write_rich_text(0, 1, ["CO", ("2", down)])


def _old_signs(sheet):
    symbol, ding = _old_font(name="Symbol"), _old_font(name="Wingdings")
    sheet.write_rich_text(0, 0, ["5 ", ("m", symbol), "m"])
    sheet.write_rich_text(1, 0, [("\xfe", ding), " done"])


def _old_merged(sheet):
    for row, (left, right) in enumerate(GRID):
        sheet.write(row, 1, right)
        if not row:
            sheet.write(row, 0, left)
    sheet.write_merge(1, 2, 0, 0, "Sales")


def _old_commented(sheet):
    sheet.write(1, 1, "x")
    text = b"Why so?"
    with_records(
        sheet,
        (0x5D, struct.pack("<HHHHH12x", 0x15, 18, 0x19, 1, 0)),
        (0x1B6, struct.pack("<HH6xHHH", 0x212, 0, len(text), 0, 0)),
        (0x3C, b"\0" + text),
        (0x1C, struct.pack("<HHHHHB", 1, 1, 0, 1, 3, 0) + b"Ana\0"),
    )


def _old_running(sheet):
    sheet.write(0, 0, "x")
    sheet.header_str, sheet.footer_str = b"Paper head", b"Secret foot"


def _old_hidden(book):
    book.add_sheet("S").write(0, 0, "x")
    sheet = book.add_sheet("Veiled")
    sheet.write(0, 0, "unseen")
    sheet.visibility = 1


_XLS = {
    RAISED: (_old(_old_rich), MARKED),
    STRUCK: (
        _old(
            lambda sheet: sheet.write_rich_text(
                0, 0, ["was ", ("4500", _old_font(struck_out=True)), "7300"]
            )
        ),
        GONE,
    ),
    SYMBOLS: (_old(_old_signs), SIGNS),
    MERGED: (_old(_old_merged), ("Sales,Ann", "Sales,Bob")),
    COMMENTS: (_old(_old_commented), ("Comment by Ana on B2: Why so?",)),
    RUNNING: (_old(_old_running), ("Paper head", "Secret foot")),
    HIDDEN: (xls_of(_old_hidden), ("unseen",)),
    BOXES: (_old(lambda sheet: sheet.write(0, 0, "x")), ("☑ agreed",)),
}


def _rtf(body):
    fonts = r"{\fonttbl{\f0 Times;}{\f7\fcharset2 Symbol;}{\f8\fcharset2 Wingdings;}}"
    return (r"{\rtf1\ansi" + fonts + body + r"\par}").encode()


_RTF_TABLE = "".join(
    rf"\trowd{merge}\cellx1000\cellx2000\pard\intbl {left}\cell {right}\cell\row"
    for merge, (left, right) in zip(("", r"\clvmgf", r"\clvmrg"), GRID, strict=True)
)
_RTF = {
    RAISED: (_rtf(r"10{\super 6} cells, 5 m{\super 2}, CO{\sub 2}"), MARKED),
    STRUCK: (_rtf(r"was {\strike 4500}7300"), GONE),
    SYMBOLS: (_rtf(r"5 {\f7 m}m {\f8\'fe} done"), SIGNS),
    MERGED: (_rtf(_RTF_TABLE + r"\pard end"), MARKDOWN_ROWS),
    COMMENTS: (_rtf(r"x{\*\atnauthor Ana}{\*\annotation Why so?}"), ("Why so?",)),
    RUNNING: (_rtf(r"{\header Paper head\par}{\footer Secret foot\par}x"), ("Paper head", "foot")),
    HIDDEN: (_rtf(r"x {\v unseen} y"), ("unseen",)),
    BOXES: (
        _rtf(
            r"{\field{\*\fldinst FORMCHECKBOX {\*\formfield{\fftype1\ffres25\ffdefres1}}}"
            r"{\fldrslt}} agreed"
        ),
        ("☑ agreed",),
    ),
}

SAMPLES = {
    (title, column): Sample(name, data, shown)
    for title, name, samples in (
        ("Word", "a.docx", _WORD),
        ("OpenDocument text", "a.odt", _ODT),
        ("PowerPoint", "a.pptx", _PPTX),
        ("OpenDocument slides and drawings", "a.odp", _ODP),
        ("Excel", "a.xlsx", _XLSX),
        ("Excel 97", "a.xls", _XLS),
        ("OpenDocument sheet", "a.ods", _ODS),
        ("RTF", "a.rtf", _RTF),
    )
    for column, (data, shown) in samples.items()
}
