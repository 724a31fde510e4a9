"""A dataset that was made for a run from which nothing came is not left behind."""

from __future__ import annotations

import threading

import pytest

from knowledge import KnowledgeBase
from knowledge.errors import KnowledgeError, RemoteAuthError
from knowledge.ingestion.run.session import open_for_ingest
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.layout import DataFolder
from tests.ingestion.sources.web_server import WebServer
from tests.openai_server import OpenAIServer, refusal


def names(run):
    return [dataset["name"] for dataset in run("list-datasets", "--json").json["datasets"]]


def left(data_dir):
    """Return what lies in the data folder for datasets."""
    return [path for place in ("datasets", "locks") for path in data_dir.glob(f"{place}/*")]


@pytest.fixture
def refusing(monkeypatch):
    """A provider that refuses the key."""
    with OpenAIServer(script=[refusal(401, "wrong key")] * 9) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


def test_a_page_that_is_not_there(run, data_dir):
    server = WebServer()
    outcome = run("ingest", f"{server.url}/nothing.html", "--allow-private-hosts", "--json")
    server.close()
    assert outcome.code == 3
    assert names(run) == []
    assert left(data_dir) == []


def test_a_key_that_is_refused(run, corpus, data_dir, refusing):
    for command in (["ingest", corpus], ["askdir", "key", "-p", corpus]):
        assert run(*command, "--json").code == 5
        assert names(run) == []
        assert left(data_dir) == []


def test_a_dataset_that_was_there_stays(run, corpus, refusing):
    run("create-dataset", "default", "--metadata", "team=desk")
    assert run("ingest", corpus, "--json").code == 5
    assert names(run) == ["default"]


def test_an_empty_folder_makes_a_dataset(run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run("ingest", tmp_path / "empty").code == 0
    assert names(run) == ["default"]


def test_files_that_all_failed_are_remembered(run, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "broken.pdf").write_bytes(b"%PDF-1.4 cut")
    assert run("ingest", tmp_path / "docs").code == 4
    assert "broken.pdf" in run("list-files", "--status", "failed").out


def test_who_waited_for_a_run_that_failed_goes_on(corpus, data_dir):
    """The dataset that it waited for is gone, so it makes one of its own."""
    folder, began = DataFolder(data_dir), threading.Event()
    reports = []

    def wait_and_ingest():
        settings = Settings.read(data_dir=str(data_dir))
        with KnowledgeBase(settings, notify=lambda _: began.set()) as kb:
            reports.append(kb.ingest(corpus))

    waiting = threading.Thread(target=wait_and_ingest, daemon=True)
    target = {"create": True, "lock_timeout": 60.0, "notify": lambda _: None}
    with (
        Catalog(folder) as catalog,
        pytest.raises(KnowledgeError, match="wrong key"),
        open_for_ingest(catalog, "default", **target),
    ):
        waiting.start()
        assert began.wait(60)  # until it waits for the lock, and says so
        raise RemoteAuthError("wrong key")
    waiting.join(60)
    assert [report.chunks_added for report in reports] == [5]
