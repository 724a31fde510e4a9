from __future__ import annotations

import numpy as np
import pytest

from knowledge.embeddings.local.static import StaticEmbedder
from knowledge.embeddings.pool.checks import check_answer, really_differ
from knowledge.errors import RemoteError, RemoteResponseError


def check(vectors, texts=None, dimensions=None):
    texts = texts or [f"text {number}" for number in range(len(vectors))]
    return check_answer(np.array(vectors), texts, dimensions=dimensions, who="fake:m")


def test_vectors_come_out_of_unit_length():
    checked = check([[3.0, 4.0], [0.0, -2.0]], dimensions=2)
    np.testing.assert_allclose(checked.vectors, [[0.6, 0.8], [0.0, -1.0]], rtol=1e-6)
    assert checked.vectors.dtype == np.float32
    assert not checked.unusable


def test_huge_and_tiny_vectors_are_normalised_too():
    checked = check([[3e37, 4e37], [4e-30, 3e-30]])
    np.testing.assert_allclose(checked.vectors, [[0.6, 0.8], [0.8, 0.6]], rtol=1e-6)


@pytest.mark.parametrize(
    ("vectors", "texts", "dimensions", "problem"),
    [
        ([[1.0]], ["a", "b"], None, "1 vector for 2 texts"),
        ([[1.0], [2.0]], ["a"], None, "2 vectors for 1 text"),
        ([[1.0, 2.0]], ["a"], 3, "2 dimensions, not 3"),
        ([[]], ["a"], None, "shape"),
        ([1.0, 2.0], ["a", "b"], None, "shape"),
        ([[0.0, 0.0]], ["a"], None, "zero vector"),
        ([[np.nan, 1.0], [np.inf, 0.0]], ["a", "b"], None, "not finite"),
        ([["x"]], ["a"], None, "other than vectors"),
    ],
)
def test_what_is_of_no_use_is_refused(vectors, texts, dimensions, problem):
    with pytest.raises(RemoteResponseError, match=problem) as caught:
        check(vectors, texts, dimensions)
    assert caught.value.message.startswith("fake:m gave")


def test_one_bad_row_does_not_spoil_the_others():
    checked = check([[1.0, 0.0], [0.0, 0.0], [np.nan, 1.0]], ["good", "zero", "not\na number"])
    assert sorted(checked.unusable) == [1, 2]
    assert "begins 'zero'" in checked.unusable[1].message
    assert "begins 'not a number'" in checked.unusable[2].message
    assert type(checked.unusable[1]) is RemoteError
    assert checked.vectors[0].tolist() == [1.0, 0.0]


SAME = [[1.0, 2.0]] * 3


def test_the_same_vector_for_texts_that_differ_is_refused():
    with pytest.raises(RemoteResponseError, match="same vector for 3 texts"):
        check(SAME, ["keys", "bananas", "keys"])
    with pytest.raises(RemoteResponseError, match="same vector"):
        check([[1.0, 2.0], [2.0, 4.0000001]], ["keys", "bananas"])  # but for their length


@pytest.mark.parametrize(
    "texts",
    [
        ["Keys", "keys", "KEYS!"],
        ["a b", "b a", "b, a, b"],
        ["café", "cafe", "CAFÉ"],
        ["你好", "再见", "🙂"],
        ["x" * 256 + " one", "x" * 256 + " two", "x" * 256],
        ["one two three " * 40, "two three one " * 40, "three one two " * 40],
        ["key 89.", "key 98.", "98 key, 98 Key"],
        ["one " + "two " * 63 + "three", "two " * 64 + "three one", "three two one"],
    ],
)
def test_texts_that_a_model_may_take_for_equal_are_let_through(texts):
    assert not really_differ(texts[0], texts[1])
    assert len(check(SAME, texts).vectors) == 3


def test_texts_that_the_bundled_model_takes_for_equal_are_let_through():
    """Each digit is a token of its own, and the vectors of the tokens are averaged."""
    texts = ["The red key number 89.", "The red key number 98."]
    vectors = StaticEmbedder().embed_documents(texts).vectors
    assert np.allclose(vectors[0], vectors[1])
    assert len(check(vectors, texts).vectors) == 2


def test_texts_that_differ_in_a_word_differ():
    assert really_differ("row 1", "row 2")
    assert really_differ("the cat", "the dog")
    assert really_differ("the cat", "the cat sat")
