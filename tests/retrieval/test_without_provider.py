"""Questions that no embedding provider answers."""

from __future__ import annotations

import pytest

from knowledge import KnowledgeBase
from knowledge.errors import RemoteError, UsageError
from knowledge.settings.reading import Settings
from tests.conftest import write_files
from tests.openai_server import OpenAIServer

FILES = {
    "reset.md": "ERR_CONN_RESET means that the server closed the connection.",
    "hotel.md": "A night in a hotel may cost up to one hundred euros.",
}


@pytest.fixture
def dead(tmp_path):
    """Options to open a knowledge base whose provider served its ingest and is gone since."""
    write_files(tmp_path / "docs", FILES)
    with OpenAIServer(dimensions=64) as server:
        options = {
            "data_dir": str(tmp_path / "data"),
            "embedding_model_provider": "openai",
            "openai_base_url": server.base_url,
            "openai_api_key": "key",
            "embedding_retries": 0,
        }
        with KnowledgeBase.open(**options) as kb:
            kb.ingest(tmp_path / "docs")
    return options


def noting(options, **more):
    notes: list[str] = []
    return KnowledgeBase(Settings.read(**options, **more), notify=notes.append), notes


def test_keyword_mode_asks_no_provider(dead):
    kb, notes = noting(dead)
    with kb:
        found = kb.retrieve("hotel", mode="keyword")
        assert [(hit.name, hit.cosine) for hit in found] == [("hotel.md", None)]
        assert found[0].score >= found[0].scores["keyword"] > 0  # its name has the word too
        assert kb.retrieve("err_conn_reset", mode="hybrid", weight=0)[0].cosine is None
        assert kb.retrieve("night", mode="keyword", mmr=0.5, context=1)[0].name == "hotel.md"
    assert any("no cosines" in note for note in notes)


def test_a_threshold_needs_the_provider(dead):
    kb, _ = noting(dead)
    with kb, pytest.raises(RemoteError):
        kb.retrieve("hotel", mode="keyword", threshold=0.1, fallback="keyword")


def test_auto_falls_back_only_when_that_is_asked(dead):
    kb, notes = noting(dead)
    with kb:
        with pytest.raises(RemoteError):
            kb.retrieve("hotel")
        found = kb.retrieve("hotel", fallback="keyword")
        assert found.query.mode == "keyword"
        assert [hit.name for hit in found] == ["hotel.md"]
        assert any("keyword search alone" in note for note in notes)
        for mode in ("dense", "hybrid"):
            with pytest.raises(RemoteError):
                kb.retrieve("hotel", mode=mode, fallback="keyword")
    kb, _ = noting(dead, fallback="keyword")
    with kb:
        assert kb.retrieve("hotel") == found


def test_a_provider_that_is_not_set_is_none(dead):
    kb, notes = noting({"data_dir": dead["data_dir"]})
    with kb:
        with pytest.raises((RemoteError, UsageError)):
            kb.retrieve("hotel")
        assert kb.retrieve("hotel", mode="keyword")[0].cosine is None
        assert kb.retrieve("hotel", fallback="keyword")[0].name == "hotel.md"
    assert notes


def test_the_command_line_says_so_on_stderr(dead, run, monkeypatch):
    monkeypatch.setenv("KNOW_FALLBACK", "keyword")
    done = run("retrieve", "hotel", "--json", "--data-dir", dead["data_dir"])
    assert done.code == 0
    assert done.json["mode"] == "keyword"
    assert done.json["hits"][0]["cosine"] is None
    assert done.json["hits"][0]["scores"]["dense"] is None
    assert "keyword search alone" in done.err


def test_a_model_on_this_machine_gives_cosines_in_keyword_mode(knowledge_of):
    kb = knowledge_of(FILES)
    assert kb.retrieve("hotel", mode="keyword")[0].cosine == pytest.approx(
        kb.retrieve("hotel", mode="dense")[0].cosine
    )
