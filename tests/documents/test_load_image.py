import io

import pytest

from knowledge.documents.loaders.images import image as loader
from knowledge.documents.loaders.images import ocr
from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.extras import install_command
from knowledge.model import SplitterSpec
from tests.documents.makers import PNG, load_one, pdf


def test_without_ocr_an_image_is_empty(monkeypatch):
    monkeypatch.setattr(ocr, "can_read", lambda: False)
    with pytest.raises(EmptyDocumentError, match="an image, which takes OCR") as caught:
        load(PNG, "a.png")
    assert install_command("ocr") in caught.value.hint


def test_ocr_can_be_turned_off():
    with pytest.raises(EmptyDocumentError, match="OCR is off") as caught:
        load_one(PNG, "a.png", ocr="off")
    assert "`ocr`" in caught.value.hint


@pytest.fixture(scope="module")
def drawn():
    pytest.importorskip("rapidocr")
    from PIL import Image, ImageDraw, ImageFont

    def draw(*lines):
        image = Image.new("RGB", (1000, 90 * len(lines) + 40), "white")
        font = ImageFont.load_default(size=40)
        for number, line in enumerate(lines):
            ImageDraw.Draw(image).text((40, 30 + 90 * number), line, fill="black", font=font)
        return image

    return draw


def saved(image, kind, **options):
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


@pytest.mark.slow
def test_an_image(drawn):
    document = load_one(saved(drawn("Invoice number 48213", "Total amount 912"), "PNG"), "a.png")
    assert document.text == "Invoice number 48213\nTotal amount 912"
    assert (document.loader, document.pages) == ("rapidocr", ())


@pytest.mark.parametrize("kind", ["JPEG", "BMP", "WEBP", "GIF"])
def test_other_kinds_of_image_are_known(drawn, kind, monkeypatch):
    monkeypatch.setattr(ocr, "recognised", lambda image: f"{image.width} x {image.height}")
    assert load_one(saved(drawn("x"), kind), f"a.{kind.lower()}").text == "1000 x 130"


@pytest.mark.slow
def test_pages_of_a_scan(drawn):
    texts = (
        ("Sheet number 101", "Rotate the signing key", "every 90 days"),
        ("Sheet number 102", "The quarterly figures", "of the harbour"),
    )
    pages = [drawn(*lines) for lines in texts]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    document = load_one(data, "a.tiff")
    assert document.text == "\n\n".join(map("\n".join, texts))
    found = split(document, SplitterSpec(4, 0))
    assert found[-1].cite("a.tiff") == "a.tiff, page 2"


def scanned(drawn, *pages):
    """A PDF with an image on each page, or with a text where that is given."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter()
    for page in pages:
        image = drawn(page.removeprefix("scan:"))
        data = saved(image, "PDF") if page.startswith("scan:") else pdf(page)
        writer.append(PdfReader(io.BytesIO(data)))
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


@pytest.mark.slow
def test_pages_of_a_pdf_without_text(drawn):
    data = scanned(drawn, "Typed words", "scan:Scanned words", "scan:")
    document = load_one(data, "a.pdf")
    assert document.text == "Typed words\n\nScanned words\n\n"
    assert document.loader == "pdfium+rapidocr"
    assert document.warnings == ()
    second = document.pages[1]
    assert document.text[second.char_start : second.char_end] == "Scanned words"
    assert load_one(data, "a.pdf", ocr="off").text.strip() == "Typed words"


@pytest.mark.slow
def test_all_pages_where_that_is_asked_for(drawn):
    document = load_one(scanned(drawn, "Typed words"), "a.pdf", ocr="always")
    assert document.text == "Typed words"
    assert document.loader == "pdfium+rapidocr"


def test_a_scan_without_words_is_empty(drawn):
    with pytest.raises(EmptyDocumentError, match="OCR finds no text"):
        load_one(scanned(drawn, "scan:"), "a.pdf")
    with pytest.raises(EmptyDocumentError):
        load_one(saved(drawn(""), "PNG"), "a.png")


def test_damaged_images(drawn):
    data = saved(drawn("words"), "PNG")
    for damaged in (PNG, data[:200], data[:100] + bytes(300)):
        with pytest.raises(DocumentError, match="can't be read as an image"):
            load_one(damaged, "a.png")


def test_a_bound_on_pixels(drawn, monkeypatch):
    monkeypatch.setattr(loader, "MAX_PIXELS", 1000)
    with pytest.raises(DocumentError, match="1000 x 130 pixels"):
        load_one(saved(drawn("words"), "PNG"), "a.png")
