"""Nearest chunks, whatever share of them is allowed: exactly, or by a search of the index."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.errors import DamagedStoreError
from knowledge.retrieval.search import approximate, dense
from knowledge.retrieval.search.approximate import ApproximateSearch
from knowledge.retrieval.search.cosines import exact_cosines
from knowledge.retrieval.search.dense import ExactSearch, dense_search, tolerance
from knowledge.storage.local.vectors import flat_index
from knowledge.storage.local.vectors.chroma import ChromaIndex
from knowledge.storage.local.vectors.flat_index import FlatIndex

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

    def numbers(self, matrix, snapshot):
        return matrix.numbers(np.array(self.ids_at(snapshot, range(CHUNKS)), dtype=np.bytes_))


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


# Exact search, on mixed documents: topics of very different sizes, and near and equal duplicates.


def mixed(random):
    topics = random.normal(size=(60, DIMENSIONS))
    sizes = 1.0 / np.arange(1, 61) ** 1.5
    vectors = topics[random.choice(60, size=CHUNKS, p=sizes / sizes.sum())]
    vectors = vectors + 0.4 * random.normal(size=vectors.shape)
    near = random.integers(CHUNKS, size=800)
    vectors[random.integers(CHUNKS, size=800)] = vectors[near] + 1e-6 * random.normal(
        size=(800, DIMENSIONS)
    )
    vectors[random.integers(CHUNKS, size=300)] = vectors[7]
    vectors = vectors.astype(np.float32)
    return topics, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """The same vectors, put in by two orders, the second time with others that went again."""
    random = np.random.default_rng(11)
    topics, vectors = mixed(random)
    readers = []
    for number, order in enumerate((np.arange(CHUNKS), random.permutation(CHUNKS))):
        folder = tmp_path_factory.mktemp("build")
        index = ChromaIndex(folder, create=True)
        if number:
            index.add([f"gone{at}" for at in range(200)], vectors[:200])
            index.delete([f"gone{at}" for at in range(200)])
        for start in range(0, CHUNKS, 1_000):
            page = order[start : start + 1_000]
            index.add([f"{at:05}" for at in page], vectors[page])
        assert index.flush() == CHUNKS
        readers.append(FlatIndex(folder))
    stored = np.concatenate(
        [rows for _, rows in readers[0].vectors([f"{at:05}" for at in range(CHUNKS)])]
    )
    yield SimpleNamespace(readers=readers, topics=topics, vectors=stored)
    for reader in readers:
        reader.close()


def searches(builds, vector):
    return [dense_search(reader, vector, Columns(), None) for reader in builds.readers]


@st.composite
def questions(draw):
    """Return a question near a topic, small topics as often as large ones, and a mask."""
    seed = draw(st.integers(0, 2**32 - 1))
    share = draw(st.sampled_from([None, 0.002, 0.1, 0.5, 1.0]))
    return seed, share, draw(st.sampled_from([1, 2, 10, 50, 200]))


def made(builds, seed, share):
    random = np.random.default_rng(seed)
    if seed % 5:
        vector = builds.topics[random.integers(60)] + 0.4 * random.normal(size=DIMENSIONS)
    else:
        vector = builds.vectors[random.integers(CHUNKS)]
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return vector, None if share is None else random.random(CHUNKS) < share


@settings(max_examples=60, deadline=None)
@given(asked=questions())
def test_the_nearest_are_found_however_an_index_was_built(builds, asked):
    seed, share, top = asked
    vector, mask = made(builds, seed, share)
    cosines = exact_cosines(builds.vectors, vector)
    allowed = range(CHUNKS) if mask is None else np.flatnonzero(mask).tolist()
    wanted = sorted(allowed, key=lambda at: (-cosines[at], at))
    for search in searches(builds, vector):
        assert isinstance(search, ExactSearch)
        found = search.nearest(top, mask)
        assert found == [(at, cosines[at]) for at in wanted[:top]]
        assert search.nearest(5 * top, mask)[:top] == found
        assert search.best() == max(cosines)
        assert search.cosines(wanted[-3:]) == [cosines[at] for at in wanted[-3:]]


@settings(max_examples=20, deadline=None)
@given(asked=questions())
def test_estimates_are_as_near_as_is_said(builds, asked):
    vector, _ = made(builds, *asked[:2])
    cosines = np.array(exact_cosines(builds.vectors, vector))
    for search in searches(builds, vector):
        assert np.abs(search.estimates() - cosines).max() < tolerance(DIMENSIONS)


@pytest.mark.parametrize("share", [None, 0.05, 0.5])
def test_of_too_many_vectors_those_that_the_graph_finds_are_compared(builds, monkeypatch, share):
    """Where the graph is searched a third of its size deep."""
    monkeypatch.setattr(flat_index, "WIDTH", 1_000)
    monkeypatch.setattr(dense, "DEPTH", 400)
    reader = builds.readers[1]
    monkeypatch.setattr(reader, "quick", False)
    recalls = []
    for seed in range(1, 40):
        vector, mask = made(builds, seed, share)
        allowed = np.ones(CHUNKS, bool) if mask is None else mask
        cosines = np.array(exact_cosines(builds.vectors, vector))
        least = np.sort(cosines[allowed])[-10]
        search = dense_search(reader, vector, Columns(), None)
        assert search.estimates() is None
        found = search.nearest(10, mask)
        assert found == sorted(found, key=lambda pair: (-pair[1], pair[0]))
        assert all(allowed[at] and cosine == cosines[at] for at, cosine in found)
        assert search.nearest(50, mask)[:10] == found
        recalls.append(np.mean([cosine >= least for _, cosine in found]))
    assert np.mean(recalls) > 0.95


def test_a_vector_that_the_matrix_does_not_hold_is_damage(builds):
    class More(Columns):
        def numbers(self, matrix, snapshot):
            return np.append(super().numbers(matrix, snapshot), -1)

    with pytest.raises(DamagedStoreError, match="no vector for 1 chunk, such as 03000"):
        dense_search(builds.readers[0], builds.vectors[1], More(), None)


def test_a_question_of_nothing_has_no_direction(builds):
    [search, _] = searches(builds, np.zeros(DIMENSIONS, np.float32))
    assert search.nearest(3) == [(0, 0.0), (1, 0.0), (2, 0.0)]
