"""Chunks without a question, several questions at once, pages of hits, and counts."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge import UsageError
from knowledge.requests import ChunksRequest, SearchRequest

TEXTS = {
    f"{name}.md": f"---\nteam: {team}\nyear: {year}\n---\n"
    + "\n\n".join(f"# Part {part} of {name}\n\n" + f"{word} {part} " * 150 for part in range(4))
    for name, team, year, word in (
        ("b", "support", 2021, "badge"),
        ("a", "sales", 2019, "key"),
        ("c", "support", 2020, "heron"),
    )
} | {"d.txt": "A note on nothing."}


@pytest.fixture
def kb(asked_of):
    return asked_of(TEXTS)


def names(page):
    return [hit.name for hit in page.hits]


@pytest.mark.parametrize("limit", [1, 3, 5, 100])
def test_pages_together_are_all_chunks_in_their_order(kb, limit):
    whole = kb.files.chunks(limit=10_000).hits
    stored = [chunk.id for file in kb.files.list() for chunk in kb.files.get(file.path)[1]]
    assert [hit.chunk.id for hit in whole] == stored
    found, offset = [], 0
    while offset is not None:
        page = kb.files.chunks(limit=limit, offset=offset)
        assert page.total == len(stored)
        found, offset = [*found, *page.hits], page.next_offset
    assert found == whole
    assert [hit.rank for hit in found] == list(range(1, len(stored) + 1))


@pytest.mark.parametrize(
    "filters",
    [
        {"where": "team = support"},
        {"where": "year >= 2020", "keywords": ["badge"]},
        {"files": "a.md"},
        {"keywords": ["-key"]},
        {"since": "2000-01-01"},
        {"until": "2000-01-01"},
    ],
)
def test_filters_are_those_of_a_search(kb, filters):
    searched = kb.retrieve("key", top_k=1000, mode="keyword", fold=False, **filters)
    listed = kb.files.chunks(limit=1000, **filters)
    every = kb.retrieve("key", top_k=1000, mode="dense", fold=False, **filters)
    assert {hit.chunk.id for hit in searched} <= {hit.chunk.id for hit in listed.hits}
    assert {hit.chunk.id for hit in every} == {hit.chunk.id for hit in listed.hits}
    assert listed.total == len(every)
    assert kb.files.chunks(limit=2, offset=1, **filters).hits == listed.hits[1:3]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("file", "abcd"),
        ("-name", "dcba"),
        ("year", "acbd"),
        ("-year", "bcad"),
        ("team", "abcd"),
        ("-team", "bcad"),
    ],
)
def test_files_are_sorted(kb, sort, order):
    found = names(kb.files.chunks(sort=sort, limit=1000))
    assert "".join(dict.fromkeys(name[0] for name in found)) == order


def test_a_name_that_no_file_has_is_refused_with_the_nearest(kb):
    with pytest.raises(UsageError) as caught:
        kb.files.chunks(sort="yaer")
    assert "`sort`" in caught.value.message
    assert "year" in caught.value.hint
    with pytest.raises(UsageError, match="`offset`"):
        kb.files.chunks(offset=-1)
    assert kb.files.chunks(offset=10_000).hits == []
    assert kb.files.chunks(ChunksRequest(limit=1)).next_offset == 1


def test_the_words_that_a_search_is_set_to_filter_nothing_here(kb, monkeypatch, run):
    monkeypatch.setenv("KNOW_RETRIEVE_KEYWORDS", "heron")
    monkeypatch.setenv("KNOW_DATA_DIR", str(kb.settings["data_dir"]))
    outcome = run("list-chunks", "-n", "2")
    assert outcome.out.startswith("[1] ")
    assert "a.md:" in outcome.out
    assert "--offset 2" in outcome.err


MODES = ("dense", "keyword", "hybrid")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [{}, {"mmr": 0.5}, {"rerank": "bm25"}, {"max_per_file": 2}])
def test_pages_of_hits_are_parts_of_all(kb, mode, options):
    whole = kb.retrieve("badge key", top_k=8, mode=mode, **options).hits
    for offset in (0, 3, 7):
        page = kb.retrieve("badge key", top_k=8 - offset, offset=offset, mode=mode, **options)
        assert page.hits == whole[offset:]


def test_there_is_a_limit_to_pages(kb):
    with pytest.raises(UsageError, match="`offset` and `top_k` together"):
        kb.retrieve("key", top_k=10, offset=9_995)


def test_several_questions_are_their_mean(kb):
    asked = ["a badge", "the heron", "keys"]
    every = {"mode": "dense", "top_k": 1000, "fold": False}
    vectors = np.array([vector for _, vector in kb.embed(asked, query=True)])
    mean = vectors.mean(axis=0)
    mean /= np.linalg.norm(mean)
    found = kb.retrieve("a badge", queries=asked[1:], **every)
    assert found.queries == tuple(asked)
    assert found == kb.retrieve(SearchRequest("", queries=asked), **every)
    one = kb.retrieve("a badge", **every)
    each = [{h.chunk.id: h.cosine for h in kb.retrieve(q, **every)} for q in asked]
    length = np.linalg.norm(vectors.mean(axis=0))
    for hit in found:
        expected = np.mean([by_id[hit.chunk.id] for by_id in each]) / length
        assert hit.cosine == pytest.approx(expected, abs=1e-4)
    assert {hit.name for hit in found} >= {"b.md", "c.md", "a.md"}
    assert [hit.chunk.id for hit in one] != [hit.chunk.id for hit in found]


def test_the_words_of_several_questions_count(kb):
    found = kb.retrieve("badge", queries=["heron"], mode="keyword", top_k=20)
    assert {hit.name for hit in found} == {"b.md", "c.md"}
    with pytest.raises(UsageError, match="empty"):
        kb.retrieve("badge", queries=[" "])


def test_facets_count_values_of_metadata(knowledge_of):
    kb = knowledge_of(
        {
            "a.md": "---\ntags: [x, y]\nyear: 1\n---\nkey one",
            "b.md": "---\ntags: [x]\nyear: true\n---\nkey two two",
            "c.md": "---\ntags: []\n---\nkey three three three",
        }
    )
    found = kb.retrieve("key", fold=False)
    tags, year, file, missing = found.facets(["tags", "year", "dataset", "nothing", "tags"])
    assert tags.values == (("x", 2), ("y", 1), (None, 1))
    assert set(year.values) == {(1, 1), (None, 1)}
    assert len(year.values) == 3
    assert file.values == (("default", 3),)
    assert missing.values == ((None, 3),)


def test_the_command_line_counts_and_pages(kb, monkeypatch, run):
    monkeypatch.setenv("KNOW_DATA_DIR", str(kb.settings["data_dir"]))
    told = run("retrieve", "--query", "badge", "--query", "heron", "-k", "8", "--facets", "team")
    assert told.code == 0
    assert told.out.splitlines()[-1].startswith("team: support ")
    told = run("retrieve", "badge", "-k", "2", "--offset", "2", "--json").json
    assert [hit["rank"] for hit in told["hits"]] == [3, 4]
    wrong = run("retrieve", "badge", "--facets", "team", "--output", "csv")
    assert (wrong.code, "--facets" in wrong.err) == (2, True)
    empty = run("retrieve")
    assert (empty.code, "empty" in empty.err) == (2, True)


def test_a_flow_pages_too(kb, monkeypatch, run, tmp_path):
    monkeypatch.setenv("KNOW_DATA_DIR", str(kb.settings["data_dir"]))
    command = ("retrieve", "badge", "--flows-file", "blueprint:context", "--json")
    whole = run(*command, "-k", "4").json["hits"]
    page = run(*command, "-k", "2", "--offset", "2").json["hits"]
    assert [hit["chunk_id"] for hit in page] == [hit["chunk_id"] for hit in whole[2:]]
    assert [hit["rank"] for hit in page] == [3, 4]
