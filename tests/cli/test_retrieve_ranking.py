"""How the command line says how to rank and what to leave out."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def answer(run, library):
    """Ask the small folder; return the JSON answer."""

    def ask(*arguments):
        outcome = run("retrieve", *arguments, "--json")
        assert outcome.code == 0, outcome.out
        return outcome.json

    return ask


def names(answer):
    return [hit["name"] for hit in answer["hits"]]


@pytest.mark.parametrize("mode", ["dense", "keyword", "hybrid"])
def test_the_mode_is_told(answer, mode):
    assert answer("signing key", "--mode", mode)["mode"] == mode


def test_auto_is_told_as_what_it_means(answer):
    assert answer("signing key")["mode"] == "hybrid"
    assert answer("signing key", "--mode", "auto")["mode"] == "hybrid"


def test_keyword_finds_what_holds_a_word(answer):
    assert names(answer("badges!", "--mode", "keyword")) == ["badges.md"]
    assert answer("zebra", "--mode", "keyword")["hits"] == []


def test_the_parts_of_a_score(answer):
    first = answer("rotating keys", "--mode", "hybrid")["hits"][0]
    assert first["scores"]["dense"] == first["cosine"]
    assert first["scores"]["keyword"] > 0
    assert first["scores"]["dense_rank"] == first["scores"]["keyword_rank"] == 1
    dense = answer("rotating keys", "--mode", "dense")["hits"][0]["scores"]
    assert (dense["keyword"], dense["keyword_rank"]) == (None, None)
    last = answer("rotating keys")["hits"][-1]["scores"]
    assert (last["keyword"], last["keyword_rank"]) == (0, None)


def test_weight_and_fusion(answer):
    dense = names(answer("lunch in the hotel", "--mode", "dense"))
    assert names(answer("lunch in the hotel", "--weight", "1")) == dense
    fused = answer("lunch in the hotel", "--fusion", "rrf")["hits"][0]
    ranks = fused["scores"]
    assert fused["score"] == pytest.approx(
        0.35 / (60 + ranks["dense_rank"]) + 0.65 / (60 + ranks["keyword_rank"]), abs=1e-6
    )


def test_settings_from_the_environment(answer, monkeypatch):
    monkeypatch.setenv("KNOW_RETRIEVE_MODE", "keyword")
    assert answer("badge")["mode"] == "keyword"
    assert answer("badge", "--mode", "dense")["mode"] == "dense"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--mode", "magic"],
        ["--fusion", "sum"],
        ["--weight", "2"],
        ["--weight", "much"],
        ["--candidates", "0"],
        ["--since", "yesterday"],
        ["--until", "tomorrow"],
        ["--file", ""],
        ["--where", "year >"],
    ],
)
def test_what_does_not_fit_names_its_flag(run, library, arguments):
    outcome = run("retrieve", "badge", *arguments, "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "usage"
    assert arguments[0] in outcome.json["error"]["message"]


def test_a_setting_that_does_not_fit(run, library, monkeypatch):
    monkeypatch.setenv("KNOW_RETRIEVE_FUSION", "sum")
    outcome = run("retrieve", "badge", "--json")
    assert outcome.code == 2
    assert "KNOW_RETRIEVE_FUSION" in outcome.json["error"]["hint"]


def test_conditions_on_metadata(run, answer, library):
    run("ingest", library / "notes", "--metadata", "team=support", "--metadata", "year=2024")
    run("ingest", library / "keys.md", "--metadata", "team=sales", "--metadata", "year=2019")
    assert set(names(answer("badge", "--where", "year >= 2020 and team = support"))) == {
        "badges.md",
        "firmware.txt",
    }
    assert names(answer("badge", "--where", "year < 2020 or year > 2030")) == ["keys.md"]
    assert names(answer("x", "--where", "year exists", "--where", "team in (sales)")) == ["keys.md"]


def test_files_and_times(run, answer, library):
    assert set(names(answer("badge", "--file", "*.txt"))) == {"canteen.txt", "firmware.txt"}
    assert set(names(answer("badge", "--file", "notes"))) == {"badges.md", "firmware.txt"}
    assert names(answer("badge", "--file", "keys.md", "--file", "travel.*")) != []
    assert answer("badge", "--since", "30m")["hits"] == []
    assert len(answer("badge", "--since", "2d", "--until", "30m")["hits"]) == 5


def test_askdir_takes_the_same_options(run, corpus):
    os.utime(corpus / "keys.md", (0, 1_000_000_000))
    outcome = run("askdir", "badge", "-p", corpus, "--mode", "keyword", "--json")
    assert outcome.json["mode"] == "keyword"
    assert names(outcome.json) == ["badges.md"]
    outcome = run("askdir", "badge", "-p", corpus, "--until", "2005-01-01", "--json")
    assert names(outcome.json) == ["keys.md"]
    outcome = run(
        "askdir", "badge", "-p", corpus, "--file", "*.txt", "--where", "a=1", "-w", "x", "--json"
    )
    assert outcome.json["hits"] == []
    assert run("askdir", "badge", "-p", corpus, "--weight", "7").code == 2
