"""What hybrid makes of its sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from knowledge.retrieval.query import COSINE_SPAN
from knowledge.retrieval.search import fusion
from knowledge.retrieval.search.candidates import Pool
from knowledge.retrieval.search.fusion import Side
from tests.conftest import write_files


class _Source:
    """What fusion looks at of a dataset."""

    def __init__(self, scores, file_scores=None, model="m"):
        self.scores = None if scores is None else np.array(scores, dtype=float)
        self.file_scores = None if file_scores is None else np.array(file_scores, dtype=float)
        self.model = model


def pool(cosines, scores=None, file_scores=None, model="m"):
    found = np.array(cosines, dtype=float)
    return Pool(_Source(scores, file_scores, model), np.arange(len(found)), found)


def test_a_cosine_counts_by_its_distance_from_the_best():
    side = fusion.dense_side([pool([0.8, 0.62, 0.44, 0.1])], 1, {"m": 0.8})
    assert side.parts[0] == pytest.approx([1, 0.5, 0, 0])


def test_each_model_has_its_own_best_cosine():
    pools = [pool([0.8], model="a"), pool([0.4], model="b"), pool([0.8 - COSINE_SPAN], model="a")]
    best = {"a": 0.8, "b": 0.4}
    assert [part[0] for part in fusion.dense_side(pools, 1, best).parts] == pytest.approx([1, 1, 0])


def test_bm25_counts_as_a_share_of_the_best_of_all_datasets():
    pools = [pool([0, 0], [8, 2]), pool([0], [4])]
    side = fusion.keyword_side(pools, 1, 0.25)
    assert [part.tolist() for part in side.parts] == [[1, 0.25], [0.5]]
    none = fusion.keyword_side([pool([0, 0], [0, 0])], 1, 0.25)
    assert none.parts[0].tolist() == [0, 0]


def test_the_file_counts_beside_the_passage():
    side = fusion.keyword_side([pool([0, 0, 0], [8, 2, 0], [3, 6, 6])], 1, 0.25)
    expected = [0.875 + 0.125, 0.875 / 4 + 0.25, 0.25]
    assert side.parts[0] == pytest.approx(np.array(expected) / 1.125)


def test_any_number_of_sides_is_summed_by_weight():
    sides = [
        Side("dense", 0.35, [np.array([0.9, 0.1])], [np.array([1.0, 0.0])]),
        Side("keyword", 0.65, [np.array([1.0, 9.0])], [np.array([0.5, 1.0])]),
        Side("sparse", 1.0, [np.array([0.0, np.nan])], [np.array([1.0, 0.0])]),
    ]
    assert fusion.weighted(sides)[0] == pytest.approx([(0.35 + 0.325 + 1) / 2, 0.325])
    ranks = [[1, 2], [2, 1], [1, 0]]
    assert [side.ranks()[0].tolist() for side in sides] == ranks
    k = fusion.RRF_CONSTANT
    first = (0.35 / (k + 1) + 0.65 / (k + 2) + 1 / (k + 1)) / 2
    second = (0.35 / (k + 2) + 0.65 / (k + 1)) / 2
    assert fusion.rrf(sides)[0] == pytest.approx([first, second])


def test_ranks_are_counted_over_all_datasets():
    side = Side("dense", 1, [np.array([0.5, 0.9]), np.array([0.7, 0.5])], [])
    assert [ranks.tolist() for ranks in side.ranks()] == [[3, 1], [2, 3]]


scores = arrays(np.float64, 7, elements=st.floats(0, 40, allow_subnormal=False))
cosines = arrays(np.float64, 7, elements=st.floats(-1, 1, allow_subnormal=False))


@settings(deadline=None)
@given(cosines, scores, scores, st.floats(0.01, 0.99), st.floats(0, 1))
def test_scores_are_from_0_to_1_and_never_fall_where_a_side_rises(near, words, files, share, file):
    made = [pool(near, words, files)]
    sides = [
        fusion.dense_side(made, share, {"m": near.max()}),
        fusion.keyword_side(made, 1 - share, file),
    ]
    (fused,) = fusion.weighted(sides)
    assert fused.min() >= 0
    assert fused.max() <= 1
    better = (near[:, None] >= near) & (words[:, None] >= words) & (files[:, None] >= files)
    assert (fused[:, None] >= fused)[better].all()


@settings(deadline=None)
@given(cosines, scores, scores, arrays(np.bool_, 7))
def test_a_chunk_that_is_not_ranked_changes_no_score(near, words, files, kept):
    """What is best is taken of all chunks; which of them are ranked does not matter then."""
    whole = pool(near, words, files)
    some = Pool(whole.source, np.flatnonzero(kept), near[kept])

    def fused(one):
        dense = fusion.dense_side([one], 1, {"m": near.max()})
        return fusion.weighted([dense, fusion.keyword_side([one], 2, 0.25)])[0]

    assert np.array_equal(fused(whole)[kept], fused(some))


def test_few_are_the_first_of_many_where_nearly_all_fit_alike(tmp_path, monkeypatch):
    """Far from the best passage all have one score, and go by their ids; few are looked at."""
    from knowledge import KnowledgeBase
    from knowledge.retrieval.search import ranking

    files = {f"{n}.txt": f"item{n} lorem{n % 7} ipsum{n % 11}" for n in range(300)}
    write_files(tmp_path / "docs", {**files, "key.txt": "The signing key is rotated each March."})
    with KnowledgeBase.open(tmp_path / "data") as kb:
        kb.ingest(tmp_path / "docs")
        question = "When is the signing key rotated?"
        all_ = [(hit.chunk.id, hit.score) for hit in kb.retrieve(question, top_k=301, fold=False)]
        made = []
        own = ranking.Candidate

        def candidate(*values):
            made.append(values)
            return own(*values)

        monkeypatch.setattr(ranking, "Candidate", candidate)
        for top_k in (1, 5, 20):
            found = kb.retrieve(question, top_k=top_k, fold=False)
            assert [(hit.chunk.id, hit.score) for hit in found] == all_[:top_k]
        assert len(made) <= 26
    assert all_[0][1] > 0
    assert len({score for _, score in all_}) < 200
