import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError
from knowledge.model import PageUnit, SplitterSpec
from tests.documents.makers_office import epub, packed, parts_of

CHAPTERS = (
    """<h1>The harbour</h1><p>Ships &amp; <b>sailors</b>.</p>
    <table><tr><th>ship</th><th>year</th></tr><tr><td>Ran</td><td>1901</td></tr></table>""",
    "<div><img src='x.png' alt=''/></div>",
    "<p>No heading of its own, and a footer.</p><footer>printed in Orrevik</footer>",
)
METADATA = (
    "<dc:title>A book</dc:title><dc:creator>Ann Author</dc:creator><dc:creator>Bob</dc:creator>"
    "<dc:language>en</dc:language><dc:date>2020-01-02</dc:date>"
    "<dc:description>About the sea.</dc:description>"
)


@pytest.fixture(scope="module")
def data():
    return epub(CHAPTERS, ("Chapter one", "Picture", "The end"), METADATA)


EXPECTED = """\
# The harbour

Ships & **sailors**.

| ship | year |
| --- | --- |
| Ran | 1901 |

# The end

No heading of its own, and a footer.

printed in Orrevik"""


def test_chapters_in_reading_order(data):
    loaded = load(data, "a.epub")
    book, about = loaded.documents
    assert book.text == EXPECTED
    assert book.page_unit is PageUnit.CHAPTER
    assert [(page.number, page.name) for page in book.pages] == [(1, "Chapter one"), (2, "The end")]
    assert "**Authors:** Ann Author, Bob" in about.text
    assert "About the sea." in about.text
    assert loaded.metadata == {
        "title": "A book",
        "author": "Ann Author, Bob",
        "language": "en",
        "created": "2020-01-02",
        "chapters": 2,
    }


def test_passages_tell_their_chapter(data):
    found = split(load(data, "a.epub").documents[0], SplitterSpec(24, 0))
    last = found[-1]
    assert last.heading == ("The end",)
    assert last.cite("a.epub") == "a.epub, chapter 2"


def test_contents_of_epub_2():
    contents = (
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>Old '
        'style</text></navLabel><content src="text/part%201.xhtml"/></navPoint></navMap></ncx>'
    )
    parts = parts_of(epub(("<p>words</p>",), more={"book/toc.ncx": contents}))
    item = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
    package = parts["book/package.opf"].decode().replace("</manifest>", item)
    parts["book/package.opf"] = package
    book = load(packed(parts, stored=("mimetype",)), "a.epub").documents[0]
    assert book.text == "# Old style\n\nwords"


def test_books_without_a_name_of_their_own(data):
    assert load(data, "book").documents[0].text == EXPECTED
    assert load(data, "book.zip").documents[0].text == EXPECTED


def test_encrypted_chapters():
    encryption = (
        '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
        '<enc:CipherData><enc:CipherReference URI="book/text/part%201.xhtml"/></enc:CipherData>'
        "</enc:EncryptedData></encryption>"
    )
    data = epub(("<p>x</p>",), more={"META-INF/encryption.xml": encryption})
    with pytest.raises(DocumentError, match="encrypted"):
        load(data, "a.epub")


def test_damaged_files(data):
    for damaged in (data[:300], data[: len(data) // 2]):
        with pytest.raises(DocumentError, match="can't be read"):
            load(damaged, "a.epub")
    parts = parts_of(data)
    parts["book/package.opf"] = b"no XML"
    with pytest.raises(DocumentError, match="package file is missing"):
        load(packed(parts, stored=("mimetype",)), "a.epub")


def test_a_book_that_tells_no_order_is_read_in_that_of_its_manifest(data):
    parts = parts_of(data)
    package = parts["book/package.opf"].decode()
    before, _, after = package.partition("<spine>")
    parts["book/package.opf"] = before + after.partition("</spine>")[2]
    book = load(packed(parts, stored=("mimetype",)), "a.epub").documents[0]
    assert book.text == EXPECTED
