import pytest

from knowledge.documents.loaders.web import read_page

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
        ("<p>ﬁne\u00adly &nbsp; &eacute; &#8364;", "ﬁnely \xa0 é €"),
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


@pytest.mark.slow
@pytest.mark.timeout(300)
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


def article(*blocks):
    return f"<body><nav>Menu</nav><article><h1>Title</h1>{''.join(blocks)}</article></body>"


def test_lists_of_links_beside_the_text_stay_and_boxes_of_them_go():
    links = "".join(f'<li><a href="/{n}">Change number {n} of the valve</a></li>' for n in range(9))
    page = article(
        PARAGRAPHS[0],
        f"<h3>Valves</h3><ul>{links}</ul>",
        PARAGRAPHS[1],
        f"<div><h3>Stories of the week</h3><ul>{links.replace('valve', 'chimney')}</ul></div>",
        PARAGRAPHS[2],
    )
    text = read_page(page).text
    assert "### Valves\n\n- Change number 0 of the valve\n- Change number 1" in text
    assert "chimney" not in text


def test_links_and_notes_at_the_end_of_a_text_stay():
    page = article(
        *PARAGRAPHS,
        '<h2>See also</h2><p><a href="/lids">Lids</a></p>',
        '<aside class="footnote-list"><aside class="footnote" role="doc-footnote">'
        "<p>Warm means 20 degrees.</p></aside></aside>",
        '<div><h2>You may also like</h2><p><a href="/x">Ten chimneys</a></p></div>',
    )
    text = read_page(page).text
    assert "## See also\n\nLids" in text
    assert "Warm means 20 degrees." in text
    assert "chimneys" not in text


def test_what_a_click_unfolds_stays():
    page = article(
        *PARAGRAPHS[:2],
        '<h2><button aria-expanded="false">How warm may it get?</button></h2>'
        '<div class="accordion-collapse" aria-hidden="true">'
        "<p>Up to 90 degrees, for an hour.</p></div>"
        '<h2>Parts <button>Copy</button><span class="sr-only">Link to this</span></h2>',
        *PARAGRAPHS[2:],
    )
    text = read_page(page).text
    assert "## How warm may it get?\n\nUp to 90 degrees, for an hour.\n\n## Parts\n\n" in text


def test_a_heading_given_twice_stands_once():
    page = (
        f"<div class='print'><h1>Pumps</h1></div><article><h1>Pumps</h1>{PARAGRAPHS[0]}</article>"
    )
    assert read_page(page).text.count("# Pumps") == 1


def test_the_language_of_code_in_a_frame():
    page = '<div class="highlight-python"><div class="highlight"><pre>x = 1</pre></div></div>'
    assert read_page(page).text == "```python\nx = 1\n```"
    assert read_page(page.replace("-python", "-default")).text == "```\nx = 1\n```"


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "phrase", ["share this ", "zurück ", "compartir en ", "subscribe to x ", "© "]
)
def test_standing_phrases_are_told_in_time(phrase):
    page = article(*[f"<p>{phrase * 60}"[:190] + "!?</p>" for _ in range(200)])
    read_page(page)
