from contextlib import suppress

import pytest

from knowledge.errors import DocumentError
from knowledge.model import TextKind
from tests.documents.makers import load_one

PAGE = """<!doctype html><html lang="en"><head><title>The &amp; Title</title>
<meta name="description" content="not text"><style>p {color: red}</style></head>
<body><nav><a href="/">Home</a></nav><h1>Heading</h1><p>Some <b>bold</b> words.</p>
<script>alert(1)</script><ul><li>one</li><li>two</li></ul>
<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table></body></html>"""


def load(page):
    return load_one(page.encode() if isinstance(page, str) else page, "a.html")


def test_a_page_becomes_markdown():
    document = load(PAGE)
    assert document.text.startswith("# Heading\n\nSome **bold** words.")
    assert "- one\n- two" in document.text
    assert "| 1" in document.text
    assert (document.kind, document.has_lines) == (TextKind.MARKDOWN, False)


def test_what_is_no_text_of_the_page_is_left_out():
    for word in ("Home", "alert", "color", "not text", "title", "Title", "---\n\n"):
        assert word not in load(PAGE).text


def test_the_title_is_metadata():
    assert load(PAGE).metadata["title"] == "The & Title"
    assert load("<title>Only\n one</title><p>x").metadata["title"] == "Only one"
    assert load("<title>Only one</title><p>x").text == "x"
    assert "title" not in load("<p>x").metadata


@pytest.mark.parametrize(
    "page",
    [
        '<meta charset="windows-1251"><p>Привет, мир</p>'.encode("cp1251"),
        "<p>Привет, мир</p>".encode("utf-16"),
        "<p>Привет, мир</p>".encode("utf-8-sig"),
        '<meta charset="latin-1"><p>Привет, мир</p>'.encode(),
    ],
    ids=["declared", "utf-16", "mark", "declared wrongly"],
)
def test_encodings(page):
    assert load(page).text.strip() == "Привет, мир"


def test_embedded_images_go():
    text = load(f'<p>a</p><img alt="a cat" src="data:image/png;base64,{"QUJD" * 900}">').text
    assert "a cat" in text
    assert len(text) < 40


@pytest.mark.timeout(300)
def test_hostile_markup_ends():
    for page in ("<title" * 5_000, "<head>" * 50_000, "<meta " * 50_000, "<ul><li>" * 20_000):
        with suppress(DocumentError):
            load(page + "x")


def test_words_that_may_be_broken_are_whole():
    page = "<main><p>Die Donau&shy;dampf&shy;schiff&shy;fahrt ist lange her.</p></main>"
    assert "Donaudampfschifffahrt" in load_one(page.encode(), "a.html").text
