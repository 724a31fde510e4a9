"""A number that says whether a passage fits, whatever else was found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.retrieval.search.relevance import relevance
from tests.conftest import write_files

FILES = {
    "keys.md": "The signing key is rotated every ninety days by the security team.",
    "hotel.md": "A night in a hotel may cost up to one hundred and forty euros.",
    "lunch.md": "The canteen serves lunch from eleven o'clock, soup and salad included.",
    "badge.md": "Lost badges are reported at the reception before the end of the day.",
    "code.md": "ERR_CONN_RESET means that the server closed the connection.",
}
FITS = ["How often is the signing key rotated?", "What may a night in a hotel cost?", "lost badges"]
STRANGE = ["purple elephants dancing tango", "Who composed the ninth symphony?", "xyzzy plugh"]

shares = st.floats(0, 1)


@settings(deadline=None)
@given(shares, shares, st.floats(-1, 1), st.floats(-1, 1))
def test_it_rises_with_the_words_held_and_with_the_cosine(share, other, cosine, near):
    low, high = sorted((share, other))
    far, close = sorted((cosine, near))
    found = relevance(np.array([low, low, high, high]), np.array([far, close, far, close]))
    assert ((found >= 0) & (found <= 1)).all()
    assert found[0] <= min(found[1], found[2]) <= max(found[1], found[2]) <= found[3]
    words = relevance(np.array([low, high]), None)
    assert 0 <= words[0] <= words[1] <= 1


@pytest.mark.parametrize("mode", ["auto", "dense", "keyword"])
def test_what_fits_is_above_what_does_not(knowledge_of, mode):
    kb = knowledge_of(FILES)
    own = [kb.retrieve(question, mode=mode)[0].relevance for question in FITS]
    other = [hit.relevance for question in STRANGE for hit in kb.retrieve(question, mode=mode)]
    assert min(own) > 0.5 > 0.3 > max(other, default=0.0)


def test_it_does_not_depend_on_mode_top_k_or_filters(knowledge_of):
    kb = knowledge_of(FILES)
    every = {hit.name: hit.relevance for hit in kb.retrieve("lunch in a hotel", top_k=5)}
    for options in (
        {"top_k": 1},
        {"mode": "dense"},
        {"mode": "keyword"},
        {"fusion": "rrf"},
        {"files": "h*"},
        {"threshold": 0.0},
        {"rerank": "bm25"},
    ):
        for hit in kb.retrieve("lunch in a hotel", **options):
            assert hit.relevance == every[hit.name], options


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
def test_a_minimum_leaves_out_what_is_below_and_changes_nothing_else(knowledge_of, mode):
    kb = knowledge_of(FILES)
    every = list(kb.retrieve("lunch in a hotel", mode=mode))
    for limit in sorted({hit.relevance for hit in every}):
        kept = kb.retrieve("lunch in a hotel", mode=mode, min_relevance=limit)
        wanted = [hit for hit in every if hit.relevance >= limit]
        assert [(hit.name, hit.score) for hit in kept] == [(hit.name, hit.score) for hit in wanted]
    assert kb.retrieve("lunch in a hotel", mode=mode, min_relevance=1.0) == []


def test_an_identifier_fits_whatever_the_model_makes_of_it(knowledge_of):
    first = knowledge_of(FILES).retrieve("ERR_CONN_RESET")[0]
    assert (first.name, first.relevance > 0.9) == ("code.md", True)


def test_similar_passages_have_none(knowledge_of):
    kb = knowledge_of(FILES)
    assert {hit.relevance for hit in kb.similar("keys.md")} == {None}


def test_the_command_line_shows_it_and_says_when_nothing_fits(run, tmp_path):
    write_files(tmp_path / "docs", FILES)
    assert run("ingest", tmp_path / "docs").code == 0
    good = run("retrieve", FITS[0])
    (hit,) = run("retrieve", FITS[0], "-k", "1", "--json").json["hits"]
    assert good.out.startswith(f"[1] {hit['relevance']:.2f} ")
    assert "fits well" not in good.err
    bad = run("retrieve", STRANGE[0])
    assert bad.out.startswith("[1] 0.0")
    assert [line for line in bad.err.splitlines() if "no passage fits well" in line]
    none = run("retrieve", STRANGE[0], "--min-relevance", "0.4", "--fail-empty")
    assert (none.code, none.out) == (3, "")
    assert "--min-relevance" in none.err
    assert run("retrieve", "x", "--min-relevance", "1.5").code == 2
