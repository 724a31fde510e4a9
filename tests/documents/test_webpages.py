import pytest

from knowledge.documents.webpages import read_page

PARAGRAPHS = [
    f"<p>The {word} pump is switched off before its lid is opened, and the {word} valve stays shut "
    "until the pressure has gone, which takes a minute or two on a warm day in the works.</p>"
    for word in ("first", "second", "third", "fourth")
]

PAGE = f"""<!doctype html><html lang="en"><head><title>How pumps work | The Works</title>
<meta name="author" content="Ann Lee"><meta property="og:site_name" content="The Works">
<meta property="article:published_time" content="2024-03-01">
<meta name="description" content="On pumps.">
</head><body class="has-sidebar">
<div id="cookie-banner">
<p>We use cookies to make this site better for you and for us.</p><button>Accept</button></div>
<header class="site-header"><a href="/"><img alt="Logo of the Works" src="l.png"></a>
<nav><ul><li><a href="/a">Products</a></li><li><a href="/b">Careers</a></li></ul></nav></header>
<div class="breadcrumb"><a href="/">Home</a> / <a href="/g">Guides</a></div>
<main><article>
<h1>How pumps work</h1>
<div class="share-buttons"><a href="#">Share on Facebook</a></div>
{PARAGRAPHS[0]}
<h2 id="parts">Parts<a class="headerlink" href="#parts">¶</a></h2>
{PARAGRAPHS[1]}
<ul><li>a lid</li><li>a valve<ul><li>with a spring</li></ul></li></ul>
<figure><img src="p.png" alt="Drawing"><figcaption>The pump from above</figcaption></figure>
<table><caption>Prices</caption><thead><tr><th>part</th><th>price</th></tr></thead>
<tbody><tr><td>lid</td><td>3</td></tr></tbody></table>
<pre><code class="language-python">pump.stop()
lid.open()</code></pre>
<dl><dt>Valve</dt><dd>what shuts</dd></dl>
{PARAGRAPHS[2]}
<p class="hidden-share"><a href="#">Read more</a></p>
{PARAGRAPHS[3]}
</article></main>
<aside class="sidebar"><h3>Popular stories</h3>
<ul><li><a href="/x">Ten valves you must see</a></li></ul></aside>
<section class="related-posts"><h3>Related articles</h3><a href="/y">Lids of the world</a></section>
<div class="newsletter-signup"><p>Subscribe to our newsletter</p></div>
<footer><p>© 2024 The Works. All rights reserved.</p><a href="/i">Imprint</a></footer>
</body></html>"""

BOILERPLATE = [
    *("cookies", "Accept", "Logo of", "Products", "Careers", "Home", "Guides", "Facebook"),
    *(
        "Read more",
        "Popular",
        "Ten valves",
        "Related",
        "Lids of",
        "newsletter",
        "©",
        "Imprint",
        "¶",
    ),
]


def test_the_page_s_own_text():
    text = read_page(PAGE).text
    assert text.startswith("# How pumps work\n\nThe first pump is")
    assert "\n\n## Parts\n\nThe second pump" in text
    assert "\n\n- a lid\n- a valve\n  - with a spring\n\n" in text
    assert "\n\nThe pump from above\n\n" in text
    assert "\n\nPrices\n\n| part | price |\n| --- | --- |\n| lid | 3 |\n\n" in text
    assert "\n\n```python\npump.stop()\nlid.open()\n```\n\n" in text
    assert "Valve\n: what shuts" in text
    assert "The fourth pump" in text


@pytest.mark.parametrize("word", BOILERPLATE)
def test_what_is_left_out(word):
    assert word not in read_page(PAGE).text


@pytest.mark.parametrize("word", ["cookies", "Accept", "Careers", "Ten valves", "Imprint"])
def test_the_whole_page_holds_it(word):
    assert word in read_page(PAGE, full=True).text


def test_what_the_page_says_of_itself():
    assert dict(read_page(PAGE).metadata) == {
        "title": "How pumps work | The Works",
        "author": "Ann Lee",
        "created": "2024-03-01",
        "description": "On pumps.",
        "site": "The Works",
        "language": "en",
    }


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>Just a line.</p>", "Just a line."),
        ("words without a tag", "words without a tag"),
        ("<nav>Menu</nav><p>One line.</p><footer>Imprint</footer>", "One line."),
        ("<nav><a href='/'>Only links</a></nav>", "Only links"),
        ("<button>Only a button</button>", "Only a button"),
        ("a<br>b<p>c <b>d</b><i> e </i>f", "a\nb\n\nc **d** *e* f"),
        ("<p># no heading</p><p>```</p>", "\\# no heading"),
        ("<h2>A <b>bold</b> &amp; title</h2><p>x", "## A bold & title\n\nx"),
        ("<blockquote><p>said</p></blockquote>", "> said"),
        ("<ol start=3><li>c<li>d</ol>", "3. c\n4. d"),
        ("<p>x<script>y</script>z<!-- c -->w</p>", "xzw"),
        ("<math alttext='x^2'><mi>x</mi></math>", "x^2"),
        ("<p>ﬁne\u00adly &nbsp; &eacute; &#8364;", "ﬁne\u00adly \xa0 é €"),
        ("<a href=x><div>in a link</div></a>", "in a link"),
        ("<li>stray", "- stray"),
    ],
)
def test_short_pages(page, text):
    assert read_page(page).text == text


def test_tables():
    page = """<table><tr><th>a</th><th colspan=2>b</th></tr>
    <tr><td rowspan=2>1</td><td><ul><li>x<li>y</ul></td><td>p | q</td></tr>
    <tr><td>2</td><td><table><tr><td>in</td><td>ner</td></tr></table></td></tr></table>"""
    assert read_page(page).text == (
        "| a | b |  |\n| --- | --- | --- |\n| 1 | x; y | p \\| q |\n| 1 | 2 | in ner |"
    )


def test_tables_that_lay_out_a_page_are_none():
    page = f"<table><tr><td>left side</td><td><h1>Title</h1>{''.join(PARAGRAPHS)}</td></tr></table>"
    assert "|" not in read_page(page, full=True).text
    assert "# Title\n\nThe first" in read_page(page).text


def test_a_class_that_holds_the_whole_page_misleads_nobody():
    page = f"<body><div class='content-sidebar'>{''.join(PARAGRAPHS)}</div><p>and this</p></body>"
    assert "The third pump" in read_page(page).text


def test_xhtml_closes_elements_at_once():
    page = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/>'
    page += '<script src="x"/></head><body><a id="top"/><p>seen</p></body></html>'
    assert read_page(page).text == "seen"


def test_elements_too_deep_to_follow():
    page = read_page("<div>" * 9_000 + "deep words" + "</div>" * 9_000 + "<p>after")
    assert page.text == "deep words\nafter"
    assert page.warnings


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 100_000 + "x",
        ("<div>" * 1_000 + "x" + "</div>" * 1_000) * 20,
        "<title" * 200_000,
        "<p>word " * 8_000,
        "<a href=x>word " * 8_000,
        "<table><tr><td>" * 100_000,
        "<table>" + "<tr><td rowspan=9999 colspan=9999>x" * 5_000,
        "<b>a<i>b</b>c</i>" * 30_000,
        "<pre>" + "`" * 1_000_000,
        '<div class="nav-nav-nav-nav-nav-nav-x">t</div>' * 5_000,
        "<" * 1_000_000,
    ],
    ids=range(11),
)
def test_hostile_pages_end(page):
    read_page(page)
    read_page(page, full=True)
