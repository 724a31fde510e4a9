import pytest

from knowledge.documents.loading import load
from knowledge.documents.options import LoadOptions
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError
from knowledge.model import PageUnit, SplitterSpec, TextKind
from tests.documents.makers import load_one
from tests.documents.makers_office import locked_odf, odf, packed, parts_of

BODY = """\
<text:tracked-changes><text:deletion><text:p>DELETED</text:p></text:deletion></text:tracked-changes>
<text:h text:outline-level="1">Chapter <text:span>One</text:span></text:h>
<text:p>Words<text:s text:c="3"/>and<text:tab/>more<text:line-break/>below, with a
  <text:a xlink:href="https://example.org/x">link</text:a>.</text:p>
<text:p>A fact<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation>
<text:note-body><text:p>Its source.</text:p></text:note-body></text:note> of note.</text:p>
<text:p>Doubtful<office:annotation><dc:creator>Bob</dc:creator><dc:date>2024-01-01</dc:date>
<text:p>Really?</text:p></office:annotation>.</text:p>
<text:list><text:list-item><text:p>first</text:p><text:list><text:list-item><text:p>inner</text:p>
</text:list-item></text:list></text:list-item><text:list-item><text:p>second</text:p></text:list-item>
</text:list>
<text:section><text:h text:outline-level="2">Section</text:h>
<table:table><table:table-header-rows><table:table-row>
<table:table-cell><text:p>name</text:p></table:table-cell>
<table:table-cell><text:p>size</text:p></table:table-cell></table:table-row>
</table:table-header-rows><table:table-row>
<table:table-cell><text:p>bolt | nut</text:p></table:table-cell>
<table:table-cell><text:p>M8</text:p><text:p>M9</text:p></table:table-cell></table:table-row>
</table:table></text:section>
<text:p>Beside it<draw:frame><draw:text-box><text:p>A box.</text:p></draw:text-box></draw:frame>
</text:p>
"""
STYLES = """\
<office:master-styles><style:master-page><style:header><text:p>Company paper</text:p></style:header>
<style:footer><text:p><text:page-number>1</text:page-number></text:p></style:footer>
</style:master-page></office:master-styles>"""
EXPECTED = """\
# Chapter One

Words and more
below, with a [link](https://example.org/x).

A fact[^1] of note.

[^1]: Its source.

Doubtful.

> Comment by Bob: Really?

- first
  - inner
- second

## Section

| name | size |
| --- | --- |
| bolt \\| nut | M8 M9 |

Beside it

A box."""


@pytest.fixture(scope="module")
def data():
    meta = "<dc:title>A text</dc:title><meta:creation-date>2024-01-01</meta:creation-date>"
    return odf("text", BODY, STYLES, meta)


def test_a_text(data):
    loaded = load(data, "a.odt")
    body, running = loaded.documents
    assert body.text == EXPECTED
    assert body.kind is TextKind.MARKDOWN
    assert running.text == "Company paper"
    assert running.heading == ("Headers and footers",)
    assert loaded.metadata == {"title": "A text", "created": "2024-01-01"}


def test_headings_lead_to_passages(data):
    found = split(load(data, "a.odt").documents[0], SplitterSpec(40, 0))
    table = next(passage for passage in found if "M9" in passage.text)
    assert table.heading == ("Chapter One", "Section")


def test_a_single_xml_file():
    parts = parts_of(odf("text", "<text:p>Flat words.</text:p>"))
    content = parts["content.xml"].decode().replace("document-content", "document")
    assert load_one(content.encode(), "a.fodt").text == "Flat words."


def test_slides_with_notes():
    def page(title, text, note):
        return (
            f'<draw:page draw:name="p"><draw:frame presentation:class="title"><draw:text-box>'
            f"<text:p>{title}</text:p></draw:text-box></draw:frame><draw:frame><draw:text-box>"
            f"<text:list><text:list-item><text:p>{text}</text:p></text:list-item></text:list>"
            f"</draw:text-box></draw:frame><presentation:notes><draw:frame><draw:text-box>"
            f"<text:p>{note}</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>"
        )

    body = page("Start", "first point", "Say hello.") + page("", "second point", "")
    document = load_one(odf("presentation", body), "a.odp")
    assert document.text == (
        "# Start\n\n- first point\n\nNotes: Say hello.\n\n# Slide 2\n\n- second point"
    )
    assert document.page_unit is PageUnit.SLIDE
    assert document.metadata["slides"] == 2
    last = split(document, SplitterSpec(12, 0))[-1]
    assert last.cite("a.odp") == "a.odp, slide 2"


def test_a_drawing_has_pages():
    body = "<draw:page><draw:custom-shape><text:p>A box</text:p></draw:custom-shape></draw:page>"
    document = load_one(
        odf("graphics", body).replace(b"office:graphics", b"office:drawing "), "a.odg"
    )
    assert "A box" in document.text
    assert document.page_unit is PageUnit.PAGE


def test_passwords(data):
    locked = locked_odf(data, "secret")
    for passwords in ((), ("wrong",)):
        with pytest.raises(DocumentError, match="protected by a password") as caught:
            load(locked, "a.odt", LoadOptions(passwords=passwords))
        assert "`passwords`" in caught.value.hint
    opened = load(locked, "a.odt", LoadOptions(passwords=("wrong", "secret")))
    assert opened.documents[0].text == EXPECTED
    assert opened.metadata["title"] == "A text"


def test_damaged_files(data):
    for damaged in (data[:300], data[: len(data) // 2], b"PK\3\4" + bytes(500)):
        with pytest.raises(DocumentError, match="can't be read"):
            load(damaged, "a.odt")
    parts = parts_of(data)
    del parts["content.xml"]
    with pytest.raises(DocumentError, match="content is missing"):
        load(packed(parts, stored=("mimetype",)), "a.odt")


@pytest.mark.parametrize(
    ("part", "algorithm"),
    [
        ("encrypted-package", ""),
        ("content.xml", '<manifest:algorithm manifest:algorithm-name="Blowfish CFB"/>'),
    ],
)
def test_encryption_of_other_kinds_is_told(data, part, algorithm):
    entry = (
        f'<manifest:file-entry manifest:full-path="{part}"><manifest:encryption-data>{algorithm}'
        "</manifest:encryption-data></manifest:file-entry>"
    )
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    )
    parts = parts_of(data) | {"META-INF/manifest.xml": f"{manifest}{entry}</manifest:manifest>"}
    with pytest.raises(DocumentError, match="protected by a password, in a way that can't"):
        load(packed(parts, stored=("mimetype",)), "a.odt", LoadOptions(passwords=("secret",)))
