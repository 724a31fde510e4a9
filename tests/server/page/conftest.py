"""Debian's Chromium without a window, which loads nothing from elsewhere by itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage"
).split()
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WAIT = 20


class Browser:
    """A page in the browser, as a person sees it."""

    def __init__(self, folder) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER
        for flag in (*FLAGS, f"--user-data-dir={folder}", "--window-size=1280,900"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def open(self, address: str) -> None:
        self.driver.get(address)

    def all(self, selector: str) -> list:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str):
        """Return the first visible element, once there is one."""
        return self.until(lambda: next((e for e in self.all(selector) if e.is_displayed()), None))

    def text(self, selector: str) -> str:
        return self.one(selector).text

    def press(self, *keys: str) -> None:
        """Press keys wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def ask(self, question: str) -> None:
        """Type a question, and wait for its passages."""
        field = self.one("#query")
        field.clear()
        field.send_keys(question)
        self.until(lambda: "passage" in self.text("#status") and " ms" in self.text("#status"))

    def until(self, held: Callable):
        """Return what a function gives once that is true; elements may be replaced meanwhile."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        waiting = WebDriverWait(
            self.driver, WAIT, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return waiting.until(lambda _: held())

    def complaints(self) -> list[str]:
        """Return what the browser said on its console since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def hosts(self) -> set[str]:
        """Return the hosts that were asked for anything since that was asked last."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [
            e["params"]["request"] for e in events if e["method"] == "Network.requestWillBeSent"
        ]
        return {urlsplit(e["url"]).netloc for e in sent if e["url"].startswith("http")}


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if not (BROWSER and DRIVER):
        pytest.skip("Debian's packages chromium and chromium-driver are not installed")
    pytest.importorskip("selenium", reason="selenium is not installed")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(chromium):
    """A browser whose console stays empty, and which asks no other host than this one."""
    from tests.server.page import HOST

    chromium.complaints(), chromium.hosts()
    yield chromium
    assert chromium.complaints() == []
    assert {host.partition(":")[0] for host in chromium.hosts()} <= {HOST}
    chromium.open("about:blank")
    chromium.driver.delete_all_cookies()
