"""Vectors go through an index without changing."""

import numpy as np
import pytest

from knowledge.storage.local.vectors.chroma import ChromaIndex
from knowledge.storage.unit_vectors import exact_unit


def unit(count, dimensions, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def through_an_index(folder, vectors):
    ids = [f"{number:04d}" for number in range(len(vectors))]
    with ChromaIndex(folder, create=True) as index:
        index.add(ids, vectors)
        index.flush()
    found = {}
    with ChromaIndex(folder) as index:
        for names, rows in index.vectors(ids):
            found |= dict(zip(names, rows, strict=True))
    return np.stack([found[id] for id in ids])


@pytest.mark.parametrize("dimensions", [2, 8, 256, 1536])
def test_an_index_gives_back_what_it_was_given(dimensions, tmp_path):
    exact = exact_unit(unit(300, dimensions))
    assert np.array_equal(through_an_index(tmp_path / "a", unit(300, dimensions)), exact)
    assert np.array_equal(through_an_index(tmp_path / "b", exact), exact)


@pytest.mark.parametrize("dimensions", [2, 8, 256, 1536])
def test_it_moves_a_vector_by_next_to_nothing(dimensions):
    vectors = unit(500, dimensions, seed=dimensions)
    exact = exact_unit(vectors)
    assert np.abs(exact - vectors).max() < 2e-5
    assert (1.0 - (exact * vectors).sum(axis=1)).max() < 1e-6
    assert np.array_equal(exact_unit(exact), exact)


def test_the_order_of_rows_does_not_matter():
    vectors = unit(50, 64)
    assert np.array_equal(exact_unit(vectors)[::-1], exact_unit(vectors[::-1]))


def test_nothing_and_what_has_no_length():
    assert exact_unit(np.zeros((0, 4), np.float32)).shape == (0, 4)
    odd = np.array([[0, 0, 0], [3, 4, 0]], np.float32)
    assert np.array_equal(exact_unit(odd), odd)
