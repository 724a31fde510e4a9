import io
import zipfile

import pytest

from knowledge.documents.loaders.office import docx as loader
from knowledge.documents.loading import load
from knowledge.documents.options import LoadOptions
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError
from knowledge.model import SplitterSpec, TextKind
from tests.documents.makers import LOCKED_DOCX, PNG, docx, load_one
from tests.documents.makers_office import WORD, locked_ooxml, packed, parts_of, with_relation


def fill(document):
    document.core_properties.title = "A report"
    document.add_heading("Chapter", 1)
    document.add_paragraph("Words of the chapter.")
    document.add_heading("Section", 2)
    document.add_paragraph("An item", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for number, word in enumerate(("name", "size", "bolt", "M8")):
        table.cell(number // 2, number % 2).text = word
    document.add_paragraph("The end.")


@pytest.fixture(scope="module")
def data():
    return docx(fill)


@pytest.fixture(params=["kreuzberg", "lxml"])
def engine(request):
    return request.param


def test_a_document_becomes_markdown(engine, data):
    document = load_one(data, "a.docx", engines={"docx": engine})
    lines = [line.replace(" ", "").removeprefix("-") for line in document.text.splitlines() if line]
    expected = ["#Chapter", "Wordsofthechapter.", "##Section", "Anitem"]
    expected += ["|name|size|", "|---|---|", "|bolt|M8|", "Theend."]
    assert lines == expected
    assert (document.kind, document.loader) == (TextKind.MARKDOWN, engine)
    assert document.metadata["title"] == "A report"
    assert document.warnings == ()


def test_headings_lead_to_passages(engine, data):
    found = split(load_one(data, "a.docx", engines={"docx": engine}), SplitterSpec())
    assert found[0].heading[0] == "Chapter"


def test_a_password():
    with pytest.raises(DocumentError, match="protected by a password"):
        load_one(LOCKED_DOCX, "a.docx")


def test_damaged_files(data):
    for damaged in (data[:700], data[: len(data) // 2], data[:4] + bytes(500)):
        with pytest.raises(DocumentError, match="can't be read"):
            load_one(damaged, "a.docx")


def test_an_archive_without_a_document_fails():
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as file:
        file.writestr("word/other.xml", "<x/>")
    with pytest.raises(DocumentError):
        load_one(output.getvalue(), "a.docx")


def test_the_second_engine_is_named(data, monkeypatch):
    def fail(data):
        raise ValueError("no luck")

    monkeypatch.setattr(loader, "WordText", fail)
    document = load_one(data, "a.docx")
    assert document.loader == "kreuzberg"
    reason = "read by kreuzberg, since the first engine failed: it can't be read: no luck"
    assert document.warnings == (reason,)


BESIDE = {
    "footnotes": '<w:footnotes {0}><w:footnote w:id="2"><w:p><w:r><w:t>A source.</w:t></w:r></w:p>'
    "</w:footnote></w:footnotes>",
    "comments": '<w:comments {0}><w:comment w:id="0" w:author="Bob"><w:p><w:r><w:t>Really?</w:t>'
    "</w:r></w:p></w:comment></w:comments>",
}
BODY = """\
<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Chapter</w:t></w:r></w:p>
<w:p><w:r><w:t>A fact</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:t>, doubted</w:t>
</w:r><w:r><w:commentReference w:id="0"/></w:r><w:r><w:t>.</w:t></w:r></w:p>
<w:p><w:ins><w:r><w:t>put in</w:t></w:r></w:ins>
<w:del><w:r><w:delText>GONE</w:delText></w:r></w:del>
<w:sdt><w:sdtContent><w:r><w:t> and filled in</w:t></w:r></w:sdtContent></w:sdt>
<w:r><w:instrText>HYPERLINK "x"</w:instrText></w:r></w:p>
<w:p><w:r><w:t>With a box</w:t></w:r><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r>
<w:t>In the box</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r>
<w:t>In the box</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>name</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>parts</w:t></w:r>
</w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>bolt</w:t></w:r></w:p></w:tc><w:tc><w:tbl><w:tr><w:tc>
<w:p><w:r><w:t>head</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>thread</w:t></w:r></w:p></w:tc></w:tr>
</w:tbl></w:tc></w:tr></w:tbl>
<w:altChunk r:id="rIdA"/><w:sectPr/>"""
COMPLETE = """\
# Chapter

A fact[^1], doubted.

[^1]: A source.

> Comment by Bob: Really?

put in and filled in

With a box

In the box

| name | parts |
| --- | --- |
| bolt | head, thread |

merged in"""


def complete():
    def fill(document):
        document.sections[0].header.paragraphs[0].text = "Company paper"

    data = docx(fill)
    main = "word/document.xml"
    for kind, xml in BESIDE.items():
        type_ = f"application/vnd.openxmlformats-officedocument.wordprocessingml.{kind}+xml"
        xml = xml.format(WORD)
        data = with_relation(data, main, kind, kind, f"{kind}.xml", xml, type_)
    page = "<html><body><p>merged in</p></body></html>"
    data = with_relation(data, main, "rIdA", "aFChunk", "chunk.html", page, "text/html")
    parts = parts_of(data)
    before, section = parts[main].decode().split("<w:body>")
    section = section[section.index("<w:sectPr") :]
    head = '<w:document xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    if "xmlns:mc=" not in before:
        before = before.replace("<w:document ", head)
    body = BODY.replace("<w:sectPr/>", section)
    return packed(parts | {main: f"{before}<w:body>{body}"})


def test_all_parts_are_read():
    body, running = load(complete(), "a.docx").documents
    assert body.text == COMPLETE
    assert (body.loader, body.warnings) == ("lxml", ())
    assert (running.text, running.heading) == ("Company paper", ("Headers and footers",))


def test_a_chosen_engine_is_kept_to():
    options = LoadOptions(engines={"docx": "kreuzberg"})
    assert load(complete(), "a.docx", options).documents[0].loader == "kreuzberg"


@pytest.mark.slow
def test_real_passwords():
    locked = locked_ooxml(docx(fill), "open sesame")
    with pytest.raises(DocumentError, match="protected by a password") as caught:
        load_one(locked, "a.docx", passwords=("wrong",))
    assert "`passwords`" in caught.value.hint
    assert "Words of the chapter" in load_one(locked, "a.docx", passwords=("open sesame",)).text


def test_a_picture_that_calls_itself_a_document():
    with pytest.raises(DocumentError, match="PNG image"):
        load_one(PNG, "a.docx")


def test_numbers_and_levels_of_lists():
    def lists(document):
        for style in ("List Number", "List Number", "List Bullet", "List Bullet 2"):
            document.add_paragraph(f"an item of {style}", style=style)

    text = load_one(docx(lists), "a.docx").text
    assert text.split("\n")[:3] == [
        "1. an item of List Number",
        "2. an item of List Number",
        "- an item of List Bullet",
    ]


def with_math(*paragraphs):
    """A document whose paragraphs hold texts and equations; the latter begin with ``<m:``."""
    data = docx(lambda document: None)
    parts = parts_of(data)
    main = parts["word/document.xml"].decode()
    body = "".join(
        "<w:p>"
        + "".join(
            f"<m:oMath>{part}</m:oMath>"
            if part.startswith("<m:")
            else f"<w:r><w:t>{part}</w:t></w:r>"
            for part in paragraph
        )
        + "</w:p>"
        for paragraph in paragraphs
    )
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    body = body.replace("<m:oMath>", f'<m:oMath xmlns:m="{math}">')
    before, _, after = main.partition("<w:body>")
    return packed(parts | {"word/document.xml": f"{before}<w:body>{body}{after}"})


def run(text):
    return f"<m:r><m:t>{text}</m:t></m:r>"


def part(name, text):
    return f"<m:{name}>{run(text)}</m:{name}>"


E, SUB, SUP = part("e", "x"), part("sub", "i=1"), part("sup", "2")
EQUATIONS = {
    run("A=π") + f"<m:sSup>{E}{SUP}</m:sSup>": r"$A=\pi x^{2}$",
    f"<m:f>{part('num', '1')}{part('den', 'n')}</m:f>": r"$\frac{1}{n}$",
    f"<m:rad><m:deg/>{E}</m:rad>": r"$\sqrt{x}$",
    f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>{SUB}{SUP}{E}</m:nary>': (
        r"$\sum_{i=1}^{2}{x}$"
    ),
    f"<m:d>{E}{E}</m:d>": r"$\left(x|x\right)$",
    f"<m:func>{part('fName', 'cos')}{E}</m:func>": r"$\cos{x}$",
    f"<m:m><m:mr>{E}{E}</m:mr><m:mr>{E}{E}</m:mr></m:m>": (
        r"$\begin{matrix}x & x \\ x & x\end{matrix}$"
    ),
    f'<m:acc><m:accPr><m:chr m:val="\u20d7"/></m:accPr>{E}</m:acc>': r"$\vec{x}$",
}


@pytest.mark.parametrize(("xml", "shown"), EQUATIONS.items(), ids=EQUATIONS.values())
def test_equations_stand_in_their_sentence(xml, shown):
    (document,) = load(with_math(["The area is ", xml, " in all."], ["Next."]), "a.docx").documents
    assert document.text == f"The area is {shown} in all.\n\nNext."


def test_nested_lists_keep_their_levels():
    def lists(document):
        for style in ("List Bullet", "List Bullet 2", "List Bullet"):
            document.add_paragraph(f"an item of {style}", style=style)

    assert load_one(docx(lists), "a.docx").text == (
        "- an item of List Bullet\n  - an item of List Bullet 2\n- an item of List Bullet"
    )


def test_charts_and_diagrams_stand_where_they_are_shown():
    def two(document):
        document.add_paragraph("Before.")
        document.add_paragraph("CHART")
        document.add_paragraph("DIAGRAM")
        document.add_paragraph("After.")

    drawing = "http://schemas.openxmlformats.org/drawingml/2006"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    names = f'xmlns:c="{drawing}/chart" xmlns:a="{drawing}/main" xmlns:d="{drawing}/diagram"'
    title = "<c:title><a:p><a:r><a:t>Sales by year</a:t></a:r></a:p></c:title>"
    points = (
        '<c:ser><c:tx><c:v/></c:tx><c:cat><c:pt idx="0"><c:v>2024</c:v></c:pt></c:cat>'
        '<c:val><c:pt idx="0"><c:v>17</c:v></c:pt></c:val></c:ser>'
    )
    step = "<d:pt><d:t><a:p><a:r><a:t>First step</a:t></a:r></a:p></d:t></d:pt>"
    main = "word/document.xml"
    data = with_relation(
        docx(two),
        main,
        "rIdC",
        "chart",
        "c.xml",
        f"<c:chartSpace {names}>{title}{points}</c:chartSpace>",
    )
    data = with_relation(
        data, main, "rIdD", "diagramData", "d.xml", f"<d:dataModel {names}>{step}</d:dataModel>"
    )
    parts = parts_of(data)
    xml = parts[main].decode()
    for word, shape in (("CHART", 'c:chart r:id="rIdC"'), ("DIAGRAM", 'd:relIds r:dm="rIdD"')):
        shown = f'<w:drawing><{shape} {names} xmlns:r="{relations}"/></w:drawing>'
        xml = xml.replace(f"<w:t>{word}</w:t>", shown)
    text = load_one(packed(parts | {main: xml}), "a.docx").text
    assert text.startswith("Before.\n\nSales by year\n\n")
    assert "| 2024 | 17 |" in text
    assert text.endswith("- First step\n\nAfter.")


def test_levels_of_outline_and_styles_by_name():
    def fill_styles(document):
        from docx.oxml import parse_xml

        level = parse_xml(f'<w:outlineLvl {WORD} w:val="2"/>')
        document.add_paragraph("A level of its own")._p.get_or_add_pPr().append(level)
        styles = document.styles
        derived = styles.add_style("Chapter of ours", 1)
        derived.base_style = styles["Heading 2"]
        document.add_paragraph("By the style below it", style=derived)
        document.add_paragraph("print(1)", style=styles.add_style("Source Code", 1))
        document.add_paragraph("Said once", style="Quote")
        circle = styles.add_style("Circle", 1)
        circle.base_style = circle
        document.add_paragraph("Words", style=circle)

    text = load_one(docx(fill_styles), "a.docx").text
    assert text.split("\n\n") == [
        "### A level of its own",
        "## By the style below it",
        "```\nprint(1)\n```",
        "> Said once",
        "Words",
    ]


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c63600000000200014821c3660000000049454e44ae426082"
)


def test_what_a_picture_shows_by_its_author_s_word():
    def fill_picture(document):
        document.add_paragraph("Above.").add_run().add_picture(io.BytesIO(PIXEL))
        (shape,) = document.inline_shapes
        shape._inline.docPr.set("descr", "A harbour\nat night")

    text = load_one(docx(fill_picture), "a.docx").text
    assert text == "Above.\n\nA harbour at night"
