"""Tokens and what they cost, before and after."""

from __future__ import annotations

import pytest

from tests.conftest import write_files
from tests.openai_server import OpenAIServer


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    write_files(tmp_path / "here", {"prices.yaml": "127.0.0.1: {'*': 1000}\n"})
    monkeypatch.setenv("KNOW_PRICES_FILE", "prices.yaml")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


def test_tokens_are_those_the_server_counts(run, server, corpus):
    report = run("ingest", corpus, "--json").json
    assert report["tokens"] == sum(len(text.split()) for text in server.texts)
    assert report["cost_usd"] == pytest.approx(report["tokens"] / 1000)


def test_tokens_are_estimated_where_the_server_does_not_count(run, server, corpus):
    server.usage = False
    report = run("ingest", corpus, "--json").json
    size = sum(len(text.encode()) for text in server.texts)
    assert size / 4 <= report["tokens"] <= size / 4 + len(server.texts)


def test_a_dry_run_estimates_both(run, server, corpus):
    rehearsal = run("ingest", corpus, "--dry-run", "--json").json
    assert rehearsal["cost_usd"] == pytest.approx(rehearsal["tokens"] / 1000)
    assert rehearsal["cost_usd"] > 0
    assert f", about ${rehearsal['cost_usd']:g}, in " in run("ingest", corpus, "--dry-run").out
    assert server.requests == []


def test_the_summary_tells_the_cost_where_it_is_known(run, server, corpus, monkeypatch):
    assert "tokens, about $0.0" in run("ingest", corpus).out
    monkeypatch.delenv("KNOW_PRICES_FILE")
    outcome = run("ingest", corpus, "-d", "other", "--no-cache")
    assert "tokens, in " in outcome.out
    assert "$" not in outcome.out


def test_a_model_without_a_price_has_none(run, corpus):
    assert run("ingest", corpus, "--json").json["cost_usd"] is None


def test_a_file_of_prices_that_can_not_be_read_stops_before_anything_is_paid(
    run, server, corpus, tmp_path
):
    write_files(tmp_path / "here", {"prices.yaml": "- no\n- table\n"})
    from knowledge.embeddings.prices import read_prices

    read_prices.cache_clear()
    outcome = run("ingest", corpus, "--json")
    assert (outcome.code, server.requests) == (2, [])
    read_prices.cache_clear()
