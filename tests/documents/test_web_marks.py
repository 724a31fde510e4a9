"""What a page shows by more than its words: raised and struck text, tasks, panels, anchors."""

import json

import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.model import SplitterSpec
from tests.documents.makers import load_one, markdown_cell, notebook
from tests.documents.makers_office import changed, epub, parts_of


def of_html(body):
    return load_one(f"<html><body>{body}</body></html>".encode(), "a.html").text


def of_book(body):
    return load(epub((f"<h1>One</h1>{body}",), ("One",), ""), "a.epub").documents[0].text


def of_mhtml(body):
    head = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    return load_one(f"{head}<html><body>{body}</body></html>".encode(), "a.mhtml").text


def of_mail(body):
    head = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    return load_one(f"{head}<html><body>{body}</body></html>".encode(), "a.eml").text


FORMATS = pytest.mark.parametrize("read", [of_html, of_book, of_mhtml, of_mail])

MARKED = [
    ("There are 10<sup>6</sup> cells.", "There are 10^6 cells."),
    ("An area of 5 m<sup>2</sup>, and CO<sub>2</sub>.", "An area of 5 m², and CO₂."),
    ("Speed<sub>max</sub> and e<sup>-x</sup>.", "Speed_max and e^-x."),
    ("The price is <del>4500</del><ins>7300</ins> EUR.", "The price is ~~4500~~ 7300 EUR."),
    ("<s>old words</s> new words", "~~old words~~ new words"),
    ("was <strike>100</strike>200 then", "was ~~100~~ 200 then"),
    ("was <span style='text-decoration: line-through'>100</span>200", "was ~~100~~ 200"),
    ("was <span class='line-through'>100</span> 200", "was ~~100~~ 200"),
    ("x<span style='vertical-align:super'>2</span> + y", "x² + y"),
    ("<math><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math>", "E=mc²"),
    ("<math><mn>10</mn><mo>+</mo><msup><mn>10</mn><mn>6</mn></msup></math>", "10+10^6"),
    ("<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo></mrow></mfrac></math>", "a/(b+)"),
]  # fmt: skip


@FORMATS
@pytest.mark.parametrize(("body", "text"), MARKED)
def test_raised_and_struck_text_is_marked(read, body, text):
    assert text in read(f"<p>{body}</p>")


@FORMATS
def test_marks_in_headings_tables_items_and_code(read):
    text = read(
        "<h2>10<sup>6</sup> <s>cells</s></h2>"
        "<table><tr><th>m<sup>2</sup></th><th>price</th></tr>"
        "<tr><td>10<sup>6</sup></td><td><del>45</del>73</td></tr>"
        "<tr style='text-decoration:line-through'><td>old</td><td>9</td></tr></table>"
        "<ul><li>10<sup>3</sup></li><li><s>done</s></li></ul><pre>2<sup>10</sup> bytes</pre>"
    )
    assert "## 10^6 ~~cells~~" in text
    assert "| m² | price |" in text
    assert "| 10^6 | ~~45~~ 73 |" in text
    assert "| ~~old~~ | ~~9~~ |" in text
    assert "- 10^3\n- ~~done~~" in text
    assert "2^10 bytes" in text


def test_style_sheets_strike():
    style = (
        "<style>.old, td.gone { color: red; text-decoration: line-through } .up{margin:0}</style>"
    )
    text = of_html(
        f"{style}<p>was <b class=old>4</b>5</p><p class=old>All <i>of</i> it.</p>"
        "<div class=old><p>one</p><p>two</p></div><p class=up>stays</p>"
    )
    assert text == "was ~~**4**~~ 5\n\n~~All *of* it.~~\n\n~~one~~\n\n~~two~~\n\nstays"


def test_what_is_struck_over_several_blocks():
    assert of_html("<del><p>one</p><p>two</p></del><p>three</p>") == "~~one~~\n\n~~two~~\n\nthree"


def test_raised_text_does_not_hide_a_line_from_the_main_text():
    words = "The flow is 5 m<sup>3</sup> an hour, as the plate of the pump says it."
    page = f"<nav>Menu</nav><article><h1>Pumps</h1>{f'<p>{words}</p>' * 8}</article>"
    assert of_html(page).count("5 m³ an hour") == 8


@FORMATS
@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ("<input type='checkbox' checked disabled> Rotate", "[x] Rotate"),
        ("<input type=checkbox>Rotate", "[ ] Rotate"),
        ("<p><input type='CHECKBOX' checked=''/> Rotate</p>", "[x] Rotate"),
        ("<label><input type=checkbox checked> Rotate</label>", "[x] Rotate"),
        ("<span role=checkbox aria-checked=true></span> Rotate", "[x] Rotate"),
        ("<span role='checkbox' aria-checked='false'></span> Rotate", "[ ] Rotate"),
        ("<div class='checkbox checkbox-on'></div> Rotate", "[x] Rotate"),
    ],
)
def test_the_state_of_tasks(read, item, shown):
    text = read(f"<p>Some words before it.</p><ul><li>{item}</li><li>plain</li></ul>")
    assert shown in " ".join(text.split())


def test_the_state_of_tasks_in_tables_and_by_attributes():
    table = "<table><tr><th>done</th><th>what</th></tr><tr><td><input type=checkbox checked></td>"
    assert "| [x] | a |" in of_html(f"{table}<td>a</td></tr></table>")
    items = "<li data-checked=true>a</li><li data-inline-task-id=1>b</li>"
    assert of_html(f"<ul>{items}</ul>") == "- [x] a\n- [ ] b"


def test_boxes_that_open_menus_have_no_state():
    page = "<input type=checkbox id=nav-toggle><p>words</p>"
    assert of_html(page) == "words"


PANELS = [
    "<div role=tabpanel hidden><p>WORDS</p></div>",
    "<section role=tabpanel aria-hidden=true><p>WORDS</p></section>",
    "<div hidden><p>WORDS</p></div>",
    "<div hidden=until-found><p>WORDS</p></div>",
    "<div aria-hidden=true><p>WORDS</p></div>",
    "<div x-show='open' style='display: none'><p>WORDS</p></div>",
    "<div v-show='open' style='display:none'><p>WORDS</p></div>",
    "<div class='tab-content' style='display:none'><p>WORDS</p></div>",
    "<div class='hidden' role='tabpanel'><p>WORDS</p></div>",
    "<a href='#more'>More</a><div id=more style='display:none'><p>WORDS</p></div>",
    "<button aria-controls=p2>More</button><div id=p2 style='display:none'><p>WORDS</p></div>",
    "<details><summary>Question</summary><p>WORDS</p></details>",
    "<sl-tab-panel aria-hidden=true><p>WORDS</p></sl-tab-panel>",
]


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("panel", PANELS)
def test_what_a_click_shows_stays(panel, last):
    words = "The installer is run as administrator on each machine of the plant."
    around = f"<p>{words} It takes a minute.</p>" * 4
    page = f"<nav><a href=/>Home</a></nav><main><h1>Install</h1>{around}{panel}"
    page += "" if last else around
    shown = of_html(page.replace("WORDS", "winget install foowindows") + "</main>")
    assert "winget install foowindows" in shown
    assert "Home" not in shown


def test_what_no_click_shows_goes():
    words = "<p>The installer is run as administrator on each machine of the plant.</p>" * 6
    hidden = "<div style='display:none'><p>tracking words of nobody</p></div>"
    modal = "<div class=modal hidden><p>Subscribe to our letter</p></div>"
    text = of_html(f"{hidden}<main><h1>Install</h1>{words}</main>{modal}")
    assert "tracking" not in text
    assert "Subscribe" not in text


LONG = "Run the installer as it is told here, and wait. " * 20
SECTIONS = f"""<main id=content><h1>Guide</h1><p>Words before all.</p>
<section id="install"><h2>Install</h2><p>{LONG}</p></section>
<h2>Use<a class=headerlink name=use href="#use">#</a></h2><p>{LONG}<sup id=fnref1>1</sup></p>
<p id=":r1:">{LONG}</p></main>"""


def places(document, name):
    return {
        passage.cite(name): " > ".join(passage.heading)
        for passage in split(document, SplitterSpec(40, 0))
    }


def test_a_page_is_cited_at_the_nearest_anchor():
    document = load_one(SECTIONS.encode(), "a.html")
    assert list(places(document, "a.html")) == ["a.html#content", "a.html#install", "a.html#use"]
    assert list(places(document, "https://a.org/b")) == [
        "https://a.org/b#content",
        "https://a.org/b#install",
        "https://a.org/b#use",
    ]
    starts = {anchor.name: document.text[anchor.char_start :] for anchor in document.anchors}
    assert starts["install"].startswith("## Install")
    assert starts["use"].startswith("## Use")


def test_a_page_without_ids_is_cited_as_it_is():
    assert list(places(load_one(b"<h1>Guide</h1><p>Words.</p>", "a.html"), "a.html")) == ["a.html"]


def test_books_are_cited_at_chapter_and_anchor():
    chapters = (f"<h1>One</h1><p>{LONG}</p>", f"<p id=second>{LONG}</p><h2 id='s 1'>x</h2>")
    book = load(epub(chapters, ("One", "Two"), ""), "a.epub").documents[0]
    found = list(places(book, "a.epub"))
    assert found[0] == "a.epub, chapter 1"
    assert "a.epub#second, chapter 2" in found


def test_notebooks_are_cited_at_their_cells_ids():
    data = json.loads(notebook(markdown_cell(LONG), markdown_cell(LONG)))
    data["cells"][1]["id"] = "ab12-cd"
    document = load_one(json.dumps(data).encode(), "a.ipynb")
    cited = [passage.cite("a.ipynb") for passage in split(document, SplitterSpec(40, 0))]
    assert list(dict.fromkeys(cited)) == ["a.ipynb, cell 1", "a.ipynb#cell-id=ab12-cd, cell 2"]


def test_style_sheets_of_books_and_saved_pages_mark_text():
    sheet = ".calibre5 { vertical-align: super }\n.gone, .old { text-decoration: line-through }"
    body = '<p>10<span class="calibre5">6</span>, <span class="gone">4500</span> 7300</p>'
    data = epub((body,), ("One",), "", {"book/a.css": sheet})
    item = b'<item id="css" href="a.css" media-type="text/css"/><item id="nav"'
    package = parts_of(data)["book/package.opf"].replace(b'<item id="nav"', item)
    book = changed(data, **{"book/package.opf": package})
    assert "10^6, ~~4500~~ 7300" in load(book, "a.epub").documents[0].text
    saved = (
        "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/html\r\n\r\n<html><body>{body}</body></html>\r\n"
        f"--b\r\nContent-Type: text/css\r\n\r\n{sheet}\r\n--b--\r\n"
    )
    assert "10^6, ~~4500~~ 7300" in load(saved.encode(), "a.mhtml").documents[0].text


def test_titles_in_a_table_stand_above_it():
    cells = "<tr><td>Depot<td>Stock<tr><td>Alpha<td>11"
    page = f"<table><tr><td colspan=2>Stock list<tr><td>As of March<td>{cells}</table>"
    text = load(page.encode(), "a.html").documents[0].text
    assert text.startswith("Stock list\n\nAs of March\n\n| Depot | Stock |\n| --- | --- |\n| Alpha")
