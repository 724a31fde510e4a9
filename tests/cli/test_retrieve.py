from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import write_files


@pytest.fixture
def hits(run, library):
    """Ask the small folder; return the hits."""

    def ask(*arguments):
        outcome = run("retrieve", *arguments, "--json")
        assert outcome.code == 0, outcome.out
        return outcome.json["hits"]

    return ask


def names(hits):
    return [hit["name"] for hit in hits]


def test_the_passage_that_answers_comes_first(hits, library):
    (first, *rest) = hits("How often do I rotate the signing key?")
    assert first["file"] == str(library / "keys.md")
    assert first["name"] == "keys.md"
    assert first["heading"] == ["Signing keys"]
    assert "every 90 days" in first["text"]
    assert first["dataset"] == "default"
    assert len(rest) == 4


def test_hits_are_ranked_and_scored(hits):
    found = hits("badge and locker")
    assert [hit["rank"] for hit in found] == [1, 2, 3, 4, 5]
    scores = [hit["score"] for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= hit["cosine"] <= 1 for hit in found)


def test_lines_are_those_of_the_file(hits, library):
    for hit in hits("signing key"):
        lines = Path(hit["file"]).read_text(encoding="utf-8").splitlines()
        cited = "\n".join(lines[hit["line_start"] - 1 : hit["line_end"]])
        assert hit["text"].strip() in cited
        assert hit["page_start"] is None


def test_text_for_scripts_is_one_block_per_hit(run, hits, library):
    out = run("retrieve", "How often do I rotate the signing key?", "-k", "1").out
    head, *body = out.splitlines()
    rank, score, citation = head.split(" ", 2)
    assert rank == "[1]"
    assert -1 <= float(score) <= 1
    assert citation.startswith(f"{library / 'keys.md'}:")
    assert "Rotate the signing key every 90 days." in body
    assert out.endswith("\n\n")


def test_what_was_asked_is_in_the_answer(run, hits):
    answer = run("retrieve", "badge", "-k", "2", "--json").json
    assert answer["query"] == "badge"
    assert answer["datasets"] == ["default"]
    assert answer["top_k"] == 2
    assert len(answer["hits"]) == 2
    assert answer["took_ms"] >= 0


@pytest.mark.parametrize("top_k", [1, 3, 5, 10_000])
def test_top_k(hits, top_k):
    assert len(hits("badge", "-k", str(top_k))) == min(top_k, 5)


def test_top_k_from_the_environment(hits, monkeypatch):
    monkeypatch.setenv("KNOW_TOP_K", "2")
    assert len(hits("badge")) == 2
    assert len(hits("badge", "--top-k", "3")) == 3


@pytest.mark.parametrize("value", ["0", "-1", "10001", "many"])
def test_top_k_that_does_not_fit(run, hits, value):
    outcome = run("retrieve", "badge", "-k", value, "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "usage"


def test_a_question_on_standard_input(run, hits, library):
    outcome = run("retrieve", "-", "-k", "1", "--json", stdin="badge and locker\n")
    assert outcome.json["query"] == "badge and locker"
    assert names(outcome.json["hits"]) == ["badges.md"]


@pytest.mark.parametrize("query", ["-rotate", "--json", "-", "--"])
def test_a_question_that_begins_with_a_dash_goes_after_two(run, hits, query):
    if query == "-":
        query = "- key"
    outcome = run("retrieve", "--json", "--", query)
    assert outcome.code == 0
    assert outcome.json["query"] == query


def test_json_after_two_dashes_is_no_flag(run, hits):
    outcome = run("retrieve", "-d", "nowhere", "--", "--json")
    assert outcome.code == 3
    assert outcome.out == ""
    assert "dataset-not-found" in outcome.err


@pytest.mark.parametrize("query", ["", "  ", "\n"])
def test_an_empty_question(run, hits, query):
    assert run("retrieve", query).code == 2
    assert run("retrieve", "-", stdin=query).code == 2


def test_a_keyword_must_be_held(hits):
    assert names(hits("something", "-w", "LUNCH")) == ["canteen.txt"]


def test_one_of_several_keywords_is_enough(hits):
    assert set(names(hits("something", "-w", "lunch", "-w", "hotel"))) == {
        "canteen.txt",
        "travel.md",
    }


def test_a_keyword_with_a_minus_must_not_be_held(hits):
    assert "keys.md" not in names(hits("signing key", "-w", "-rotate"))
    assert len(hits("signing key", "-w", "-rotate")) == 4


def test_keywords_together(hits):
    assert names(hits("something", "-w", "key", "-w", "lunch", "-w", "-rotate")) == ["canteen.txt"]
    assert hits("something", "--keyword", "nothing-holds-this") == []


def test_keywords_do_not_take_from_the_top_k(hits):
    assert names(hits("How often do I rotate the signing key?", "-k", "1", "-w", "lunch")) == [
        "canteen.txt"
    ]


@pytest.mark.parametrize("word", ["", "-"])
def test_an_empty_keyword(run, hits, word):
    assert run("retrieve", "x", "-w", word).code == 2


def test_where(run, hits, library):
    run("ingest", library / "notes", "--metadata", "team=support", "--metadata", "year=2024")
    run("ingest", library / "keys.md", "--metadata", "team=sales", "--metadata", "final=true")
    assert set(names(hits("badge", "--where", "team=support"))) == {"badges.md", "firmware.txt"}
    assert names(hits("badge", "--where", "final=true")) == ["keys.md"]
    assert set(names(hits("badge", "--where", "year=2024"))) == {"badges.md", "firmware.txt"}
    assert hits("badge", "--where", "team=support", "--where", "final=true") == []
    assert hits("badge", "--where", "team=supp") == []
    assert hits("badge", "--where", "nobody=has") == []


def test_where_with_keywords_and_names_that_are_no_words(run, hits, library):
    run("ingest", library / "notes", "--metadata", "the team's name=a=b")
    assert len(hits("badge", "--where", "the team's name=a=b")) == 2
    assert names(hits("x", "--where", "the team's name=a=b", "-w", "badge")) == ["badges.md"]


@pytest.mark.parametrize("pair", ["team", "=x", ""])
def test_where_that_is_no_pair(run, hits, pair):
    outcome = run("retrieve", "x", "--where", pair, "--json")
    assert outcome.code == 2
    assert "--where" in outcome.json["error"]["message"]


def test_threshold(hits):
    found = hits("How often do I rotate the signing key?")
    between = (found[0]["cosine"] + found[1]["cosine"]) / 2
    kept = hits("How often do I rotate the signing key?", "--threshold", f"{between:.6f}")
    assert names(kept) == ["keys.md"]
    assert hits("How often do I rotate the signing key?", "--threshold", "1") == []
    assert len(hits("How often do I rotate the signing key?", "--threshold", "-1")) == 5


@pytest.mark.parametrize("value", ["1.01", "-1.5", "nan", "high"])
def test_a_threshold_that_does_not_fit(run, hits, value):
    outcome = run("retrieve", "x", "--threshold", value, "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "usage"


def test_several_datasets_are_ranked_together(run, hits, tmp_path):
    write_files(
        tmp_path / "more", {"rotation.md": "Rotate the signing key of the gate every week."}
    )
    run("ingest", tmp_path / "more", "-d", "gates")
    found = hits("How often do I rotate the signing key?", "-d", "default", "-d", "gates")
    assert {hit["dataset"] for hit in found[:2]} == {"default", "gates"}
    assert [hit["rank"] for hit in found] == [1, 2, 3, 4, 5, 6]
    assert [hit["score"] for hit in found] == sorted((h["score"] for h in found), reverse=True)
    only = hits("How often do I rotate the signing key?", "-d", "gates")
    assert names(only) == ["rotation.md"]


def test_datasets_with_commas_between_them(run, hits, tmp_path):
    write_files(tmp_path / "more", {"gate.md": "The gate's key is rotated every week."})
    run("ingest", tmp_path / "more", "-d", "gates")
    found = hits("signing key", "-d", "default,gates")
    assert {hit["dataset"] for hit in found} == {"default", "gates"}
    run("ingest", tmp_path / "more", "-d", "default,gates")
    assert {hit["dataset"] for hit in hits("key", "-d", "default,gates")} == {"default,gates"}
    outcome = run("retrieve", "key", "-d", "gates,nowhere", "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == (3, "dataset-not-found")
    assert run("retrieve", "key", "-d", ",", "--json").code == 2


def test_a_dataset_named_twice_counts_once(run, hits):
    answer = run("retrieve", "badge", "-d", "default", "-d", "default", "--json").json
    assert len(answer["hits"]) == 5
    assert len({hit["chunk_id"] for hit in answer["hits"]}) == 5


def test_an_unknown_dataset(run, hits):
    outcome = run("retrieve", "badge", "-d", "default", "-d", "nowhere", "--json")
    assert outcome.code == 3
    assert outcome.json["error"]["code"] == "dataset-not-found"
    assert "nowhere" in outcome.json["error"]["message"]


def test_a_data_folder_that_does_not_exist_is_not_created(run, data_dir):
    assert run("retrieve", "badge").code == 3
    assert not data_dir.exists()


def test_nothing_found_is_no_failure(run):
    run("create-dataset", "empty")
    outcome = run("retrieve", "badge", "-d", "empty")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "no hits\n")
    assert run("retrieve", "badge", "-d", "empty", "--json").json["hits"] == []


def test_what_hits_had_to_fit_is_told_where_there_are_none(run, hits):
    outcome = run("retrieve", "badge", "--where", "year = 1", "--file", "*.md")
    assert (outcome.code, outcome.err) == (0, "no hits that match --where, --file\n")
    outcome = run("retrieve", "badge", "--max-tokens", "1")
    assert (outcome.code, outcome.err) == (0, "no hits that match --max-tokens 1\n")


def test_a_span_of_time_that_no_file_can_fit(run, hits):
    outcome = run("retrieve", "badge", "--since", "2026-01-02", "--until", "2026-01-01")
    assert outcome.code == 2
    assert "--since is later than --until" in outcome.err
    assert run("retrieve", "badge", "--since", "2026-01-01", "--until", "2026-01-01").code == 0


def test_nothing_found_fails_when_that_is_asked_for(run, hits):
    run("create-dataset", "empty")
    outcome = run("retrieve", "badge", "-d", "empty", "--fail-empty", "--json")
    assert outcome.code == 3
    assert outcome.json["hits"] == []
    assert run("retrieve", "badge", "--fail-empty").code == 0


def test_an_unknown_mode(run, hits):
    assert run("retrieve", "badge", "--mode", "magic").code == 2


def test_the_same_question_has_the_same_answer(hits):
    assert hits("badge") == hits("badge")


def test_metadata_comes_with_the_hit(run, hits, library):
    run("ingest", library, "--metadata", "team=support")
    assert all(hit["metadata"]["team"] == "support" for hit in hits("badge"))


def test_a_question_longer_than_any_text(hits):
    assert names(hits("How often do I rotate the signing key? " * 2_000, "-k", "1")) == ["keys.md"]


def test_a_question_of_signs_only(run, hits):
    assert run("retrieve", "?!").code == 0
    assert run("retrieve", "\N{SNOWMAN}\u0301").code == 0
