"""Nearest chunks, whatever share of them is allowed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from knowledge.errors import DamagedStoreError
from knowledge.retrieval.search import approximate
from knowledge.retrieval.search.approximate import ApproximateSearch
from knowledge.storage.local.vectors.chroma import ChromaIndex

CHUNKS = 3_000
DIMENSIONS = 16


class Columns:
    """Columns whose ids are their positions."""

    def __len__(self):
        return CHUNKS

    def ids_at(self, snapshot, positions):
        return [f"{position:05}" for position in positions]

    def positions_of(self, snapshot, ids):
        return np.array([int(id) for id in ids])

    def vectors(self, mask, read):
        return read()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    random = np.random.default_rng(7)
    vectors = random.normal(size=(CHUNKS, DIMENSIONS)).astype(np.float32)
    vectors[2_000:2_040] = vectors[2_000]  # the same text in many places
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with ChromaIndex(tmp_path_factory.mktemp("index"), create=True) as opened:
        opened.add([f"{position:05}" for position in range(CHUNKS)], vectors)
        yield SimpleNamespace(index=opened, vectors=vectors)


def search(index, vector):
    return ApproximateSearch(index.index, vector, Columns(), None)


def expected(index, vector, mask):
    cosines = np.round(index.vectors @ vector, 6)
    allowed = np.flatnonzero(mask)
    return sorted(allowed.tolist(), key=lambda at: (-cosines[at], at))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("limit", ["exact", "among", "deep"])
def test_what_is_allowed_is_found_in_order(index, monkeypatch, share, limit):
    if limit == "among":
        monkeypatch.setattr(approximate, "EXACT_LIMIT", 0)
        monkeypatch.setattr(approximate, "DEEP_LIMIT", 0)
    elif limit == "deep":
        monkeypatch.setattr(approximate, "EXACT_LIMIT", 0)
        monkeypatch.setattr(approximate, "AMONG_LIMIT", 0)
    random = np.random.default_rng(3)
    vector = index.vectors[5]
    mask = random.random(CHUNKS) < share
    found = search(index, vector).nearest(10, mask)
    wanted = expected(index, vector, mask)[:10]
    assert len(found) == len(wanted)
    assert len({at for at, _ in found} & set(wanted)) >= 0.8 * len(wanted)  # it is approximate
    assert all(mask[at] for at, _ in found)
    assert [cosine for _, cosine in found] == sorted((c for _, c in found), reverse=True)


@pytest.mark.parametrize("top", [1, 5, 20, 39])
def test_of_equals_the_first_ids_are_taken(index, top):
    vector = index.vectors[2_000]
    assert [at for at, _ in search(index, vector).nearest(top)] == list(range(2_000, 2_000 + top))


def test_fewer_are_the_first_of_more(index):
    vector = index.vectors[9]
    many = search(index, vector).nearest(60)
    for top in (1, 10, 59):
        assert search(index, vector).nearest(top) == many[:top]


def test_cosines_are_the_same_however_they_were_found(index):
    vector = index.vectors[11]
    searched = search(index, vector)
    found = searched.nearest(50)
    assert searched.cosines([at for at, _ in found]) == [cosine for _, cosine in found]


def test_a_vector_of_nothing_has_no_direction(index):
    found = search(index, np.zeros(DIMENSIONS, np.float32)).nearest(3)
    assert len(found) == 3
    assert {abs(cosine) for _, cosine in found} == {0.0}


def test_a_vector_that_is_missing_is_damage(index):
    searched = search(index, index.vectors[1])
    mask = np.ones(CHUNKS + 5, dtype=bool)
    mask[:CHUNKS] = False
    with pytest.raises(DamagedStoreError, match="no vector for 5 chunks"):
        searched.nearest(3, mask)
    with pytest.raises(DamagedStoreError, match="no vector for 1 chunk"):
        searched.cosines([3, CHUNKS])
