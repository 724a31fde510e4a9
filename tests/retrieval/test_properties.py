"""What holds of every question: filters, fusion, top-k, order of ingest, threads."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge import KnowledgeBase
from knowledge.retrieval.query import COSINE_SPAN
from tests.conftest import write_files

WORDS = (
    "key lock gate door server printer rotate open close red green badge lunch hotel error reset "
    "v2.3.1 ERR_CONN_RESET foo_bar the of and 密钥 签名 Schlüssel ключ"
).split()
FILES = 120  # more than the candidates of one side


def texts(seed: int = 5) -> dict[str, str]:
    """Return made-up files, a few of which are the same."""
    choice = random.Random(seed)
    found = {}
    for number in range(FILES):
        text = " ".join(choice.choices(WORDS, k=choice.randint(3, 30)))
        found[f"{number:03}.{'md' if number % 3 else 'txt'}"] = text
    return {**found, "same1.txt": found["000.txt"], "same2.txt": found["000.txt"]}


def library(home: Path, names: list[list[str]], **options: object) -> KnowledgeBase:
    """Ingest the files, some at a time, in the order of ``names``."""
    kb = KnowledgeBase.open(home / "data", **options)
    docs = home.parent / "docs"
    for some in names:
        kb.ingest([docs / name for name in some])
    return kb


@pytest.fixture(scope="module")
def kbs(tmp_path_factory):
    """Knowledge bases of the same files: as they come, and in parts, backwards, by one thread."""
    home = tmp_path_factory.mktemp("libraries")
    files = texts()
    write_files(home / "docs", files)
    names = list(files)
    backwards = [names[80:][::-1], names[30:80][::-1], names[:30][::-1]]
    one = library(home / "one", [names])
    other = library(home / "other", backwards, embedding_threads=1, concurrency=1)
    yield one, other
    one.close()
    other.close()


questions = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
rankings = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["dense", "keyword", "hybrid"]),
        "weight": st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    },
)
filters = st.sampled_from(
    [
        {"files": "*.md"},
        {"files": "00*"},
        {"keywords": ["lock"]},
        {"keywords": ["-key"]},
        {"where": "missing != 1"},
        {"where": "missing exists"},
        {"threshold": 0.3},
    ]
)
quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def ask(kb, question, top_k=10, **options):
    """Return (chunk id, score, cosine) of each hit, with nothing done to the hits."""
    hits = kb.retrieve(question, top_k=top_k, fold=False, **options)
    return [(hit.chunk.id, hit.score, hit.cosine) for hit in hits]


@pytest.mark.slow
@quick
@given(questions, rankings, filters)
def test_filters_never_change_the_order_of_what_they_keep(kbs, question, ranking, chosen):
    every = ask(kbs[0], question, top_k=FILES + 2, **ranking)
    kept = ask(kbs[0], question, top_k=FILES + 2, **ranking, **chosen)
    passed = {id for id, *_ in kept}
    assert kept == [hit for hit in every if hit[0] in passed]
    assert ask(kbs[0], question, **ranking, **chosen) == kept[:10]


@quick
@given(questions, rankings)
def test_fewer_hits_are_the_first_of_more(kbs, question, ranking):
    ten = ask(kbs[0], question, **ranking)
    for top_k in (1, 5):
        assert ask(kbs[0], question, top_k=top_k, **ranking) == ten[:top_k]


@quick
@given(questions, st.sampled_from(["weighted", "rrf"]))
def test_fusion_with_one_side_alone_is_that_side(kbs, question, fusion):
    for weight, mode in ((1, "dense"), (0, "keyword")):
        fused = ask(kbs[0], question, mode="hybrid", weight=weight, fusion=fusion)
        assert fused == ask(kbs[0], question, mode=mode)


@quick
@given(questions)
def test_the_weight_moves_the_order_from_one_side_to_the_other(kbs, question):
    """Nearly all weight on one side gives that side's order, as far down as it tells any."""
    dense = [cosine for *_, cosine in ask(kbs[0], question, mode="dense")]
    fused = [cosine for *_, cosine in ask(kbs[0], question, mode="hybrid", weight=1 - 1e-7)]
    told = [cosine for cosine in dense if cosine > dense[0] - COSINE_SPAN]
    assert fused[: len(told)] == told
    assert all(cosine <= dense[0] - COSINE_SPAN for cosine in fused[len(told) :])


@quick
@given(questions, rankings, st.sampled_from(["weighted", "rrf"]))
def test_neither_the_order_of_ingest_nor_threads_matter(kbs, question, ranking, fusion):
    one, other = (ask(kb, question, fusion=fusion, **ranking) for kb in kbs)
    assert one == other
    assert one == ask(kbs[0], question, fusion=fusion, **ranking)


@quick
@given(questions, rankings)
def test_equal_scores_go_by_chunk_id(kbs, question, ranking):
    hits = ask(kbs[0], question, top_k=50, **ranking)
    assert hits == sorted(hits, key=lambda hit: (-hit[1], hit[0]))


@quick
@given(questions)
def test_every_mode_gives_a_chunk_the_same_cosine(kbs, question):
    dense = {id: cosine for id, _, cosine in ask(kbs[0], question, FILES + 2, mode="dense")}
    for mode in ("keyword", "hybrid"):
        assert all(cosine == dense[id] for id, _, cosine in ask(kbs[0], question, mode=mode))
