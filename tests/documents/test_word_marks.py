"""What a Word document shows by marks, by fonts and beside its text."""

import pytest

from knowledge.documents.loading import load
from knowledge.documents.options import LoadOptions
from tests.documents.makers import load_one
from tests.documents.makers_office import word


def run(text, properties=""):
    rpr = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{rpr}<w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*runs, properties=""):
    return f"<w:p>{properties}{''.join(runs)}</w:p>"


def text_of(body, name="a.docx", **parts):
    return load_one(word(body, **parts), name).text


RAISED = '<w:vertAlign w:val="superscript"/>'
LOWERED = '<w:vertAlign w:val="subscript"/>'
STRUCK = "<w:strike/>"
STYLES = """
<w:style w:type="character" w:styleId="Up"><w:name w:val="Up"/><w:rPr>
<w:vertAlign w:val="superscript"/></w:rPr></w:style>
<w:style w:type="character" w:styleId="Gone"><w:name w:val="Gone"/><w:basedOn w:val="Up"/><w:rPr>
<w:vertAlign w:val="baseline"/><w:dstrike/></w:rPr></w:style>
<w:style w:type="paragraph" w:styleId="Old"><w:name w:val="Old"/><w:rPr><w:strike/></w:rPr>
</w:style>
"""


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        ((run("10"), run("6", RAISED), run(" cells")), "10^6 cells"),
        ((run("5 m"), run("2", RAISED)), "5 m²"),
        ((run("CO"), run("2", LOWERED)), "CO₂"),
        ((run("10"), run("−", RAISED), run("3", RAISED)), "10^−3"),
        ((run("10"), run("6", '<w:position w:val="6"/>')), "10^6"),
        ((run("10"), run("6", '<w:position w:val="1"/>')), "106"),
        ((run("m"), run("2", '<w:rStyle w:val="Up"/>')), "m²"),
        ((run("was "), run("4500", STRUCK), run("7300")), "was ~~4500~~ 7300"),
        ((run("was "), run("45", "<w:dstrike/>"), run("00", STRUCK)), "was ~~4500~~"),
        ((run("a "), run("b", '<w:rStyle w:val="Gone"/>'), run(" c")), "a ~~b~~ c"),
        ((run("kept", '<w:strike w:val="0"/>'),), "kept"),
        ((run("kept", '<w:rStyle w:val="Gone"/><w:dstrike w:val="false"/>'),), "kept"),
    ],
)
def test_marks_of_runs(runs, shown):
    assert text_of(paragraph(*runs), styles=STYLES) == shown


def test_marks_by_the_style_of_a_paragraph():
    body = paragraph(run("void"), properties='<w:pPr><w:pStyle w:val="Old"/></w:pPr>')
    assert text_of(body, styles=STYLES) == "~~void~~"


def test_a_reference_to_a_note_is_no_power():
    notes = (
        f'<w:footnote w:id="2">{paragraph(run("See "), run("2", RAISED), run("H"))}</w:footnote>'
    )
    body = paragraph(
        run("word"), f'<w:r><w:rPr>{RAISED}</w:rPr><w:footnoteReference w:id="2"/></w:r>'
    )
    assert text_of(body, footnotes=notes) == "word[^1]\n\n[^1]: See ²H"


SYMBOL = '<w:rFonts w:ascii="Symbol" w:hAnsi="Symbol"/>'


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        (('<w:r><w:sym w:font="Symbol" w:char="F06D"/></w:r>', run("m")), "µm"),
        ((run("\uf0b1", SYMBOL), run("5 %")), "±5 %"),
        ((run("b", SYMBOL), run(" decay")), "β decay"),
        ((run("\uf0fe", '<w:rFonts w:ascii="Wingdings"/>'), run(" yes")), "☑ yes"),
        ((run("\uf0a8", '<w:rFonts w:hAnsi="Wingdings"/>'), run(" no")), "☐ no"),
        ((run("R", '<w:rFonts w:ascii="Wingdings 2"/>'), run(" yes")), "☑ yes"),
        ((run("\uf0b3", '<w:rFonts w:ascii="Unheard Of"/>'), run(" 3")), "≥ 3"),
        (('<w:r><w:sym w:font="Symbol" w:char="zz"/></w:r>', run("left")), "left"),
    ],
)
def test_characters_of_symbol_fonts(runs, shown):
    assert text_of(paragraph(*runs)) == shown


def field(instruction, result=""):
    between = f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{result}' if result else ""
    return (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f"<w:r><w:instrText>{instruction}</w:instrText></w:r>{between}"
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def test_fields():
    symbol = field('SYMBOL 109 \\f "Symbol" \\s 12')
    assert text_of(paragraph(run("10 "), symbol, run("g"))) == "10 µg"
    link = field('HYPERLINK "https://example.org/a"', run("the page"))
    assert text_of(paragraph(run("On "), link)) == "On [the page](https://example.org/a)"
    assert text_of(paragraph(field("PAGE", run("7")))) == "7"


def box(inside):
    return (
        '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox>'
        f"{inside}</w:checkBox></w:ffData></w:fldChar></w:r>"
        "<w:r><w:instrText>FORMCHECKBOX</w:instrText></w:r>"
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def test_the_state_of_checkboxes():
    checked, default = box("<w:checked/>"), box('<w:default w:val="0"/>')
    body = paragraph(checked, run(" smokes")) + paragraph(default, run(" drinks"))
    assert text_of(body) == "☑ smokes\n\n☐ drinks"


BESIDE = {
    "comments": f'<w:comment w:id="0" w:author="Ana">{paragraph(run("Why?"))}</w:comment>',
    "footnotes": f'<w:footnote w:id="2">{paragraph(run("A source."))}</w:footnote>',
    "header1": paragraph(run("Company paper")),
    "footer1": paragraph(run("Confidential")),
}
BODY = (
    paragraph(
        run("Body"),
        '<w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:commentReference w:id="0"/></w:r>',
    )
    + paragraph(
        f"<w:r><w:pict><w:txbxContent>{paragraph(run('In a box'))}</w:txbxContent></w:pict></w:r>"
    )
    + paragraph('<w:r><w:pict><v:textpath string="DRAFT"/></w:pict></w:r>')
)


@pytest.mark.parametrize("kind", ["docx", "docm", "dotx", "dotm"])
@pytest.mark.parametrize("strict", [False, True])
def test_every_kind_of_word_document_keeps_all_its_parts(kind, strict):
    loaded = load(word(BODY, kind, strict=strict, **BESIDE), f"a.{kind}")
    body, running = loaded.documents
    assert body.text == (
        "Body[^1]\n\n[^1]: A source.\n\n> Comment by Ana: Why?\n\nIn a box\n\nDRAFT"
    )
    assert running.text == "Company paper\n\nConfidential"
    assert (body.loader, body.warnings) == ("lxml", ())


def cell(text, properties=""):
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(run(text))}</w:tc>"


DOWN, BEGINS = "<w:vMerge/>", '<w:vMerge w:val="restart"/>'


def table(*rows):
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def test_a_cell_that_reaches_down_stands_in_every_row():
    body = table(
        cell("Dept") + cell("Name") + cell("Room"),
        cell("Sales", BEGINS) + cell("Ann") + cell("1", BEGINS),
        cell("", DOWN) + cell("Bob") + cell("", '<w:vMerge w:val="continue"/>'),
        cell("Law", BEGINS) + cell("Cy") + cell("2"),
        cell("", DOWN) + cell("Di", '<w:gridSpan w:val="2"/>'),
        cell("") + cell("Ed") + cell(""),
    )
    assert text_of(body).split("\n")[2:] == [
        "| Sales | Ann | 1 |",
        "| Sales | Bob | 1 |",
        "| Law | Cy | 2 |",
        "| Law | Di |  |",
        "|  | Ed |  |",
    ]


def test_a_row_may_begin_behind_its_first_column():
    body = table(
        cell("A") + cell("B"),
        '<w:trPr><w:gridBefore w:val="1"/></w:trPr>' + cell("under B"),
    )
    assert text_of(body).split("\n")[-1] == "|  | under B |"


def test_notes_of_a_table_stand_below_it():
    reference = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    noted = f"<w:tc>{paragraph(reference, run(' noted'))}</w:tc>"
    body = table(cell("A") + cell("B"), noted + cell("b"))
    assert text_of(body, footnotes=BESIDE["footnotes"]).split("\n") == [
        "| A | B |",
        "| --- | --- |",
        "| [^1] noted | b |",
        "",
        "[^1]: A source.",
    ]


SIGNS = (
    "AT&amp;T: p &lt; 0.05, 5 &gt; 3, &gt;=20; it's &quot;quoted&quot;, write to &lt;a@b.org&gt;"
)


def test_no_sign_is_lost():
    body = paragraph(run(SIGNS)) + table(
        cell("S&amp;P 500") + cell("&lt;10"), cell("R&amp;D") + cell("–")
    )
    whole = """AT&T: p < 0.05, 5 > 3, >=20; it's "quoted", write to <a@b.org>"""
    for engines in ({}, {"docx": "kreuzberg"}):
        (document,) = load(word(body), "a.docx", LoadOptions(engines=engines)).documents
        assert whole in document.text
        assert "| S&P 500 | <10 |" in document.text


def test_the_other_engine_reads_what_loses_signs():
    body = paragraph(run("R&amp;D"))
    (document,) = load(word(body), "a.docx", LoadOptions(engines={"docx": "kreuzberg"})).documents
    assert document.loader == "lxml"
    assert "it loses signs: &" in document.warnings[0]
