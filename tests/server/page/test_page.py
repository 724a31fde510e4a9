"""The page in a browser: typing, filters, documents at the passage, keys."""

from __future__ import annotations

import shutil

import pypdfium2
import pytest

from knowledge import KnowledgeBase
from knowledge.settings.reading import Settings
from tests.chat_server import ChatServer
from tests.server.conftest import start

pytestmark = pytest.mark.slow
HARM = "<script>document.title='harm'</script><img src=x onerror=alert(1)> kumquat preserve"


@pytest.fixture(scope="module")
def running(tmp_path_factory, documents):
    """A server of the sample documents, a scan that holds no text, and what means harm."""
    home = tmp_path_factory.mktemp("page")
    docs, data = home / "docs", str(home / "data")
    shutil.copytree(documents, docs)
    scan = pypdfium2.PdfDocument.new()
    scan.new_page(300, 400)
    scan.save(docs / "scan.pdf")
    (docs / "<b>harm<b>.txt").write_text(HARM)
    with KnowledgeBase(Settings.read(environ={}, folder=home, data_dir=data)) as kb:
        kb.ingest(docs, "handbook")
        kb.ingest(docs / "notes", "notes")
    server = start(flags={"data_dir": data})
    yield server
    server.stop()


@pytest.fixture
def page(browser, running):
    browser.open(running.url)
    browser.until(lambda: "Type a question" in browser.text("#status"))
    return browser


def test_passages_come_as_one_types(page):
    page.ask("rotate the signing key")
    assert page.text("article .name").startswith("api-guide.md:")
    assert "%" in page.text("article .relevance")
    marked = {mark.text.lower() for mark in page.all("article mark")}
    assert {"rotating", "signing", "key"} <= marked
    assert "the" not in marked
    assert "q=rotate+the+signing+key" in page.driver.current_url

    page.one("article .reason").click()
    assert "cosine" in page.text("article .why")
    before = page.text("article .text")
    page.one("article .around").click()
    page.until(lambda: len(page.text("article .text")) > len(before))
    assert page.one("article .own").text.startswith("### Rotating")


def test_an_answer_that_comes_late_is_dropped(page):
    page.driver.execute_script(
        """
        const real = window.fetch;
        window.fetch = async (address, options) => {
          const reply = await real(address, { ...options, signal: undefined });
          if (options.body?.includes("hotel")) await new Promise((go) => setTimeout(go, 700));
          if (options.body?.includes("hotel")) window.late = true;
          return reply;
        };"""
    )
    page.one("#query").send_keys("hotel night")
    page.until(lambda: page.all("[aria-busy]"))
    page.ask("signing key")
    page.until(lambda: page.driver.execute_script("return window.late"))
    page.driver.execute_async_script("setTimeout(arguments[0], 50)")
    assert page.text("article .name").startswith("api-guide.md:")


def test_filters_have_counts_and_count(page):
    page.ask("battery")
    rows = {row.text.split("\n")[0]: row.text.split("\n")[1] for row in page.all("#datasets label")}
    assert rows == {"handbook": "14", "notes": "2"}
    page.one("#types input[value='*.pdf']").click()
    page.until(lambda: page.all("article") and all(
        "safety-data.pdf" in one.text for one in page.all("article .name")
    ))  # fmt: skip
    assert "type=*.pdf" in page.driver.current_url
    page.one("#clear").click()
    page.until(lambda: any(".md" in one.text for one in page.all("article .name")))
    assert "type=" not in page.driver.current_url


def test_a_pdf_opens_at_its_page_with_the_passage_marked(page):
    page.ask("rinse the eye with running water")
    assert "safety-data.pdf" in page.text("article .name")
    page.one("article .citation").click()
    page.one("#document .page.drawn")
    boxes = page.all("#document .box")
    assert len(boxes) >= 5
    sheet = page.one("#document .page").rect
    for box in boxes:
        assert sheet["x"] <= box.rect["x"] < sheet["x"] + sheet["width"]
        assert box.rect["height"] < sheet["height"] / 20
    assert (
        page.driver.execute_script("return document.querySelector('.page img').naturalWidth") > 600
    )
    page.all("#document-forms button")[1].click()
    assert "running water" in page.text("#document mark")


def test_keys_walk_and_open(page):
    page.one("h1").click()
    page.press("/")
    assert page.driver.switch_to.active_element.get_attribute("id") == "query"
    page.ask("signing key")
    page.press("\ue007")  # Enter: to the first passage
    page.until(lambda: page.all("article.chosen h2#hit-1"))
    page.press("j")
    page.until(lambda: page.all("article.chosen h2#hit-2"))
    page.press("k")
    page.until(lambda: page.all("article.chosen h2#hit-1"))
    page.press("w")
    assert "BM25" in page.text("article .why")
    page.press("\ue007")
    page.one("#document[open] .line.marked")
    page.press("\ue00c")  # Escape
    page.until(lambda: not page.all("#document[open]"))
    page.press("?")
    assert "to the question" in page.text("#help")
    page.press("\ue00c")


def test_a_link_shows_the_same(page, running):
    page.ask("signing key")
    page.one("article .citation").click()
    page.one("#document .line.marked")
    numbers = [one.get_attribute("data-line") for one in page.all("#document .line.marked")]
    link = page.driver.current_url
    page.open("about:blank")
    page.open(link)
    page.one("#document .line.marked")
    assert [one.get_attribute("data-line") for one in page.all("#document .line.marked")] == numbers
    assert page.one("#query").get_attribute("value") == "signing key"


def test_no_document_makes_html(page):
    page.ask("kumquat preserve")
    assert HARM in page.text("article .text")
    page.one("article .citation").click()
    page.one("#document .line.marked")
    assert HARM in page.text("#document-body")
    assert "<b>harm<b>.txt" in page.text("#document-title")
    assert page.driver.title == "knowledge"
    with pytest.raises(Exception, match="TrustedHTML"):
        page.driver.execute_script("document.body.innerHTML = '<p>no</p>'")
    page.complaints()  # of that attempt


def test_files_say_what_was_taken_in_and_what_not(page):
    page.one("#tab-files").click()
    page.until(lambda: "14 files taken in, 1 file not" in page.text("#files-status"))
    assert "scan.pdf" in page.text("[aria-labelledby=group-no-text-layer]")
    page.one("#files-filter").send_keys("safety")
    page.until(lambda: "1 file taken in" in page.text("#files-status"))
    page.one("#files-list .citation").click()
    page.one("#document .page.drawn")


def test_it_fits_a_phone_in_both_themes(page, running):
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True},
    )
    try:
        page.ask("signing key")
        width = "return document.documentElement.scrollWidth"
        colours = set()
        for theme in ("light", "dark"):
            page.one("#theme").click()
            assert page.one("#theme").get_attribute("aria-label") == f"Theme: {theme}"
            script = "return getComputedStyle(document.body).backgroundColor"
            colours.add(page.driver.execute_script(script))
            assert page.driver.execute_script(width) <= 360
        assert len(colours) == 2
        page.one("article .citation").click()
        page.one("#document .line.marked")
        assert page.driver.execute_script(width) <= 360
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.driver.execute_script("localStorage.clear()")


def test_every_control_has_a_name(page):
    page.ask("signing key")
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = (
        "button",
        "textbox",
        "searchbox",
        "checkbox",
        "combobox",
        "spinbutton",
        "tab",
        "meter",
    )
    found = [one for one in tree if one.get("role", {}).get("value") in controls]
    assert len(found) > 20
    assert [one for one in found if not one.get("name", {}).get("value")] == []


def test_an_answer_has_numbered_sources(browser, running, monkeypatch):
    said = "Rotate it every 90 days [1]."
    with ChatServer([said]) as chat:
        monkeypatch.setenv("KNOW_CHAT_BASE_URL", chat.base_url)
        monkeypatch.setenv("KNOW_CHAT_MODEL", "m")
        server = start(flags={"data_dir": running.data})
        try:
            browser.open(server.url)
            browser.ask("rotate the signing key")
            browser.one("#ask").click()
            source = browser.one(".sources .citation")
            assert "Rotate it every 90 days" in browser.text(".answer-text")
            assert source.text.startswith("api-guide.md:")
            browser.one(".cite").click()
            browser.one("#document .line.marked")
            browser.open("about:blank")
        finally:
            server.stop()


def test_the_page_asks_for_a_token(browser, running):
    server = start(flags={"data_dir": running.data, "server_token": "s3cret"})
    try:
        browser.open(server.url)
        browser.one("#token-value").send_keys("s3cret\ue007")
        browser.until(lambda: "Type a question" in browser.text("#status"))
        browser.ask("signing key")
        stored = "return [sessionStorage.length, localStorage.length, document.cookie]"
        assert browser.driver.execute_script(stored) == [1, 0, ""]
        browser.open("about:blank")
    finally:
        server.stop()
