"""A question that was asked before costs no call."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge import KnowledgeBase
from tests.conftest import write_files
from tests.embeddings.fakes import DictCache, FakeEmbedder, new_pool
from tests.openai_server import OpenAIServer


def test_a_question_is_kept_apart_from_a_document():
    cache = DictCache()
    first, second = FakeEmbedder(), FakeEmbedder()
    with new_pool(first, cache=cache) as pool:
        pool.embed(["why?"])
        asked = pool.embed_query("why?")
        assert pool.stats.embedded == 2
    assert len(first.requests) == 2
    with new_pool(second, cache=cache) as pool:
        np.testing.assert_array_equal(pool.embed_query("why?"), asked)
        stats = pool.stats
    assert (second.requests, stats.cached, stats.embedded, stats.tokens) == ([], 1, 0, 0)
    assert len({model for model, _ in cache.vectors}) == 2


def test_nothing_is_looked_up_where_it_is_not_worth_it():
    cache = DictCache()
    with new_pool(FakeEmbedder(cacheable=False), cache=cache) as pool:
        pool.embed_query("why?")
    assert (cache.asked, cache.vectors) == (0, {})


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    write_files(tmp_path / "docs", {"a.md": "Rotate the signing key.", "b.md": "Eat lunch."})
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


def ask(text, **settings):
    with KnowledgeBase.open(**settings) as kb:
        return [hit.name for hit in kb.retrieve(text)]


def test_a_later_process_asks_no_more(server, tmp_path):
    with KnowledgeBase.open() as kb:
        kb.ingest(tmp_path / "docs")
    assert ask("which key?") == ask("which key?")
    assert server.texts["which key?"] == 1
    ask("which lunch?")
    assert server.texts["which lunch?"] == 1


@pytest.mark.parametrize("off", [{"embedding_cache": False}, {"embedding_cache_size": 0}])
def test_it_can_be_switched_off(server, tmp_path, data_dir, off):
    with KnowledgeBase.open(**off) as kb:
        kb.ingest(tmp_path / "docs")
    ask("which key?", **off)
    ask("which key?", **off)
    assert server.texts["which key?"] == 2
    assert not (data_dir / "embeddings.db").exists()


def test_the_bundled_model_opens_no_cache(tmp_path, data_dir):
    write_files(tmp_path / "docs", {"a.md": "Rotate the signing key."})
    with KnowledgeBase.open() as kb:
        kb.ingest(tmp_path / "docs")
        kb.retrieve("which key?")
    assert not (data_dir / "embeddings.db").exists()


def test_a_cache_that_can_not_be_opened_stops_no_question(server, tmp_path, data_dir):
    with KnowledgeBase.open() as kb:
        kb.ingest(tmp_path / "docs")
    for path in data_dir.glob("embeddings.db*"):
        path.unlink()
    (data_dir / "embeddings.db").write_text("this is no database, but text " * 100)
    assert ask("which key?")[0] == "a.md"
