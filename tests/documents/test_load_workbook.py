import datetime
import io
import re
import tracemalloc

import pytest

from knowledge.documents.loading import load
from knowledge.documents.options import LoadOptions
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.model import PageUnit, SplitterSpec, TextKind
from tests.documents.makers import load_one
from tests.documents.makers_office import locked_odf, locked_ooxml, odf, xls, xlsx


def fill(book):
    from openpyxl.comments import Comment

    book.properties.title = "A workbook"
    sales = book.active
    sales.title = "Sales & Co"
    rows = [
        ["name", "sold", "share", "pieces", "paid"],
        ['bolt "M8", long', datetime.date(2024, 3, 1), 0.25, 3, True],
        [],
        ["two\nlines", datetime.datetime(2024, 3, 1, 12, 30), 1234567.891, -4, False],
    ]
    for number, row in enumerate(rows, 3):
        for column, value in enumerate(row, 2):
            sales.cell(number, column, value)
    sales["B4"].comment = Comment("Sold out", "Bob")
    hidden = book.create_sheet("Hidden")
    hidden.sheet_state = "hidden"
    hidden["A1"] = "found all the same"
    book.create_sheet("Empty")


@pytest.fixture(scope="module")
def data():
    return xlsx(fill)


EXPECTED = """\
name,sold,share,pieces,paid
"bolt ""M8"", long",2024-03-01,0.25,3,TRUE

two lines,2024-03-01 12:30:00,1234567.891,-4,FALSE
"""


def test_a_document_for_each_sheet(data):
    loaded = load(data, "a.xlsx")
    sales, hidden, comments = loaded.documents
    assert sales.text == EXPECTED
    assert (sales.kind, sales.page_unit, sales.has_lines) == (TextKind.ROWS, PageUnit.SHEET, True)
    assert sales.first_line == 3
    assert hidden.text == "found all the same\n"
    assert hidden.pages[0].number == 2
    assert comments.text == "Comment on B4: Sold out"
    assert loaded.metadata["title"] == "A workbook"
    assert loaded.metadata["sheets"] == 3


def test_passages_name_sheet_and_rows_and_repeat_the_header():
    def many(book):
        book.active.title = "Sales"
        book.active.append(["id", "name"])
        for number in range(2, 102):
            book.active.append([number, f"name of {number}"])

    (document,) = load(xlsx(many), "book.xlsx").documents
    found = split(document, SplitterSpec(60, 0))
    assert len(found) > 5
    for passage in found:
        assert passage.heading == ("Sales",)
        assert passage.text.startswith("id,name\n")
        rows = passage.text.splitlines()[1:]
        first = 1 if passage.ordinal == 0 else int(rows[0].partition(",")[0])
        last = int(rows[-1].partition(",")[0])
        place = f"rows {first}-{last}" if last > first else f"row {first}"
        assert passage.cite("book.xlsx") == f"book.xlsx, sheet Sales, {place}"


def test_a_comment_is_cited_by_its_sheet(data):
    (passage,) = split(load(data, "a.xlsx").documents[2], SplitterSpec())
    assert passage.cite("a.xlsx") == "a.xlsx, sheet Sales & Co"


def test_excel_97():
    day = datetime.datetime(2024, 3, 1)
    data = xls(Sales=[["name", "pieces"], ["bolt", 3.5], ["nut", 4]], Other=[[True, day]])
    sales, other = load(data, "a.xls").documents
    assert sales.text == "name,pieces\nbolt,3.5\nnut,4\n"
    assert other.pages[0].name == "Other"
    assert other.text.startswith("TRUE,")


def test_opendocument_spreadsheets():
    def row(*cells):
        cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
        shown = "".join(map(cell.format, cells))
        return f"<table:table-row>{shown}</table:table-row>"

    gap = '<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>'
    body = (
        f'<table:table table:name="Costs">{row("name", "sum")}{gap}{row("rent", "9")}</table:table>'
    )
    data = odf("spreadsheet", body, meta="<dc:title>Budget</dc:title>")
    loaded = load(data, "a.ods")
    (sheet,) = loaded.documents
    assert sheet.text == "name,sum\n\n\nrent,9\n"
    assert sheet.pages[0].name == "Costs"
    assert loaded.metadata["title"] == "Budget"
    found = split(sheet, SplitterSpec())
    assert found[0].cite("a.ods") == "a.ods, sheet Costs, rows 1-4"


def lines(data, name):
    """The text of the one sheet; it took little memory."""
    tracemalloc.start()
    document = load_one(data, name)
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
    return document


def test_a_cell_at_the_far_corner_of_a_sheet():
    def fill(book):
        sheet = book.active
        sheet.append(["name", "sold"])
        sheet.append(["bolts", datetime.date(2024, 3, 1)])
        sheet["B5"] = 0.25
        sheet["B5"].number_format = "0%"
        sheet["XFD1048576"] = "far away"

    document = lines(xlsx(fill), "a.xlsx")
    assert document.text == "name,sold\nbolts,2024-03-01\n\n,25%\n\n,,,far away\n"
    assert not document.has_lines
    assert "too far apart" in document.warnings[0]


@pytest.mark.slow
def test_cells_on_a_long_diagonal():
    def fill(book):
        for number in range(1, 16_000, 2):
            book.active.cell(number, number, f"n{number}")

    text = lines(xlsx(fill), "a.xlsx").text
    assert [line for line in text.split("\n") if line] == [f"n{n}" for n in range(1, 16_000, 2)]


def test_a_cell_without_content_makes_no_sheet_wide():
    from openpyxl.styles import Font

    def fill(book):
        book.active["A1"] = "near"
        book.active["XFD1048576"].font = Font(bold=True)

    assert lines(xlsx(fill), "a.xlsx").text == "near\n"


def cell(text, repeated=1):
    inside = f"><text:p>{text}</text:p></table:table-cell>" if text else "/>"
    kind = ' office:value-type="string"' if text else ""
    return f'<table:table-cell{kind} table:number-columns-repeated="{repeated}"{inside}'


def rows(*cells, repeated=1):
    times = f'table:number-rows-repeated="{repeated}"'
    return f"<table:table-row {times}>{''.join(cells)}</table:table-row>"


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        (
            rows(cell("near"))
            + rows(cell(""), repeated=1_048_574)
            + rows(cell("", 16_383), cell("far away")),
            ["near", "far away"],
        ),
        (rows(cell("again", 16_384), repeated=1_048_576), ["again"]),
        (
            rows(cell("near"), cell("", 16_383)) + rows(cell("", 16_384), repeated=1_048_575),
            ["near"],
        ),
    ],
)
def test_an_ods_sheet_of_repeated_cells(inside, found):
    data = odf("spreadsheet", f'<table:table table:name="S">{inside}</table:table>')
    text = lines(data, "a.ods").text
    assert list(dict.fromkeys(part for part in re.split(r"[,\n]", text) if part)) == found


@pytest.mark.slow
def test_a_cell_at_the_far_corner_of_an_old_sheet():
    import xlwt

    book, output = xlwt.Workbook(), io.BytesIO()
    sheet = book.add_sheet("S")
    sheet.write(0, 0, "near")
    for row in range(65_500, 65_536):
        sheet.write(row, 255, f"far {row}")
    book.save(output)
    text = lines(output.getvalue(), "a.xls").text
    assert text.startswith("near\n")
    assert text.endswith("far 65535\n")


def test_a_csv_line_of_a_million_columns():
    document = lines(b"name,sold" + b"," * 1_000_000 + b"far\nbolts,3\n", "a.csv")
    found = list(split(document, SplitterSpec()))
    assert "bolts,3" in found[-1].text


def test_charts_and_text_boxes_stand_beside_the_cells():
    def fill(book):
        from openpyxl.chart import BarChart, Reference

        sheet = book.active
        for row in (["year", "sum"], [2023, 10], [2024, 12]):
            sheet.append(row)
        chart = BarChart()
        chart.title = "Growth of sums"
        chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
        sheet.add_chart(chart, "E5")

    _, beside = load(xlsx(fill), "a.xlsx").documents
    assert "Growth of sums" in beside.text
    assert beside.pages[0].name == "Sheet"


def test_a_page_of_html_and_a_text_that_call_themselves_workbooks():
    assert "cell" in load_one(b"<html><table><tr><td>cell</td></tr></table></html>", "a.xls").text
    assert load_one(b"a\tb\n1\t2\n", "a.xls").kind is TextKind.ROWS


def test_a_workbook_without_cells_is_empty():
    with pytest.raises(EmptyDocumentError):
        load_one(xlsx(lambda book: None), "a.xlsx")


def test_a_password(data):
    locked = locked_ooxml(data, "secret")
    with pytest.raises(DocumentError, match="protected by a password"):
        load(locked, "a.xlsx")
    assert load(locked, "a.xlsx", passwords_of("secret")).documents[0].text == EXPECTED


def test_a_workbook_that_is_only_protected_against_changes_opens(data):
    locked = locked_ooxml(data, "VelvetSweatshop")
    assert load(locked, "a.xlsx").documents[0].text == EXPECTED


def passwords_of(*passwords):
    from knowledge.documents.options import LoadOptions

    return LoadOptions(passwords=passwords)


def test_damaged_files(data):
    old = xls(S=[["text"]])
    for damaged in (data[:700], data[: len(data) // 2], data[:4] + bytes(500)):
        with pytest.raises(DocumentError, match="can't be read"):
            load(damaged, "a.xlsx")
    for damaged in (old[:700], old[: len(old) // 2], old[:8] + bytes(5000)):
        with pytest.raises(DocumentError):
            load(damaged, "a.xls")


def with_shares(book):
    sheet = book.active
    sheet.title = "Shares"
    formats = ("0%", "0.0%", '"about "0.00%', "General", '0.0"%"')
    for number, format_ in enumerate(formats, 3):
        cell = sheet.cell(number, 2, 0.256)
        cell.number_format = format_
    sheet.cell(8, 2, "none").number_format = "0%"
    other = book.create_sheet("Other")
    other["A1"] = 0.5


def test_percentages_are_shown_as_such():
    shares, other = load(xlsx(with_shares), "a.xlsx").documents
    assert shares.text == "26%\n25.6%\n25.60%\n0.256\n0.256\nnone\n"
    assert other.text == "0.5\n"


def test_percentages_of_excel_97():
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("Shares")
    for number, format_ in enumerate(("0%", "0.00%", "General")):
        sheet.write(number, 1, 0.125, xlwt.easyxf(num_format_str=format_))
    output = io.BytesIO()
    book.save(output)
    assert load_one(output.getvalue(), "a.xls").text == ",12%\n,12.50%\n,0.125\n"


def test_percentages_of_opendocument_spreadsheets():
    share = (
        '<table:table-cell office:value-type="percentage" office:value="0.125"{}>'
        "<text:p>{}</text:p></table:table-cell>"
    )
    number = '<table:table-cell office:value-type="float" office:value="0.125"/>'
    first = f"<table:table-row>{number}{share.format('', '12,5%')}</table:table-row>"
    twice = share.format(' table:number-columns-repeated="2"', "13 %")
    second = f'<table:table-row table:number-rows-repeated="2">{twice}{number}</table:table-row>'
    data = odf("spreadsheet", f'<table:table table:name="S">{first}{second}</table:table>')
    text = load_one(data, "a.ods").text
    assert text == "0.125,12.5%\n12%,12%,0.125\n12%,12%,0.125\n"


def test_a_password_of_an_opendocument_spreadsheet():
    cell = '<table:table-cell office:value-type="string"><text:p>A cost</text:p></table:table-cell>'
    body = f'<table:table table:name="S"><table:table-row>{cell}</table:table-row></table:table>'
    locked = locked_odf(odf("spreadsheet", body), "secret")
    for passwords in ((), ("wrong",)):
        with pytest.raises(DocumentError, match="protected by a password") as caught:
            load(locked, "a.ods", LoadOptions(passwords=passwords))
        assert "`passwords`" in caught.value.hint
    assert load_one(locked, "a.ods", passwords=("wrong", "secret")).text == "A cost\n"
