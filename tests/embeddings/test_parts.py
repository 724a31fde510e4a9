"""The small parts of the pool: batches, the memo, the breaker, limits, cutting long texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.embeddings.pool.batching import Batcher, Slot, estimate_tokens
from knowledge.embeddings.pool.blame import DOUBTFUL, HOPELESS, PLAIN_WORD, Blame
from knowledge.embeddings.pool.cache import CacheAccess, model_name, text_key
from knowledge.embeddings.pool.pool import COOL_DOWN, Breaker, Memo
from knowledge.embeddings.pool.sender import SHORTEST, Limits, cut_in_two, mean_of_parts
from knowledge.errors import (
    RemoteAuthError,
    RemoteError,
    RemoteQuotaError,
    RemoteRateLimitError,
    RemoteResponseError,
    RemoteUnavailableError,
)
from tests.embeddings.fakes import DictCache, FakeEmbedder


def slot(text):
    return Slot(text_key(text), text)


@settings(deadline=None)
@given(st.lists(st.integers(1, 60)), st.integers(1, 5), st.integers(1, 40))
def test_batches_hold_every_slot_once_in_order_within_limits(lengths, size, tokens):
    batcher = Batcher(size, tokens=tokens)
    batches = [batch for length in lengths for batch in batcher.add(slot("x" * length))] + [
        batcher.take()
    ]
    assert [len(s.text) for batch in batches for s in batch] == lengths
    for batch in batches:
        assert len(batch) <= size
        assert len(batch) < 2 or sum(estimate_tokens(s.text) for s in batch) <= tokens


def test_a_lower_size_counts_at_once():
    batcher = Batcher(10)
    batcher.add(slot("a"))
    batcher.size = 2
    assert [s.text for s in batcher.add(slot("b"))[0]] == ["a", "b"]


def test_the_memo_forgets_what_was_used_longest_ago():
    vector = np.zeros(100, np.float32)
    memo = Memo(limit=3 * (400 + 250))
    for key in (b"a", b"b", b"c"):
        memo.put(key, vector)
    memo.get(b"a")
    memo.put(b"d", vector)
    memo.put(b"d", vector)
    assert [key for key in (b"a", b"b", b"c", b"d") if memo.get(key) is not None] == [
        b"a", b"c", b"d",
    ]  # fmt: skip


def test_the_memo_keeps_no_array_alive_for_one_row():
    memo = Memo()
    memo.put(b"a", np.zeros((1_000, 4), np.float32)[0])
    assert memo.get(b"a").base is None


@pytest.mark.parametrize("kind", [RemoteAuthError, RemoteQuotaError])
def test_a_refused_account_is_fatal_at_once_for_a_while(kind):
    now = [0.0]
    breaker = Breaker(clock=lambda: now[0])
    breaker.failed(error := kind("no"))
    assert breaker.error is error
    now[0] = COOL_DOWN
    assert breaker.error is None


def test_a_server_that_stays_away_is_fatal_and_the_first_error_counts():
    breaker = Breaker()
    for number in range(3):
        breaker.failed(RemoteUnavailableError(str(number)))
    assert str(breaker.error) == "0"


def test_bad_texts_are_not_fatal():
    breaker = Breaker()
    error = RemoteError("bad text")
    error.text = "bad text"
    for _ in range(9):
        breaker.failed(error)
    assert breaker.error is None


def tried(blame, errors, **named):
    return [blame.is_on_server(error, texts=1, **named) for error in errors]


def test_a_plain_word_is_tried_after_eight_texts_that_failed():
    words = []
    blame = Blame(words.append)
    assert not any(tried(blame, [RemoteError("no")] * DOUBTFUL))
    assert words == [PLAIN_WORD]
    assert not any(tried(blame, [RemoteError("no")] * (HOPELESS - DOUBTFUL - 1)))
    assert tried(blame, [RemoteError("no")]) == [True]
    assert len(words) == HOPELESS // DOUBTFUL - 1


def test_a_server_that_refuses_a_plain_word_is_broken():
    def refuse(text):
        raise RemoteError(text)

    blame = Blame(refuse)
    assert tried(blame, [RemoteError("no")] * DOUBTFUL) == [False] * (DOUBTFUL - 1) + [True]
    assert Blame(refuse).is_on_server(RemoteError("no"), texts=2)
    assert Blame(refuse).is_on_server(RemoteResponseError("no"), texts=1)
    assert Blame(refuse).is_on_server(RemoteUnavailableError("no"), texts=1, passed_before=0)
    passing = Blame(refuse)
    for _ in range(50):
        passing.note_passed()
        assert not passing.is_on_server(RemoteError("no"), texts=1)
        assert not passing.is_on_server(RemoteError("no"), texts=9)
        assert not passing.is_on_server(RemoteUnavailableError("no"), texts=9, passed_before=0)


def test_what_every_request_would_meet_is_not_tried_with_a_plain_word():
    words = []
    errors = [
        RemoteAuthError("no"),
        RemoteError("no model", lasting=True),
        RemoteRateLimitError("no"),
        RemoteUnavailableError("no", unreachable=True),
    ]
    assert tried(Blame(words.append), errors) == [True] * 4
    assert words == []


def test_a_batch_limit_that_nobody_named_is_learnt_the_second_time():
    limits = Limits()
    assert not limits.batch_fits(2, sure=False)
    assert limits.batch_fits(3, sure=False)
    assert limits.at_most(10) == 3
    limits = Limits()
    assert not limits.batch_fits(2, sure=False)
    limits.batch_passed(3)  # so it was something else
    assert not limits.batch_fits(2, sure=False)


def test_learnt_batch_limits_only_fall():
    limits = Limits()
    assert limits.at_most(64) == 64
    assert limits.batch_fits(32)
    assert not limits.batch_fits(32)
    assert limits.batch_fits(8)
    assert not limits.batch_fits(16)
    assert limits.at_most(64) == 8
    assert limits.at_most(4) == 4


def test_texts_as_long_as_one_refused_are_doubtful_until_a_longer_one_fits():
    limits = Limits()
    assert not limits.is_doubtful(10**9)
    limits.text_too_long(100)
    limits.text_too_long(200)
    assert limits.is_doubtful(100)
    assert not limits.is_doubtful(99)
    limits.text_fits(150)
    assert not limits.is_doubtful(150)
    assert limits.is_doubtful(151)


@pytest.mark.slow
@settings(deadline=None)
@given(st.text())
def test_a_cut_loses_nothing_but_white_space(text):
    halves = cut_in_two(text)
    assert "".join("".join(halves).split()) == ("".join(text.split()) if halves else "")
    assert all(half == half.strip() and len(half) < len(text) for half in halves)
    if len(text.strip()) >= SHORTEST:
        assert halves


def test_a_cut_is_near_the_middle_at_white_space():
    assert cut_in_two("one two three four five") == ["one two three", "four five"]
    assert cut_in_two("x" * 20) == ["x" * 10, "x" * 10]
    assert cut_in_two("short") == []


def test_parts_count_by_their_length():
    mean = mean_of_parts([np.array([1, 0], np.float32), np.array([0, 1], np.float32)], [3, 4])
    np.testing.assert_allclose(mean, [0.6, 0.8], rtol=1e-6)
    assert mean.dtype == np.float32


def test_vectors_are_kept_under_what_was_asked_not_what_was_learnt():
    embedder = FakeEmbedder(known=False)
    before = model_name(embedder)
    embedder.spec = FakeEmbedder().spec
    assert model_name(embedder) == before
    assert "http://fake" in before


def test_cached_vectors_that_do_not_fit_are_left_out():
    cache, embedder = DictCache(), FakeEmbedder()
    good = np.array([0.6, 0.8], np.float32)
    for key, vector in {
        b"good": good, b"long": np.ones(3) / np.sqrt(3), b"zero": good * 0, b"nan": good * np.nan,
    }.items():  # fmt: skip
        cache.put_many(model_name(embedder), {key: vector})
    access = CacheAccess(cache, embedder, print)
    keys = [b"good", b"long", b"zero", b"nan", b"none"]
    assert list(access.get(keys, 2)) == [b"good"]
    assert list(access.get(keys, None)) == [b"good", b"long"]


@pytest.mark.parametrize("broken", ["get_many", "put_many"])
def test_a_broken_cache_is_told_once_and_left_alone(broken):
    cache, said = DictCache(), []

    def fail(*_):
        raise OSError("disk full")

    setattr(cache, broken, fail)
    access = CacheAccess(cache, FakeEmbedder(), said.append)
    for _ in range(2):
        assert access.get([b"a"], None) == {}
        access.put({b"a": np.ones(1)})
    assert len(said) == 1
    assert "disk full" in said[0]
