"""What happens to hits after they are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge import KnowledgeBase
from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import UsageError
from knowledge.model import Chunk, Hit, Passage, SplitterSpec
from knowledge.retrieval.refine.steps.fold import fold
from knowledge.retrieval.refine.steps.max_per_file import limit_per_file
from knowledge.retrieval.refine.steps.mmr import spread
from knowledge.retrieval.refine.windows import join, show_around
from knowledge.text.tokens import TokenCounter
from tests.conftest import ROOT, write_files

QUESTIONS = (
    "rotate the signing key",
    "a hotel on a business trip",
    "how is the station calibrated",
)


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    home = tmp_path_factory.mktemp("refining")
    notice = "Every visitor signs the book at the reception and wears a badge all day long. "
    write_files(
        home / "more", {"a.md": notice * 3, "b.md": notice * 3 + "Thanks.", "c.md": "Badge"}
    )
    with KnowledgeBase.open(home / "data", embedding_model_provider="static") as opened:
        opened.ingest([ROOT / "testdata" / "documents", home / "more"])
        yield opened


def ids(hits):
    return [hit.chunk.id for hit in hits]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "options",
    [{}, {"mmr": 0.5}, {"max_per_file": 1}, {"rerank": "bm25"}, {"mmr": 0.3, "max_per_file": 2}],
    ids=str,
)
def test_fewer_hits_are_the_first_of_more(kb, question, options):
    more = kb.retrieve(question, top_k=10, **options)
    assert ids(kb.retrieve(question, top_k=5, **options)) == ids(more)[:5]
    assert [hit.rank for hit in more] == list(range(1, len(more) + 1))


@pytest.mark.parametrize("question", QUESTIONS)
def test_relevance_alone_keeps_the_order(kb, question):
    assert ids(kb.retrieve(question, mmr=1.0)) == ids(kb.retrieve(question))


def test_novelty_spreads_over_what_is_said(kb):
    def likeness(hits):
        vectors = np.array([vector for _, vector in kb.embed([hit.text for hit in hits])])
        return float((vectors @ vectors.T).mean())

    question = QUESTIONS[0]
    assert likeness(kb.retrieve(question, mmr=0.2)) < likeness(kb.retrieve(question))


def test_a_file_s_share_is_limited(kb):
    hits = kb.retrieve(QUESTIONS[0], max_per_file=1)
    files = [hit.file for hit in hits]
    assert len(files) == len(set(files)) == 10


def test_near_duplicates_are_folded_into_the_best(kb):
    question = "visitor signs the book at the reception"
    plain = kb.retrieve(question, top_k=5, fold=False)
    folded = kb.retrieve(question, top_k=5)
    assert {"a.md", "b.md"} <= {hit.name for hit in plain}
    best = folded[0]
    assert best.chunk == plain[0].chunk
    assert {best.name, *(other.name for other in best.also)} == {"a.md", "b.md"}
    assert len({hit.name for hit in folded} & {"a.md", "b.md"}) == 1


def test_context_shows_the_neighbours(kb):
    plain = kb.retrieve(QUESTIONS[0], top_k=3)
    wide = kb.retrieve(QUESTIONS[0], top_k=3, context=1)
    assert ids(wide) == ids(plain)
    for before, after in zip(plain, wide, strict=True):
        chunks = kb.files.get(after.chunk.file_id)[1]
        place = after.chunk.passage.ordinal
        for chunk in chunks[max(0, place - 1) : place + 2]:
            assert chunk.passage.text.strip() in after.text
        assert before.text.strip() in after.text
        if before.passage.line_start:
            assert after.passage.line_start <= before.passage.line_start
            assert after.passage.line_end >= before.passage.line_end


def test_hits_that_touch_are_joined(kb):
    plain = kb.retrieve(QUESTIONS[0], top_k=10)
    merged = kb.retrieve(QUESTIONS[0], top_k=10, merge=True)
    assert len(merged) < len(plain)
    assert sorted(ids(plain)) == sorted(
        id for hit in merged for id in [hit.chunk.id, *ids(hit.merged)]
    )
    for hit in merged:
        for part in [hit, *hit.merged]:
            assert part.chunk.passage.text.strip() in hit.text
    assert [hit.score for hit in merged] == sorted((hit.score for hit in merged), reverse=True)


@pytest.mark.parametrize("budget", [1, 50, 300, 1_000, 100_000])
def test_a_budget_of_tokens_is_kept(kb, budget):
    counter = TokenCounter()
    hits = kb.retrieve(QUESTIONS[0], max_tokens=budget)
    assert sum(counter.count(hit.text) for hit in hits) <= budget
    if budget == 100_000:
        assert len(hits) == 10


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"mmr": 1.5}, "`mmr`"),
        ({"max_per_file": 0}, "`max_per_file`"),
        ({"context": -1}, "`context`"),
        ({"max_tokens": 0}, "`max_tokens`"),
        ({"rerank": "nonsense"}, "nonsense"),
    ],
)
def test_what_does_not_fit_is_refused(kb, options, flag):
    with pytest.raises(UsageError, match=flag):
        kb.retrieve("key", **options)


def test_similar_leaves_the_target_out(kb):
    target = kb.retrieve(QUESTIONS[0], top_k=1)[0]
    of_chunk = kb.similar(target.chunk.id, top_k=5)
    assert len(of_chunk) == 5
    assert target.chunk.id not in ids(of_chunk)
    assert ids(kb.similar(target.chunk.id[:10], top_k=5)) == ids(of_chunk)
    of_file = kb.similar(target.file, top_k=5)
    assert target.file not in {hit.file for hit in of_file}
    assert len(of_file) == 5


def test_a_chunk_is_shown_with_its_neighbours(kb):
    target = kb.retrieve(QUESTIONS[0], top_k=1)[0]
    assert kb.show_chunk(target.chunk.id).text == target.text
    wide = kb.show_chunk(target.chunk.id[:8], before=1, after=1)
    assert target.text.strip() in wide.text
    assert len(wide.text) > len(target.text)


words = st.lists(st.sampled_from("alpha beta gamma delta epsilon".split()), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(words, max_size=12))
def test_folding_keeps_the_best_and_loses_none(texts):
    hits = [hit(number, " ".join(text)) for number, text in enumerate(texts)]
    folded = fold(hits)
    assert [one.chunk for one in folded] == sorted(
        (one.chunk for one in folded), key=lambda chunk: int(chunk.id)
    )
    everything = [one.chunk.id for kept in folded for one in [kept, *kept.also]]
    assert sorted(everything) == sorted(one.chunk.id for one in hits)
    for kept in folded:
        assert all(int(kept.chunk.id) < int(other.chunk.id) for other in kept.also)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=20), st.integers(1, 4))
def test_a_limit_keeps_the_order(files, most):
    hits = [hit(number, "text", file=str(file)) for number, file in enumerate(files)]
    kept = limit_per_file(hits, most)
    assert [one for one in hits if one in kept] == kept
    for file in set(files):
        expected = min(most, files.count(file))
        assert sum(one.file == str(file) for one in kept) == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1_000), st.integers(0, 12), st.floats(0, 1))
def test_spreading_is_greedy(seed, count, relevance):
    source = np.random.default_rng(seed)
    vectors = source.standard_normal((count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hits = [hit(n, "x", score=score) for n, score in enumerate(sorted(source.random(count))[::-1])]
    whole = spread(hits, list(vectors), relevance, count)
    assert sorted(ids(whole)) == sorted(ids(hits))
    for top in range(count):
        assert ids(spread(hits, list(vectors), relevance, top)) == ids(whole)[:top]


@pytest.mark.parametrize("name", ["product-handbook.md", "api-guide.md"])
@pytest.mark.parametrize("overlap", [0, 40])
def test_joining_all_chunks_gives_the_text(name, overlap):
    data = (ROOT / "testdata" / "documents" / name).read_bytes()
    (document,) = load(data, name).documents
    passages = split(document, SplitterSpec(128, overlap))
    joined = join([Chunk(str(p.ordinal), "f", p) for p in passages])
    assert "".join(joined.text.split()) == "".join(document.text.split())


def test_rows_are_joined_without_their_header():
    rows = "\n".join(f"{number},name {number},{number * 7}" for number in range(200))
    (document,) = load(f"id,name,value\n{rows}\n".encode(), "a.csv").documents
    passages = split(document, SplitterSpec(64, 0))
    joined = join([Chunk(str(p.ordinal), "f", p) for p in passages])
    assert joined.text.count("id,name,value") == 1
    assert joined.text.split() == document.text.split()


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 20), min_size=1), st.integers(0, 3), st.booleans())
def test_windows_hold_their_hits_once(ordinals, context, merge):
    chunks = [hit(n, f"chunk {n}").chunk for n in range(21)]
    hits = [hit(n, f"chunk {n}", rank=rank) for rank, n in enumerate(sorted(ordinals), 1)]
    shown = show_around(hits, lambda _hit: chunks, context=context, merge=merge)
    held = [one.chunk.id for kept in shown for one in [kept, *kept.merged]]
    assert sorted(held) == sorted(ids(hits))
    for kept in shown:
        for one in [kept, *kept.merged]:
            assert one.chunk.passage.text in kept.text
    if not merge:
        assert ids(shown) == ids(hits)


def hit(number, text, *, file="f", score=0.0, rank=0):
    start = number * 100
    passage = Passage(number, text, start, start + len(text))
    return Hit(rank, score, 0.0, "d", file, file, Chunk(str(number), file, passage), {})


def test_neighbours_join_to_the_code_and_the_table_that_they_were():
    code = "\n".join(f"value_{number} = compute({number})" for number in range(60))
    rows = "\n".join(f"| {number} | part {number} |" for number in range(60))
    text = f"# Use\n\nFor example:\n\n```python\n{code}\n```\n\n| id | name |\n|--|--|\n{rows}\n"
    (document,) = load(text.encode(), "a.md").documents
    found = split(document, SplitterSpec(80, 10))
    chunks = [Chunk(str(one.ordinal), "f", one) for one in found]
    assert len(chunks) > 10
    assert join(chunks).text.split() == text.split()
    inner = join(chunks[1:3]).text
    assert inner.startswith("```python\n")
    assert inner.count("```") == 2
