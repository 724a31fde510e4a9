from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.pool.blame import PLAIN_WORD
from knowledge.embeddings.pool.pool import EmbeddingPool
from knowledge.errors import (
    RemoteAuthError,
    RemoteBatchTooLargeError,
    RemoteError,
    RemoteInputTooLongError,
    RemoteResponseError,
    RemoteUnavailableError,
)
from tests.embeddings.fakes import QUICK, DictCache, FakeEmbedder, new_pool, unit_vectors

TEXTS = [f"text number {number}" for number in range(20)]


def until(condition):
    """Wait for another thread."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def same(got, texts, dimensions=16):
    np.testing.assert_allclose(got, unit_vectors(texts, dimensions), atol=1e-6)


# Order and sharing


@settings(max_examples=60, deadline=None)
@given(
    submits=st.lists(st.lists(st.sampled_from(TEXTS[:8]), max_size=12), max_size=6),
    threads=st.integers(1, 4),
    batch_size=st.integers(1, 5),
    slow=st.sets(st.integers(0, 12)),
    cached=st.sets(st.sampled_from(TEXTS[:8])),
    known=st.booleans(),
)
def test_every_text_gets_its_own_vector(submits, threads, batch_size, slow, cached, known):
    embedder = FakeEmbedder(lambda _: time.sleep(0.002 * (len(embedder.requests) in slow)),
                            known=known)  # fmt: skip
    cache = DictCache()
    if cached:
        with new_pool(FakeEmbedder(), cache=cache) as pool:
            pool.embed(sorted(cached))
    with new_pool(embedder, threads=threads, batch_size=batch_size, cache=cache) as pool:
        futures = [pool.submit(texts) for texts in submits]
        pool.flush()
        for future, texts in zip(futures, submits, strict=True):
            same(future.result(timeout=60), texts) if texts else None
            assert len(future.result()) == len(texts)
    new = {text for texts in submits for text in texts} - cached
    assert embedder.texts == dict.fromkeys(new, 1)
    assert embedder.peak <= threads
    assert all(len(request) <= batch_size for request in embedder.requests)
    assert pool.stats.embedded == len(new)


def test_texts_of_different_submits_share_a_batch():
    embedder = FakeEmbedder()
    with new_pool(embedder, batch_size=4) as pool:
        one, other = pool.submit(TEXTS[:3]), pool.submit(TEXTS[3:5])
        same(one.result(timeout=60), TEXTS[:3])
        assert not other.done()
        pool.flush()
        same(other.result(timeout=60), TEXTS[3:5])
    assert embedder.requests == [TEXTS[:4], TEXTS[4:5]]


def test_a_text_under_way_is_not_sent_again():
    gate = threading.Event()
    embedder = FakeEmbedder(lambda _: gate.wait(60))
    with new_pool(embedder) as pool:
        first = pool.submit(["same"])
        pool.flush()
        until(lambda: embedder.requests)
        second = pool.submit(["same", "same"])
        gate.set()
        same(second.result(timeout=60), ["same", "same"])
        same(first.result(), ["same"])
        same(pool.submit(["same"]).result(timeout=0), ["same"])  # from the memo, without flush
    assert embedder.requests == [["same"]]


def test_nothing_is_embedded_at_once():
    with new_pool(FakeEmbedder()) as pool:
        assert pool.submit([]).result(timeout=0).shape == (0, 16)
        assert pool.embed([]).dtype == np.float32


def test_the_embedders_own_batch_limit_holds():
    embedder = FakeEmbedder(max_batch=3)
    with new_pool(embedder, batch_size=100) as pool:
        same(pool.embed(TEXTS), TEXTS)
    assert max(map(len, embedder.requests)) == 3


@pytest.mark.parametrize("blank", ["", " ", "\n\t\u3000"])
def test_blank_texts_are_the_callers_fault(blank):
    embedder = FakeEmbedder()
    with new_pool(embedder) as pool:
        for call in (lambda: pool.submit(["a", blank]), lambda: pool.embed_query(blank)):
            with pytest.raises(ValueError, match="blank"):
                call()
    assert embedder.requests == []


def test_lone_surrogates_are_replaced_before_they_are_sent():
    embedder = FakeEmbedder()
    with new_pool(embedder) as pool:
        pool.embed(["a\ud800b", "pair \ud83d\ude00"])
    assert embedder.requests == [["a\ufffdb", "pair 😀"]]


# Threads


def test_threads_is_the_most_and_one_is_one_after_the_other():
    for threads in (1, 3):
        gate = threading.Event()
        embedder = FakeEmbedder(lambda _, gate=gate: gate.wait(60))
        with new_pool(embedder, threads=threads, batch_size=1) as pool:
            pool.submit(TEXTS[:threads])
            until(lambda e=embedder, n=threads: e.peak == n)
            question = threading.Thread(target=pool.embed_query, args=("why?",))
            question.start()
            gate.set()
            pool.embed(TEXTS)
            question.join()
        assert embedder.peak == threads


def test_submit_waits_while_too_much_waits():
    gate = threading.Event()
    embedder = FakeEmbedder(lambda _: gate.wait(60))
    texts = [f"t{number}" for number in range(100)]
    with new_pool(embedder, threads=2, batch_size=1) as pool:
        futures = []
        submitter = threading.Thread(
            target=lambda: futures.extend(pool.submit([text]) for text in texts)
        )
        submitter.start()
        until(lambda: len(pool._ready) == 8 and len(embedder.requests) == 2)
        assert len(futures) <= 10
        gate.set()
        submitter.join()
        same(np.vstack([future.result(timeout=60) for future in futures]), texts)


def test_one_submit_may_be_larger_than_what_may_wait():
    texts = [f"t{number}" for number in range(3_000)]
    with new_pool(FakeEmbedder(), threads=2, batch_size=3) as pool:
        same(pool.embed(texts), texts)


# Questions


def test_a_question_is_embedded_in_the_callers_thread():
    threads = []
    embedder = FakeEmbedder(lambda _: threads.append(threading.current_thread()))
    with new_pool(embedder) as pool:
        vector = pool.embed_query("why?")
        assert pool.stats.embedded == 1
    assert vector.shape == (16,)
    same(vector[None], ["why?"])
    assert threads == [threading.current_thread()]


def test_a_question_is_tried_again_and_checked():
    errors = [RemoteUnavailableError("busy")] * 2
    embedder = FakeEmbedder(lambda _: errors and _raise(errors.pop()))
    with new_pool(embedder) as pool:
        assert pool.embed_query("why?").shape == (16,)
        embedder.dimensions = 5
        with pytest.raises(RemoteResponseError, match="5 dimensions, not 16"):
            pool.embed_query("why not?")


def test_a_question_that_is_too_long_is_embedded_in_parts():
    said = []
    embedder = FakeEmbedder(refuse_long(22))
    with new_pool(embedder, notify=said.append) as pool:
        assert pool.embed_query("a rather long question, not a short one").shape == (16,)
    assert "embedded in 3 parts" in said[0]


# Failures


def _raise(error):
    raise error


def test_an_error_fails_exactly_those_who_need_the_batch():
    embedder = FakeEmbedder(lambda texts: "bad" in texts and _raise(RemoteError("no")))
    with new_pool(embedder, batch_size=2) as pool:
        good, mixed, later = pool.submit(["a", "b"]), pool.submit(["c", "bad"]), pool.submit(["d"])
        pool.flush()
        same(good.result(timeout=60), ["a", "b"])
        same(later.result(timeout=60), ["d"])
        with pytest.raises(RemoteError, match="no"):
            mixed.result(timeout=60)
        same(pool.embed(["c"]), ["c"])  # what failed may be tried again


def test_an_unusable_vector_fails_its_own_text_only():
    class Zeroing(FakeEmbedder):
        def embed_documents(self, texts):
            answer = super().embed_documents(texts)
            for row, text in enumerate(texts):
                if text == "zero":
                    answer.vectors[row] = 0
            return answer

    with new_pool(Zeroing(), batch_size=3) as pool:
        good, bad = pool.submit(["a", "b"]), pool.submit(["zero"])
        same(good.result(timeout=60), ["a", "b"])
        with pytest.raises(RemoteError, match="zero vector"):
            bad.result(timeout=60)


def test_after_a_fatal_error_nothing_more_is_sent():
    embedder = FakeEmbedder(lambda _: _raise(RemoteAuthError("bad key")))
    with new_pool(embedder, threads=1, batch_size=1) as pool:
        futures = [pool.submit([text]) for text in TEXTS]
        errors = [future.exception(timeout=60) for future in futures]
        assert {type(error) for error in errors} == {RemoteAuthError}
        with pytest.raises(RemoteAuthError, match="bad key"):
            pool.embed(["one more"])
    assert len(embedder.requests) == 1


def test_a_server_that_is_away_is_given_up_soon():
    embedder = FakeEmbedder(lambda _: _raise(RemoteUnavailableError("refused")))
    with new_pool(embedder, threads=1, batch_size=1, retries=1) as pool:
        futures = [pool.submit([text]) for text in TEXTS]
        for future in futures:
            assert "refused (2 tries)" in str(future.exception(timeout=60))
    assert embedder.requests == [TEXTS[:1]] * 2 + [[PLAIN_WORD]] * 2


def test_passing_failures_pass():
    errors = [RemoteUnavailableError("busy", retry_after=0.001)] * 3
    embedder = FakeEmbedder(lambda _: errors and _raise(errors.pop()))
    with new_pool(embedder, retries=3) as pool:
        same(pool.embed(TEXTS), TEXTS)
        assert pool.stats.requests == 3 + 5
        assert pool.stats.embedded == 20


def test_a_fault_in_a_providers_code_is_an_embedding_error():
    embedder = FakeEmbedder(lambda _: _raise(KeyError("oops")))
    with new_pool(embedder) as pool, pytest.raises(RemoteError, match=": KeyError") as caught:
        pool.embed(["a"])
    assert caught.value.message.startswith("fake:words at http://fake failed")
    embedder.embed_documents = lambda texts: None
    with new_pool(embedder) as pool, pytest.raises(RemoteError, match="gave a NoneType"):
        pool.embed(["a"])


def test_a_fault_while_telling_the_user_reaches_who_waits():
    def broken(message):
        raise OSError(message)

    embedder = FakeEmbedder(refuse_long(22))
    with new_pool(embedder, notify=broken) as pool, pytest.raises(OSError, match="in 2 parts"):
        pool.embed(["a text of more than 22 characters"])


def test_answers_at_the_same_time_must_agree_on_dimensions():
    together = threading.Barrier(2, timeout=60)

    class Undecided(FakeEmbedder):
        def embed_documents(self, texts):
            together.wait()
            return Embeddings(np.ones((1, 2 if texts == ["a"] else 3), np.float32))

    with new_pool(Undecided(known=False), threads=2, batch_size=1) as pool:
        errors = [f.exception(timeout=60) for f in (pool.submit(["a"]), pool.submit(["b"]))]
    assert [type(error) for error in errors if error] == [RemoteResponseError]


def test_dimensions_must_stay_as_they_were_at_first():
    embedder = FakeEmbedder(known=False)
    with new_pool(embedder) as pool:
        pool.embed(["a"])
        assert embedder.spec.dimensions == 16
        embedder.dimensions = 8
        with pytest.raises(RemoteResponseError, match="8 dimensions, not 16"):
            pool.embed(["b"])


# Limits


def refuse_long(characters):
    def before(texts):
        if max(map(len, texts)) > characters:
            kind = RemoteInputTooLongError if len(texts) == 1 else RemoteBatchTooLargeError
            raise kind("too long")

    return before


def refuse_many(size):
    def before(texts):
        if len(texts) > size:
            raise RemoteBatchTooLargeError("too many")

    return before


def test_a_batch_limit_is_found_and_remembered():
    said = []
    embedder = FakeEmbedder(refuse_many(10))
    texts = [f"t{number}" for number in range(200)]
    with new_pool(embedder, threads=1, batch_size=64, notify=said.append) as pool:
        same(pool.embed(texts), texts)
        assert pool.stats.embedded == 200
        embedder.requests.clear()
        pool.embed([f"u{number}" for number in range(40)])
    assert [len(request) for request in embedder.requests] == [8] * 5
    assert said == ["fake:words at http://fake takes no 16 texts in a request; sending 8"]


@pytest.mark.parametrize("threads", [1, 4])
def test_a_text_that_is_too_long_is_embedded_in_parts_and_spoils_no_other(threads):
    long = "word " * 10 + "x" * 12
    said = []
    embedder = FakeEmbedder(refuse_long(40))
    texts = [*TEXTS[:7], long, *TEXTS[7:15]]
    with new_pool(embedder, threads=threads, batch_size=16, notify=said.append) as pool:
        got = pool.embed(texts)
        assert pool.stats.split == 1
    same(np.delete(got, 7, 0), TEXTS[:15])
    assert len(said) == 1
    assert said[0].startswith("1 text of 62 characters was longer than fake:words at http://fake")
    assert said[0].endswith("takes; embedded in 2 parts")
    halves = [request[0] for request in embedder.requests if len(request) == 1][-2:]
    assert "".join(halves).replace(" ", "") == long.replace(" ", "")
    expected = np.average(unit_vectors(halves), axis=0, weights=[len(half) for half in halves])
    np.testing.assert_allclose(got[7], expected / np.linalg.norm(expected), atol=1e-6)
    assert pool._sender.limits.at_most(16) == 16  # one long text is no batch limit


def test_when_every_text_is_too_long_each_costs_three_requests():
    embedder = FakeEmbedder(refuse_long(22))
    texts = [f"long text number {number:05} which is in two" for number in range(64)]
    with new_pool(embedder, threads=1, batch_size=8) as pool:
        assert pool.embed(texts).shape == (64, 16)
        assert pool.stats.split == 64
    assert len(embedder.requests) < 64 * 3 + 20


def test_many_texts_in_parts_are_not_told_one_by_one():
    said = []
    texts = [f"long text number {number:05} which is in two" for number in range(30)]
    with new_pool(FakeEmbedder(refuse_long(22)), notify=said.append) as pool:
        pool.embed(texts)
    assert len(said) == 11
    assert said.count("further texts that are too long are embedded in parts as well") == 1


def test_a_text_that_can_not_be_cut_any_more_fails_alone():
    embedder = FakeEmbedder(lambda texts: any("☠" in text for text in texts) and _raise(
        (RemoteInputTooLongError if len(texts) == 1 else RemoteBatchTooLargeError)("too long")
    ))  # fmt: skip
    with new_pool(embedder, batch_size=4) as pool:
        bad, good = pool.submit(["a ☠ " * 10]), pool.submit(TEXTS[:3])
        same(good.result(timeout=60), TEXTS[:3])
        with pytest.raises(RemoteInputTooLongError):
            bad.result(timeout=60)


# The cache


def test_cached_texts_never_reach_the_embedder():
    cache = DictCache()
    with new_pool(FakeEmbedder(known=False), cache=cache) as pool:
        pool.embed(TEXTS[:10])
    embedder = FakeEmbedder(known=False)
    with new_pool(embedder, cache=cache) as pool:
        same(pool.submit(TEXTS[:10]).result(timeout=0), TEXTS[:10])
        assert embedder.spec.dimensions == 16
        same(pool.embed(TEXTS), TEXTS)
        assert (pool.stats.cached, pool.stats.embedded) == (10, 10)
    assert sorted(embedder.texts) == sorted(TEXTS[10:])


def test_vectors_are_in_the_cache_before_anybody_sees_them():
    cache = DictCache()
    kept = []
    with new_pool(FakeEmbedder(), cache=cache, batch_size=5) as pool:
        future = pool.submit(TEXTS[:5])
        future.add_done_callback(lambda _: kept.append(len(cache.vectors)))
        future.result(timeout=60)
    assert kept == [5]


def test_what_was_paid_for_before_a_failure_is_kept():
    cache = DictCache()
    embedder = FakeEmbedder(lambda texts: "bad" in texts and _raise(RemoteAuthError("no")))
    pool = new_pool(embedder, threads=1, batch_size=2, cache=cache)
    with pool, pytest.raises(RemoteAuthError):
        pool.embed(["a", "b", "c", "bad", "d", "e"])
    assert len(cache.vectors) == 2


def test_an_embedder_that_is_not_cacheable_does_without():
    cache = DictCache()
    with new_pool(FakeEmbedder(cacheable=False), cache=cache) as pool:
        pool.embed(["a"])
    assert cache.asked == 0
    assert not cache.vectors


def test_the_same_name_elsewhere_is_another_model():
    cache = DictCache()
    for endpoint in ("http://one", "http://other"):
        embedder = FakeEmbedder()
        embedder.endpoint = endpoint
        with new_pool(embedder, cache=cache) as pool:
            pool.embed(["a"])
        assert len(embedder.requests) == 1


# Closing


def test_closing_sends_what_waits_and_closes_the_embedder():
    embedder = FakeEmbedder()
    with new_pool(embedder) as pool:
        future = pool.submit(["a"])
    same(future.result(timeout=0), ["a"])
    assert embedder.closed
    assert not any(worker.is_alive() for worker in pool._workers)
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(["b"])
    with pytest.raises(RuntimeError, match="closed"):
        pool.embed_query("b")
    pool.close()


def test_cancelling_drops_what_is_not_sent_and_keeps_what_is():
    gate, cache = threading.Event(), DictCache()
    embedder = FakeEmbedder(lambda _: gate.wait(60))
    pool = new_pool(embedder, threads=1, batch_size=1, cache=cache)
    sent, waiting, open_ = pool.submit(["a"]), pool.submit(["b"]), pool.submit(["c"])
    until(lambda: embedder.requests)
    threading.Timer(0.02, gate.set).start()
    pool.close(cancel=True)
    same(sent.result(timeout=60), ["a"])
    assert len(cache.vectors) == 1
    for future in (waiting, open_, pool.submit(["d"])):
        with pytest.raises(CancelledError):
            future.result(timeout=60)
    with pytest.raises(CancelledError):
        pool.embed_query("why?")
    assert embedder.requests == [["a"]]


def test_cancelling_ends_the_wait_for_another_try():
    failed = threading.Event()
    embedder = FakeEmbedder(
        lambda _: (failed.set(), _raise(RemoteUnavailableError("busy", retry_after=100)))
    )
    pool = EmbeddingPool(embedder, threads=1, batch_size=1, retries=5)
    future = pool.submit(["a"])
    failed.wait(60)
    pool.close(cancel=True)
    with pytest.raises(CancelledError):
        future.result(timeout=60)
    assert not any(worker.is_alive() for worker in pool._workers)


def test_cancelling_lets_a_blocked_submit_go():
    gate = threading.Event()
    embedder = FakeEmbedder(lambda _: gate.wait(60))
    pool = new_pool(embedder, threads=1, batch_size=1)
    found = []
    submitter = threading.Thread(target=lambda: found.append(pool.submit(TEXTS)))
    submitter.start()
    until(lambda: len(pool._ready) == 4)
    threading.Timer(0.02, gate.set).start()
    pool.close(cancel=True)
    submitter.join()
    assert found[0].cancelled()


def test_an_exception_cancels():
    embedder = FakeEmbedder()
    pool = new_pool(embedder)
    future = pool.submit(["a"])
    with pytest.raises(KeyboardInterrupt), pool:
        raise KeyboardInterrupt
    assert future.cancelled()
    assert embedder.requests == []


def test_a_future_that_its_owner_cancelled_costs_nothing_more():
    embedder = FakeEmbedder()
    with new_pool(embedder) as pool:
        assert pool.submit(["a"]).cancel()
        same(pool.embed(["b"]), ["b"])
        same(pool.embed(["a"]), ["a"])
    assert embedder.requests == [["b"], ["a"]]


def test_no_thread_is_started_before_there_is_work():
    with new_pool(FakeEmbedder(), threads=8) as pool:
        pool.flush()
        pool.embed_query("why?")
        assert pool._workers == []
        pool.embed(["a"])
        assert len(pool._workers) == 1


def test_statistics_add_up():
    with new_pool(FakeEmbedder(), batch_size=4, backoff=QUICK) as pool:
        pool.embed([*TEXTS[:6], *TEXTS[:6]])
        stats = pool.stats
    assert (stats.embedded, stats.cached, stats.tokens, stats.requests) == (6, 0, 6, 2)
