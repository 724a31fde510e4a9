import pytest

from knowledge.documents.splitting.splitting import split
from knowledge.errors import EmptyDocumentError
from knowledge.model import SplitterSpec, TextKind
from tests.documents.makers import load_one

PROSE = "The pump is switched off before the lid is opened, and only then. " * 3

DOCBOOK = f"""<?xml version="1.0"?>
<!DOCTYPE article PUBLIC "-//OASIS//DTD DocBook XML" "docbook.dtd" [
<!ENTITY product "Pump 3000">
<!ENTITY secret SYSTEM "file:///etc/passwd">
]>
<article xml:lang="en">
  <info><title>The &product; manual</title><pubdate>2024</pubdate><edition>3</edition></info>
  <section>
    <title>Safety</title>
    <para>{PROSE}<emphasis>Always</emphasis> &mdash; says &secret;.</para>
    <itemizedlist><listitem><para>gloves</para></listitem><listitem><para>a coat</para></listitem>
    </itemizedlist>
    <table><thead><row><entry>part</entry><entry>price</entry></row></thead>
    <tbody><row><entry>lid</entry><entry>3</entry></row></tbody></table>
  </section>
</article>
"""


def load(text, name="a.xml"):
    return load_one(text.encode() if isinstance(text, str) else text, name)


def test_a_document_becomes_markdown():
    document = load(DOCBOOK)
    assert document.kind is TextKind.MARKDOWN
    assert not document.has_lines
    assert dict(document.metadata) == {"title": "The Pump 3000 manual", "language": "en"}
    assert "# The Pump 3000 manual\n" in document.text
    assert "pubdate: 2024\nedition: 3" in document.text
    assert "\n\n## Safety\n\nThe pump is" in document.text
    assert "Always — says" in document.text
    assert "- gloves\n- a coat" in document.text
    assert "| part | price |\n| --- | --- |\n| lid | 3 |" in document.text
    assert split(document, SplitterSpec(60, 0))[-1].heading == ("The Pump 3000 manual", "Safety")


def test_external_entities_are_not_read():
    assert "root:" not in load(DOCBOOK).text
    assert "&secret;" in load(DOCBOOK).text


def test_configuration_keeps_its_lines():
    text = '<config>\n  <server host="a" port="1"/>\n  <name>x</name>\n</config>\n'
    document = load(text)
    assert (document.text, document.kind, document.has_lines) == (text, TextKind.CODE, True)
    (passage,) = split(document, SplitterSpec())
    assert passage.cite("a.xml") == "a.xml:1-4"


def test_data_in_one_line_gets_lines():
    rows = "".join(f'<row id="{n}"><name>part {n}</name></row>' for n in range(50))
    document = load(f"<rows>{rows}</rows>")
    assert '\n <row id="7">\n  <name>part 7</name>\n </row>\n' in document.text
    assert not document.has_lines


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    "text",
    [
        "<a><b></a>",
        "<a>" * 5_000,
        "<a " * 50_000,
        '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&nobody;</a>',
        "words",
    ],
)
def test_what_can_t_be_parsed_keeps_its_lines(text):
    document = load(text)
    assert (document.text, document.has_lines) == (text, True)


@pytest.mark.timeout(200)
def test_a_billion_laughs():
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    for inside in ("<a>&l9;</a>", '<a b="&l9;">x</a>', f"<a><b>{PROSE}</b>&l9;<p/>x</a>"):
        document = load(f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]>{inside}')
        assert len(document.text) < 3_000


FEED = """<rss version="2.0"><channel><title>News of the works</title>
<item><title>Pump stopped</title><link>https://example.org/1</link>
<pubDate>Mon, 01 Jan 2024 10:00:00 GMT</pubDate>
<description>&lt;p&gt;It &lt;b&gt;stopped&lt;/b&gt;.&lt;/p&gt;</description></item>
<item><title>Pump runs</title><description><![CDATA[<ul><li>again</li></ul>]]></description></item>
</channel></rss>"""


def test_a_feed_gives_its_entries():
    document = load(FEED, "a.rss")
    assert document.text == (
        "# News of the works\n\n## Pump stopped\n\nMon, 01 Jan 2024 10:00:00 GMT\n"
        "https://example.org/1\n\nIt **stopped**.\n\n## Pump runs\n\n- again"
    )
    assert document.metadata["title"] == "News of the works"


def test_an_atom_feed():
    text = load(
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry><title>One</title>'
        '<link href="https://example.org/1"/><author><name>Ann</name></author>'
        "<updated>2024-01-01</updated><summary>Short.</summary></entry></feed>",
        "a.atom",
    ).text
    assert text == "# News\n\n## One\n\n2024-01-01\nAnn\nhttps://example.org/1\n\nShort."


def test_a_drawing_gives_its_words():
    drawing = '<svg xmlns="http://www.w3.org/2000/svg"><title>Costs</title><path d="M0 0"/>{}</svg>'
    assert load(drawing.format("<text><tspan>Sales</tspan> 2024</text>"), "a.svg").text == (
        "Costs\nSales 2024"
    )
    with pytest.raises(EmptyDocumentError):
        load('<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>', "a.svg")


def test_the_declared_encoding():
    text = '<?xml version="1.0" encoding="windows-1251"?>\n<a>Привет, мир</a>\n'
    assert load(text.encode("cp1251")).text == text


def test_xml_is_told_by_its_declaration():
    assert load('<?xml version="1.0"?><a>x</a>', "a.unknown").loader == "xml"


def test_a_page_in_xml_is_a_page():
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><script src="a"/></head>{}</html>'
    page = page.format("<body><p>Hi</p></body>")
    for name in ("a.xml", "a.xhtml"):
        assert load(page, name).text == "Hi"


BOOK = """<?xml version="1.0" encoding="UTF-8"?>
<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0"
 xmlns:l="http://www.w3.org/1999/xlink">
<description><title-info><genre>prose</genre><author><first-name>Alexander</first-name>
<last-name>Pushkin</last-name></author><book-title>Spades</book-title></title-info></description>
<body><title><p>Alexander Pushkin</p><p>Spades</p></title><section><title><p>Chapter
<emphasis>One</emphasis></p></title><p>Water is H<sub>2</sub>O, 10<sup>6</sup>;
<strikethrough>old</strikethrough>new
<a l:href="#n1" type="note">[1]</a></p>
<poem><stanza><v>Line one</v><v>Line two</v></stanza></poem>
<section><title><p>Inner</p></title><p>Some <strong>deep</strong> text.</p></section></section>
</body><body name="notes"><section id="n1"><title><p>1</p></title><p>The note.</p></section></body>
<binary id="i.png" content-type="image/png">iVBORw0KGgo=</binary></FictionBook>"""


def test_a_fiction_book_of_few_words():
    document = load_one(BOOK.encode(), "a.fb2")
    assert (
        document.text
        == """\
genre: prose
author: Alexander Pushkin

# Spades

## Alexander Pushkin Spades

### Chapter One

Water is H₂O, 10^6; ~~old~~ new [1]

Line one

Line two

#### Inner

Some deep text.

## 1

The note."""
    )
    assert document.metadata["title"] == "Spades"


def test_a_malformed_book_is_read_where_all_of_it_is_found():
    text = load_one(BOOK.replace("Some <strong>", "R & D <strong>").encode(), "a.fb2").text
    assert "R & D deep text." in text
    assert "<" not in text
    cut = BOOK[: BOOK.index("<poem>")] + "<p>a < b"
    assert load_one(cut.encode(), "a.fb2").text.endswith("a < b")
    two = BOOK + BOOK.partition("?>")[2]  # what stands behind the first root would be lost
    assert load_one(two.encode(), "a.fb2").text == two


def test_short_mixed_text_is_prose_and_values_are_lines():
    prose = "<note>A <b>short</b> note, 5 m<sup>2</sup>.</note>"
    assert load_one(prose.encode(), "a.xml").text == "A short note, 5 m²."
    data = "<list>\n<name>Jos&#233; &amp; Ana</name>\n<age>3 &lt; 4&#10;</age>\n</list>"
    document = load_one(data.encode(), "a.xml")
    assert document.text.split("\n")[1:3] == ["<name>José & Ana</name>", "<age>3 < 4 </age>"]
    assert document.has_lines
    program = "<stylesheet><template>Say <b/> it</template></stylesheet>"
    assert load_one(program.encode(), "a.xsl").text == program


DTD = '<!DOCTYPE book [<!ENTITY prod "Pumpworks 3">]>'
CODE = "<programlisting><![CDATA[if (a < b) {\n  go();\n}]]></programlisting>"
MATHML = 'xmlns:m="http://www.w3.org/1998/Math/MathML"'


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (f"{DTD}<book><para>&prod; &mdash; it runs &amp; runs</para></book>", "Pumpworks 3 — it"),
        (f"<book><para>It &mdash; runs</para>{CODE}</book>", "```\nif (a < b) {\n  go();\n}\n```"),
        (
            (
                f"<article><p>is <m:math {MATHML}><m:msup>"
                "<m:mi>&alpha;</m:mi><m:mn>2</m:mn></m:msup>"
                "</m:math></p></article>"
            ),
            "is α²",
        ),
        (
            "<TEI><p>it <choice><sic>whent</sic><corr>went</corr></choice> out</p></TEI>",
            "it went out",
        ),
        ("<TEI><p>m<hi rend='sup'>2</hi> of it</p></TEI>", "m² of it"),
        ("<topic><p>press <kbd><b>Ctrl</b><b>C</b></kbd> now</p></topic>", "press Ctrl C now"),
        ("<topic><ul><li>high</li><li>low</li></ul></topic>", "- high\n- low"),
        ("<FictionBook><p>a</p><image alt='A drawn pump'/></FictionBook>", "alt: A drawn pump"),
        (
            (
                "<article><ref><element-citation><article-title>Tides again</article-title>"
                "<year>1999</year></element-citation></ref></article>"
            ),
            "article-title: Tides again",
        ),
        (
            "<wordDocument><p><r><t>har</t></r><r><t>bour pilot</t></r></p></wordDocument>",
            "harbour pilot",
        ),
        (
            (
                "<Workbook><Row><Cell><Data>Region</Data></Cell><Cell><Data>Stock</Data></Cell></Row>"
                "</Workbook>"
            ),
            "| Region | Stock |",
        ),
    ],
)
def test_what_documents_hold_beside_paragraphs(body, shown):
    assert shown in load(body, "a.xml").text


def test_all_that_a_feed_says_is_kept_once():
    feed = (
        "<rss><channel><title>Harbour</title><description>All about it</description><item>"
        "<title>Tide</title><category>Pumps</category><description>In short.</description>"
        "<encoded>&lt;p&gt;The &lt;b&gt;full&lt;/b&gt; text.&lt;/p&gt;</encoded>"
        "<summary>The full text.</summary><group><description>In pictures</description></group>"
        "</item></channel></rss>"
    )
    assert load(feed, "a.rss").text.split("\n\n") == [
        *("# Harbour", "All about it", "## Tide", "Pumps", "The **full** text.", "In short."),
        "In pictures",
    ]


def test_flat_opendocument_under_a_name_of_xml():
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table")
    )
    body = "<office:text><text:h>Tides</text:h><text:p>They rise.</text:p></office:text>"
    type_ = "application/vnd.oasis.opendocument.text"
    flat = f'<office:document{names} office:mimetype="{type_}"><office:body>{body}</office:body>'
    assert load(f"{flat}</office:document>", "a.xml").text == "# Tides\n\nThey rise."
