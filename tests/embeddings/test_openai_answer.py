from __future__ import annotations

import base64
import struct

import numpy as np
import pytest

from knowledge.embeddings.providers.openai_answer import read_embeddings
from knowledge.remote.answers import UnusableAnswerError, parse_object


def item(vector, index=None):
    return {"embedding": vector} if index is None else {"embedding": vector, "index": index}


def firsts(*items):
    return read_embeddings({"data": list(items)}).vectors[:, 0].tolist()


def test_items_are_sorted_by_index():
    assert firsts(item([2.0], 2), item([0.0], 0), item([1.0], 1)) == [0, 1, 2]


@pytest.mark.parametrize("indexes", [(None, None), (0, 0), (1, 2), ("1", "0"), (0, None)])
def test_without_a_whole_index_the_order_of_the_list_counts(indexes):
    assert firsts(*(item([float(n)], index) for n, index in enumerate(indexes))) == [0, 1]


def test_base64_is_understood():
    packed = base64.b64encode(struct.pack("<2f", 1.5, -2.0)).decode()
    answer = read_embeddings({"data": [item(packed), item([1.5, -2.0])]})
    assert answer.vectors.dtype == np.float32
    assert answer.vectors.tolist() == [[1.5, -2.0]] * 2


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, None),
        ("lots", None),
        ({"total_tokens": 0, "prompt_tokens": 3}, 3),
        ({"prompt_tokens": 7, "total_tokens": 8}, 8),
        ({"total_tokens": None}, None),
    ],
)
def test_usage_may_be_missing(usage, tokens):
    assert read_embeddings({"data": [item([1.0])], "usage": usage}).tokens == tokens


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "without embeddings"),
        ({"data": None}, "without embeddings"),
        ({"data": []}, "without embeddings"),
        ({"data": [{"embedding": []}]}, "empty vector"),
        ({"data": [{"embedding": None}]}, "empty vector"),
        ({"data": [{}]}, "empty vector"),
        ({"data": ["x"]}, "empty vector"),
        ({"data": [item(""), item("")]}, "empty vector"),
        ({"data": [item([1.0]), item([1.0, 2.0])]}, "different dimensions"),
        ({"data": [item(["a"])]}, "not a list of numbers"),
        ({"data": [item("not base64")]}, "not a list of numbers"),
        ({"data": [item("AAA=")]}, "not a list of numbers"),
        ({"data": [item([[1.0], [1.0, 2.0]])]}, "not a list of numbers"),
        ({"data": [item({"a": 1})]}, "not a list of numbers"),
        ({"data": [item([[1.0, 2.0]])]}, "for each token"),
        ({"data": [item(3.0)]}, "for each token"),
    ],
)
def test_an_answer_without_vectors_is_named(body, problem):
    with pytest.raises(UnusableAnswerError, match=problem):
        read_embeddings(body)


@pytest.mark.parametrize(
    "content", [b"", b"<html>hi</html>", b"[1]", b'"x"', b"\xff\xfe", b'{"a": 1', b"null"]
)
def test_what_is_no_json_object_is_named(content):
    with pytest.raises(UnusableAnswerError, match=r"something other than|an empty body"):
        parse_object(content)


def test_huge_numbers_become_infinite_not_an_error():
    assert np.isinf(read_embeddings({"data": [item([1e300])]}).vectors).all()
