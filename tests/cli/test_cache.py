"""``knowledge cache``: what is kept, and forgetting it."""

from __future__ import annotations

import pytest

from tests.openai_server import OpenAIServer


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


def test_an_empty_cache_is_not_made_by_looking(run, data_dir):
    stats = run("cache", "stats", "--json").json
    assert (stats["vectors"], stats["bytes"], stats["models"]) == (0, 0, [])
    assert stats["limit"] == 2048 * 1024 * 1024
    assert run("cache", "clear", "--json").json["vectors"] == 0
    assert not data_dir.exists()


def test_what_is_kept_is_counted_by_model(run, server):
    run("embed", "a", "b")
    run("embed", "a", "--query")
    stats = run("cache", "stats", "--json").json
    assert stats["vectors"] == 3
    assert stats["bytes"] == 3 * (64 * 4 + 64)
    assert [model["vectors"] for model in stats["models"]] == [2, 1]
    assert server.base_url in stats["models"][0]["name"]
    outcome = run("cache", "stats")
    assert outcome.out.startswith("2\t0.0\topenai:text-embedding-ada-002 at http:")
    assert "3 vectors" in outcome.err


def test_clearing_forgets_all_and_gives_the_room_back(run, server, data_dir):
    run("embed", "-", stdin="\n".join(f"text {number}" for number in range(500)))
    before = (data_dir / "embeddings.db").stat().st_size
    assert run("cache", "clear", "--json").code == 2  # nobody can be asked
    assert run("cache", "stats", "--json").json["vectors"] == 500
    assert run("cache", "clear", "--yes").out == "500 vectors forgotten\n"
    assert run("cache", "stats", "--json").json["vectors"] == 0
    assert (data_dir / "embeddings.db").stat().st_size < before / 3
    requests = len(server.requests)
    run("embed", "text 7")
    assert len(server.requests) == requests + 1


@pytest.mark.parametrize(
    "variable", [("KNOW_EMBEDDING_CACHE", "false"), ("KNOW_EMBEDDING_CACHE_SIZE", "0")]
)
def test_it_can_be_switched_off(run, server, corpus, data_dir, monkeypatch, variable):
    monkeypatch.setenv(*variable)
    assert run("ingest", corpus).code == 0
    assert run("ingest", corpus, "--force").code == 0
    assert not (data_dir / "embeddings.db").exists()
    assert set(server.texts.values()) == {2}


def test_a_flag_switches_it_off_for_one_run(run, server, corpus, data_dir):
    assert run("ingest", corpus, "--no-cache").code == 0
    assert not (data_dir / "embeddings.db").exists()


def test_a_dry_run_leaves_out_what_is_kept(run, server, corpus):
    first = run("ingest", corpus, "--dry-run", "--json").json
    assert first["embedded"] == 5
    assert run("ingest", corpus, "-d", "one").code == 0
    second = run("ingest", corpus, "-d", "two", "--dry-run", "--json").json
    assert (second["embedded"], second["tokens"], second["chunks"]["added"]) == (0, 0, 5)
    uncached = run("ingest", corpus, "-d", "two", "--dry-run", "--no-cache", "--json").json
    assert uncached["embedded"] == 5
