import io

import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError
from knowledge.model import PageUnit, SplitterSpec, TextKind
from tests.documents.makers import load_one
from tests.documents.makers_office import locked_ooxml, packed, parts_of, pptx, with_relation


def fill(presentation):
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    presentation.core_properties.title = "A deck"
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text = "Plans for the year"
    body = first.placeholders[1].text_frame
    body.text = "Grow"
    body.add_paragraph().text = "abroad"
    body.paragraphs[1].level = 1
    first.notes_slide.notes_text_frame.text = "Say hello first."
    blank = presentation.slide_layouts[6]
    second = presentation.slides.add_slide(blank)
    box = (Inches(1), Inches(1), Inches(3), Inches(1))
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(*box).text_frame.text = "A box in a group"
    table = second.shapes.add_table(2, 2, *box).table
    for number, word in enumerate(("name", "size", "bolt", "M8")):
        table.cell(number // 2, number % 2).text = word
    data = CategoryChartData()
    data.categories = ["2023", "2024"]
    data.add_series("Revenue", (10, 12.5))
    frame = second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *box, data)
    frame.chart.has_title = True
    frame.chart.chart_title.text_frame.text = "Growth chart"
    presentation.slides.add_slide(blank)
    last = presentation.slides.add_slide(presentation.slide_layouts[5])
    last.shapes.title.text = "The end"


@pytest.fixture(scope="module")
def data():
    return pptx(fill)


EXPECTED = """\
# Plans for the year

- Grow
  - abroad

Notes: Say hello first.

# Slide 2

A box in a group

| name | size |
| --- | --- |
| bolt | M8 |

Growth chart

|  | Revenue |
| --- | --- |
| 2023 | 10 |
| 2024 | 12.5 |

# The end"""


def test_text_tables_charts_and_notes_by_slide(data):
    document = load_one(data, "a.pptx")
    assert document.text == EXPECTED
    assert (document.kind, document.page_unit) == (TextKind.MARKDOWN, PageUnit.SLIDE)
    shown = [document.text[page.char_start : page.char_end] for page in document.pages]
    assert [text.partition("\n")[0] for text in shown] == [
        "# Plans for the year",
        "# Slide 2",
        "",
        "# The end",
    ]
    assert [page.number for page in document.pages] == [1, 2, 3, 4]
    assert document.metadata["title"] == "A deck"
    assert document.metadata["slides"] == 4


def test_passages_tell_their_slide_and_its_title(data):
    found = split(load_one(data, "a.pptx"), SplitterSpec(40, 0))
    notes = next(passage for passage in found if "Say hello" in passage.text)
    assert notes.heading == ("Plans for the year",)
    assert notes.cite("a.pptx") == "a.pptx, slide 1"
    chart = next(passage for passage in found if "12.5" in passage.text)
    assert chart.heading == ("Slide 2",)
    assert chart.page_start == 2


def test_comments_diagrams_and_descriptions(data):
    comments = (
        '<p:cmLst xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main">'
        "<p:cm><p:text>Is this right?</p:text></p:cm></p:cmLst>"
    )
    slide = "ppt/slides/slide4.xml"
    commented = with_relation(data, slide, "rIdC", "comments", "comment1.xml", comments)
    a = "http://schemas.openxmlformats.org/drawingml/2006/main"
    diagram = (
        f'<dgm:dataModel xmlns:dgm="x" xmlns:a="{a}"><dgm:ptLst><dgm:pt><dgm:t><a:p><a:r>'
        "<a:t>First step</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst></dgm:dataModel>"
    )
    commented = with_relation(commented, slide, "rIdD", "diagramData", "data1.xml", diagram)
    parts = parts_of(commented)
    shapes = (
        '<p:graphicFrame><dgm:relIds xmlns:dgm="x" xmlns:r="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships" r:dm="rIdD"/></p:graphicFrame>'
        '<p:pic><p:nvPicPr><p:cNvPr id="9" name="Picture 9" descr="A map of the port"/></p:nvPicPr>'
        "</p:pic></p:spTree>"
    )
    parts[slide] = parts[slide].decode().replace("</p:spTree>", shapes)
    text = load_one(packed(parts), "a.pptx").text
    ending = (
        "# The end\n\n- First step\n\n[Picture: A map of the port]\n\n> Comment: Is this right?"
    )
    assert text.endswith(ending)


def test_a_damaged_slide_does_not_spoil_the_others(data):
    parts = parts_of(data)
    parts["ppt/slides/slide2.xml"] = b"<p:sld"
    del parts["ppt/slides/slide3.xml"]
    document = load_one(packed(parts), "a.pptx")
    assert "Grow" in document.text
    assert document.text.endswith("# The end")
    assert document.pages[3].number == 4


def test_a_slide_show_and_a_template_are_presentations(data):
    for name in ("a.ppsx", "a.potx", "a.pptm", "a.bin"):
        assert load_one(data, name).text == EXPECTED


def test_a_presentation_without_slides_holds_no_text():
    with pytest.raises(DocumentError):
        load_one(pptx(lambda presentation: None), "a.pptx")


@pytest.mark.slow
def test_a_password(data):
    locked = locked_ooxml(data, "open sesame")
    with pytest.raises(DocumentError, match="it is protected by a password") as caught:
        load_one(locked, "a.pptx")
    assert "`passwords`" in caught.value.hint
    assert "KNOW_PASSWORDS_FILE" in caught.value.hint
    with pytest.raises(DocumentError, match="none of the 2 given opens it"):
        load_one(locked, "a.pptx", passwords=("wrong", "again"))
    assert load_one(locked, "a.pptx", passwords=("wrong", "open sesame")).text == EXPECTED


def test_damaged_files(data):
    for damaged in (data[:700], data[: len(data) // 2], data[:4] + bytes(500)):
        with pytest.raises(DocumentError, match="can't be read"):
            load(damaged, "a.pptx")


def test_entities_are_not_followed(data, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("TOP SECRET")
    parts = parts_of(data)
    slide = parts["ppt/slides/slide4.xml"].decode()
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    slide = slide.replace("?>", "?>" + entity, 1).replace("The end", "The end &e;")
    parts["ppt/slides/slide4.xml"] = slide
    text = load_one(packed(parts), "a.pptx").text
    assert "The end" in text
    assert "SECRET" not in text


def test_reading_needs_no_more_than_the_bytes(data):
    assert load(io.BytesIO(data).read(), "a.pptx").metadata["slides"] == 4
