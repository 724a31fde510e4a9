"""What cells of sheets show besides their values: merged cells, formulas, errors, links, marks."""

import pytest

from knowledge.documents.loading import load
from tests.documents.makers_office import changed, odf, parts_of, xlsx


def sheet(build, name="a.xlsx"):
    """The first document of a workbook, and its lines."""
    document = load(xlsx(lambda book: build(book.active)), name).documents[0]
    return document, document.text.splitlines()


def test_a_cell_that_reaches_down_stands_in_every_row():
    def build(page):
        for row in (["Dept", "Name"], ["Sales", "Ann"], [None, "Bob"], ["Law", "Cy"], [None, "Di"]):
            page.append(row)
        page.append([None, None])
        page.append(["end", "of it"])
        page.merge_cells("A2:A3")
        page.merge_cells("A4:A6")

    assert sheet(build)[1] == [
        "Dept,Name",
        "Sales,Ann",
        "Sales,Bob",
        "Law,Cy",
        "Law,Di",
        "",
        "end,of it",
    ]


def test_a_formula_without_a_result_is_shown():
    document, lines = sheet(
        lambda page: [page.append(row) for row in (["a", 1], ["sum", '=B1&"<"'])]
    )
    assert lines == ["a,1", 'sum,"=B1&""<"""']
    assert document.warnings == ("a formula has no stored result, so it is shown itself",)


def test_formulas_beside_all_values_widen_the_table():
    def build(page):
        page["B3"], page["D4"], page["A2"] = "word", "=B3", "=D4"

    document, lines = sheet(build)
    assert lines == ["=D4", ",word", ",,,=B3"]
    assert document.first_line == 2
    assert document.warnings[0].startswith("2 formulas")


def test_errors_are_kept():
    def build(page):
        page.append(["a", "#DIV/0!", "#N/A"])
        for cell in ("B1", "C1"):
            page[cell].data_type = "e"

    assert sheet(build)[1] == ["a,#DIV/0!,#N/A"]


def test_addresses_of_links_are_kept():
    def build(page):
        page.append(["manual", "https://example.org/b", "inside"])
        page["A1"].hyperlink = "https://example.org/a"
        page["B1"].hyperlink = "https://example.org/b"
        page["C1"].hyperlink = "#Sheet!A1"

    assert sheet(build)[1] == ["[manual](https://example.org/a),https://example.org/b,inside"]


def raw(row):
    """The text of a sheet of this XML."""
    names = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    page = f'<worksheet xmlns="{names}"><sheetData><row r="1">{row}</row></sheetData></worksheet>'
    data = changed(xlsx(lambda book: None), **{"xl/worksheets/sheet1.xml": page})
    return load(data, "a.xlsx").documents[0].text.strip()


def test_shared_formulas_stored_results_and_errors():
    row = (
        '<c r="A1"><f>1+1</f><v>2</v></c><c r="B1"><f t="shared" si="0"/></c>'
        '<c r="C1" t="str"><f>"a"</f><v>text</v></c><c r="D1" t="e"><f>1/0</f><v>#DIV/0!</v></c>'
    )
    assert raw(row) == "2,=…,text,#DIV/0!"


def test_the_address_of_a_formula_is_kept():
    row = '<c r="A1" t="str"><f>HYPERLINK("https://e.org/d?a=1&amp;b=2","here")</f><v>here</v></c>'
    assert raw(row) == "[here](https://e.org/d?a=1&b=2)"


def test_marks_of_texts_and_of_cells():
    from openpyxl.cell.rich_text import CellRichText, TextBlock
    from openpyxl.cell.text import InlineFont
    from openpyxl.styles import Font

    up, down = InlineFont(vertAlign="superscript"), InlineFont(vertAlign="subscript")
    symbol = InlineFont(rFont="Symbol")

    def build(page):
        page.append(
            [
                CellRichText("10", TextBlock(up, "6"), " cells"),
                CellRichText("CO", TextBlock(down, "2")),
                CellRichText("5 ", TextBlock(symbol, "m"), "m"),
                CellRichText("was ", TextBlock(InlineFont(strike=True), "4500"), "7300"),
                "void",
                "\xfe",
                "plain",
            ]
        )
        page["E1"].font, page["F1"].font = Font(strike=True), Font(name="Wingdings")

    assert sheet(build)[1] == ["10^6 cells,CO₂,5 µm,was ~~4500~~ 7300,~~void~~,☑,plain"]


def cell(content, attributes=""):
    return f'<table:table-cell office:value-type="string" {attributes}>{content}</table:table-cell>'


def p(content):
    return f"<text:p>{content}</text:p>"


def ods(*rows, styles=""):
    table = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
    body = f'<table:table table:name="Sheet">{table}</table:table>'
    return load(odf("spreadsheet", body, styles), "a.ods").documents


COVERED = "<table:covered-table-cell/>"
STYLES = """<office:styles>
<style:style style:name="Up" style:family="text"><style:text-properties
 style:text-position="super 58%"/></style:style>
<style:style style:name="Gone" style:family="table-cell"><style:text-properties
 style:text-line-through-style="solid"/></style:style></office:styles>"""


def test_opendocument_cells_that_reach_down():
    (document,) = ods(
        [cell(p("Sales"), 'table:number-rows-spanned="2"'), cell(p("Ann"))],
        [COVERED, cell(p("Bob"))],
        [cell(p("Law")), cell(p("Cy"))],
    )
    assert document.text.splitlines() == ["Sales,Ann", "Sales,Bob", "Law,Cy"]


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (cell(p('<text:a xlink:href="https://e.org/x">t</text:a>')), "[t](https://e.org/x)"),
        (cell(p('m<text:span text:style-name="Up">2</text:span>')), "m²"),
        (cell(p("void"), 'table:style-name="Gone"'), "~~void~~"),
        ('<table:table-cell table:formula="of:=SUM([.A1])"/>', "=SUM([.A1])"),
        (cell(p("#DIV/0!"), 'table:formula="of:=1/0" office:string-value=""'), "#DIV/0!"),
    ],
)
def test_opendocument_cells_show_more_than_values(made, shown):
    document = ods([cell(p("first")), made, cell(p("last"))], styles=STYLES)[0]
    assert document.text.splitlines() == [f"first,{shown},last"]


def test_opendocument_comments_stand_beside_the_cells():
    note = f"<office:annotation><dc:creator>Ana</dc:creator>{p('Why so much?')}</office:annotation>"
    rows, beside = ods([cell(note + p("17")), cell(p("x"))])
    assert rows.text.strip() == "17,x"
    assert beside.text == "Comment by Ana: Why so much?"
    assert beside.heading == ("Sheet",)


def test_a_sheet_that_is_one_xml_file():
    cell = (
        '<table:table-cell office:value-type="string">\n <text:p>{}</text:p>\n</table:table-cell>\n'
    )
    rows = "".join(
        f"<table:table-row>\n{''.join(map(cell.format, row))}</table:table-row>\n"
        for row in (("part", "bin"), ("pump", "a <text:span>b</text:span> c"))
    )
    content = parts_of(odf("spreadsheet", f'<table:table table:name="S">\n{rows}</table:table>'))
    flat = content["content.xml"].replace(b"document-content", b"document")
    (document,) = load(flat, "a.fods").documents
    assert document.text == "part,bin\npump,a b c\n"
