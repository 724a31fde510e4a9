"""The page in a browser: typing, filters, documents at the passage, keys."""

from __future__ import annotations

import shutil

import pytest

from knowledge import KnowledgeBase
from knowledge.settings.reading import Settings
from tests.server.conftest import start

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory, documents):
    """A server of the sample documents, and of a scan that holds no text."""
    home = tmp_path_factory.mktemp("page")
    docs, data = home / "docs", str(home / "data")
    shutil.copytree(documents, docs)
    _blank_pdf(docs / "scan.pdf")
    with KnowledgeBase(Settings.read(environ={}, folder=home, data_dir=data)) as kb:
        kb.ingest(docs, "handbook")
    server = start(flags={"data_dir": data})
    yield server
    server.stop()


def _blank_pdf(path):
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    document.new_page(300, 400)
    document.save(path)


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
