import io
import re

import pytest

from knowledge.documents.loaders.images import ocr
from knowledge.documents.loaders.pdf import pdf as loader
from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.extras import install_command
from knowledge.model import SplitterSpec, TextKind
from tests.documents.makers import load_one, pdf

PAGES = ("First page\nwith two lines", None, "Third page")


@pytest.fixture(params=["pdfium", "pypdf", "kreuzberg"])
def engine(request):
    return request.param


@pytest.fixture(autouse=True)
def no_ocr(monkeypatch):
    monkeypatch.setattr(ocr, "can_read", lambda: False)


def read(data, engine, **options):
    return load_one(data, "a.pdf", engines={"pdf": engine}, **options)


def test_pages_and_their_spans(engine):
    document = read(pdf(*PAGES), engine)
    assert [page.number for page in document.pages] == [1, 2, 3]
    shown = [document.text[page.char_start : page.char_end] for page in document.pages]
    assert shown == ["First page\nwith two lines", "", "Third page"]
    assert document.loader == engine
    assert (document.kind, document.has_lines) == (TextKind.TEXT, False)


def test_metadata(engine):
    document = read(pdf("text", title="A title"), engine)
    assert document.metadata["title"] == "A title"
    assert document.metadata["pages"] == 1


def test_the_second_engine_is_named(monkeypatch):
    def fail(*arguments):
        raise DocumentError("no luck")

    monkeypatch.setattr(loader, "_by_pdfium", fail)
    document = load_one(pdf("text"), "a.pdf")
    assert (document.text, document.loader) == ("text", "pypdf")
    assert document.warnings == ("read by pypdf, since the first engine failed: no luck",)


def test_passages_tell_their_page(engine):
    lines = "\n".join(f"Line {number} of many lines." for number in range(40))
    document = read(pdf(lines, lines, "The last page."), engine)
    found = split(document, SplitterSpec(60, 0))
    assert found[0].page_start == found[0].page_end == 1
    assert found[-1].page_end == 3
    starts = [passage.page_start for passage in found]
    assert starts == sorted(starts)


def test_a_file_without_a_text_layer(engine):
    with pytest.raises(EmptyDocumentError, match=r"no text layer \(2 pages\).*takes OCR") as caught:
        read(pdf(None, None), engine)
    assert install_command("ocr") in caught.value.hint
    with pytest.raises(EmptyDocumentError, match="OCR is off") as caught:
        read(pdf(None), engine, ocr="off")
    assert "`ocr`" in caught.value.hint


def test_pages_without_text_are_told_of():
    assert "1 of 3 pages hold no text" in load_one(pdf(*PAGES), "a.pdf").warnings[0]
    assert load_one(pdf("a", "b", "c", "d", None), "a.pdf").warnings == ()


def test_passwords(engine):
    data = pdf("text", encrypt="secret")
    for passwords in ((), ("wrong",)):
        with pytest.raises(DocumentError, match="protected by a password") as caught:
            read(data, engine, passwords=passwords)
        assert "`passwords`" in caught.value.hint
    assert read(data, engine, passwords=("wrong", "secret")).text == "text"


def test_encryption_without_a_password_is_no_obstacle(engine):
    assert read(pdf("text", encrypt=""), engine).text == "text"


@pytest.mark.parametrize(
    "data",
    [b"%PDF-1.4\n", b"%PDF-1.7\n%%EOF", pdf("text")[:60], b"%PDF-1.4\n" + bytes(2000), b"nothing"],
    ids=["header", "header and end", "cut off", "zeros", "no PDF"],
)
def test_damaged_files(data, capfd):
    with pytest.raises(DocumentError) as caught:
        load_one(data, "a.pdf")
    assert len(caught.value.message) < 250
    assert capfd.readouterr() == ("", "")


def test_lone_surrogates_do_not_shift_the_spans():
    text, spans = loader.join_pages([(1, "a\ud800b\0c"), (2, "def")])
    assert [text[span.char_start : span.char_end] for span in spans] == ["abc", "def"]


def annotated():
    from pypdf import PdfReader, PdfWriter
    from pypdf.annotations import FreeText, Text
    from pypdf.generic import ArrayObject, DictionaryObject, FloatObject, NameObject
    from pypdf.generic import TextStringObject as Words

    first = (
        "1 Introduction\nWords of the introduction.\n1.1 Scope of\nthe work\nWords of the scope."
    )
    writer = PdfWriter(
        clone_from=PdfReader(io.BytesIO(pdf(first, "2 Methods\n# no heading\nEnd.")))
    )
    parent = writer.add_outline_item(title="1 Introduction", page_number=0)
    writer.add_outline_item(title="Scope of the work", page_number=0, parent=parent)
    writer.add_outline_item(title="2 Methods", page_number=1)
    writer.add_outline_item(title="Not on the page", page_number=1)
    box = (50, 50, 200, 100)
    writer.add_annotation(page_number=0, annotation=Text(text="Is it so?", rect=box))
    writer.add_annotation(page_number=1, annotation=FreeText(text="Typed over it", rect=box))
    field = {
        "/Type": NameObject("/Annot"),
        "/Subtype": NameObject("/Widget"),
        "/FT": NameObject("/Tx"),
        "/T": Words("surname"),
        "/V": Words("Smith"),
        "/Rect": ArrayObject(map(FloatObject, box)),
    }
    place = writer._add_object(DictionaryObject({NameObject(k): v for k, v in field.items()}))
    writer.pages[1][NameObject("/Annots")].append(place)
    form = DictionaryObject({NameObject("/Fields"): ArrayObject([place])})
    writer._root_object[NameObject("/AcroForm")] = form
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def test_bookmarks_become_headings_and_notes_and_fields_are_kept(engine):
    document = read(annotated(), engine)
    assert document.kind is TextKind.MARKDOWN
    first, second = (document.text[page.char_start : page.char_end] for page in document.pages)
    assert first == (
        "# 1 Introduction\n\nWords of the introduction.\n\n## 1.1 Scope of the work\n\n"
        "Words of the scope.\n\nComment: Is it so?"
    )
    assert second == "# 2 Methods\n\n\\# no heading\nEnd.\n\nTyped over it\n\nsurname: Smith"
    found = split(document, SplitterSpec(24, 0))
    scope = next(passage for passage in found if "of the scope" in passage.text)
    assert scope.heading == ("1 Introduction", "1.1 Scope of the work")
    assert scope.cite("a.pdf") == "a.pdf, page 1"


def test_no_passage_claims_a_page_that_it_is_not_on(engine):
    pages = [
        "\n".join(f"Page {page} has line {line} with words." for line in range(12))
        for page in range(1, 9)
    ]
    for size in (24, 60, 200):
        for passage in split(read(pdf(*pages), engine), SplitterSpec(size, 8)):
            told = {int(number) for number in re.findall(r"Page (\d) has", passage.text)}
            assert passage.page_start <= min(told, default=9)
            assert passage.page_end >= max(told, default=0)
            if len(told) > 1:
                assert (passage.page_start, passage.page_end) == (min(told), max(told))


def test_pages_without_any_content_are_empty_even_when_the_file_is_damaged():
    data = b"%PDF-1.7\n3 0 obj <</Type /Page /Parent 2 0 R>>\nendobj\n"
    with pytest.raises(EmptyDocumentError, match="damaged"):
        load_one(data, "a.pdf")


def test_a_recursive_page_tree_ends():
    data = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2/Parent 2 0 R>>endobj\n"
        b"trailer<</Root 1 0 R/Size 3>>\n%%EOF"
    )
    with pytest.raises(DocumentError):
        load_one(data, "a.pdf")


@pytest.mark.slow
def test_ten_thousand_pages():
    document = load_one(pdf(*(f"Words of page {number}" for number in range(1, 10_001))), "a.pdf")
    assert len(document.pages) == 10_000
    last = document.pages[-1]
    assert document.text[last.char_start : last.char_end] == "Words of page 10000"


LEFT = [
    "Ships come in at dawn, and the",
    "harbour wakes with them, slowly",
    "at first, then all at once; the",
    "cranes turn, the trains arrive,",
    "and the market opens its doors",
    "to whoever comes by.",
]
RIGHT = [
    "In winter the bay is frozen and",
    "quiet, the boats lie on land and",
    "are painted, and people mend nets",
    "in the long sheds by the water,",
    "where the stoves burn and coffee",
    "stands on the tables.",
]


@pytest.mark.parametrize("across", [True, False])
def test_columns_are_read_one_after_the_other_however_they_are_drawn(engine, across):
    title = (60, 760, "A title over both columns of the page, from side to side of it all")
    columns = (LEFT, 60), (RIGHT, 320)
    drawn = [(x, 720 - 16 * n, line) for lines, x in columns for n, line in enumerate(lines)]
    page = [title, *(sorted(drawn, key=lambda line: -line[1]) if across else drawn)]
    text = read(pdf(*[page] * 5), engine).text
    assert " ".join(text.split()).count(" ".join(LEFT + RIGHT)) == 5


def test_rows_of_a_table_stay_together():
    rows = [
        ("bolt", "4.50"),
        ("a longer washer", "3"),
        ("nut", "12.00"),
        ("pin", "1"),
        ("key", "9"),
    ]
    rows += [("a long name of a part", "2.25"), ("rod", "7"), ("cap", "8")]
    page = [
        (x, 720 - 16 * n, cell)
        for n, row in enumerate(rows)
        for x, cell in zip((60, 320), row, strict=True)
    ]
    lines = [" ".join(line.split()) for line in load_one(pdf(page), "a.pdf").text.splitlines()]
    assert lines == [" ".join(row) for row in rows]


def test_a_table_of_sentences_is_no_text_in_columns():
    rows = [
        (line.capitalize(), other.capitalize()) for line, other in zip(LEFT, RIGHT, strict=True)
    ]
    page = [
        (x, 720 - 16 * n, cell)
        for n, row in enumerate(rows)
        for x, cell in zip((60, 320), row, strict=True)
    ]
    text = load_one(pdf(page), "a.pdf").text
    assert text.splitlines() == [" ".join(row) for row in rows]


def test_a_wrong_password_is_told_from_none():
    with pytest.raises(DocumentError, match="none of the 2 given opens it"):
        load_one(pdf("text", encrypt="secret"), "a.pdf", passwords=("one", "two"))


def attached(**files):
    """A PDF with files attached; ``_`` in their names stands for a dot."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("The report.", title="A report"))))
    for name, data in files.items():
        writer.add_attachment(name.replace("_", "."), data)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def test_attached_files_are_members():
    data = attached(costs_csv=b"name,sum\nrent,9\n", inner_pdf=pdf("Inside."), odd_bin=b"\0\1\2")
    loaded = load(data, "a.pdf")
    own, costs, inner = loaded.documents
    assert (own.text, own.member) == ("The report.", "")
    assert loaded.metadata == own.metadata
    assert own.metadata["title"] == "A report"
    assert split(costs, SplitterSpec())[0].cite("a.pdf") == "a.pdf!/costs.csv:1-2"
    assert split(inner, SplitterSpec())[0].cite("a.pdf") == "a.pdf!/inner.pdf, page 1"
    [problem] = loaded.problems
    assert (problem.file, problem.status) == ("odd.bin", "unsupported")


def test_a_page_that_is_asked_for_has_no_attached_files():
    data = attached(costs_csv=b"name,sum\nrent,9\n")
    assert load_one(data, "a.pdf", pages=(1, 1)).text == "The report."


def test_attached_files_too_deep_in_files():
    data = attached(deep_txt=b"too deep")
    for _ in range(3):
        data = attached(inner_pdf=data)
    loaded = load(data, "a.pdf")
    assert len(loaded.documents) == 4
    [problem] = loaded.problems
    assert problem.file == "inner.pdf!/inner.pdf!/inner.pdf!/deep.txt"
    assert "3 archives deep" in problem.reason
