"""Rate limits, and fewer requests at a time when the server asks for it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest

from knowledge.embeddings.pool.opening import thread_count
from knowledge.embeddings.pool.pool import Backoff
from knowledge.errors import RemoteRateLimitError, RemoteUnavailableError
from knowledge.remote.gate import Gate
from knowledge.remote.rates import Bucket, RateLimiter
from knowledge.settings.reading import Settings
from tests.embeddings.fakes import FakeEmbedder, new_pool, unit_vectors

TEXTS = [f"text number {number}" for number in range(60)]


def test_a_bucket_runs_full_again_at_its_rate():
    bucket = Bucket(60, 0.0)  # one a second
    assert [bucket.take(1, 0.0) for _ in range(3)] == [0, 1, 2]
    assert bucket.take(1, 10.0) == 0
    assert bucket.take(1, 10.5) == 0.5


def test_what_is_larger_than_the_bucket_waits_no_longer_than_for_a_full_one():
    bucket = Bucket(600, 0.0)  # ten a second, ten at once
    assert bucket.take(1_000, 0.0) == 0
    assert bucket.take(1, 0.0) == pytest.approx(99.1)  # until the debt is paid
    bucket = Bucket(600, 0.0)
    bucket.take(5, 0.0)
    assert bucket.take(1_000, 0.0) == pytest.approx(0.5)


def test_a_wrong_estimate_is_given_back():
    bucket = Bucket(600, 0.0)
    bucket.take(10, 0.0)
    bucket.give_back(10)
    assert bucket.take(10, 0.0) == 0


class Time:
    """A clock and a stop event whose waits only move the clock."""

    def __init__(self):
        self.now = 0.0
        self.waits = []

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        return False


def test_both_limits_hold():
    clock = Time()
    limiter = RateLimiter(120, 6_000, stop=clock, clock=clock)  # 2 requests, 100 tokens a second
    for _ in range(10):
        limiter.wait(10)
    assert clock.now == pytest.approx(4.0)  # by requests: two at once, eight more
    for _ in range(5):
        limiter.wait(200)
    assert clock.now == pytest.approx(13.0, abs=1.1)  # by tokens: ten seconds for a thousand


def test_no_limit_never_waits():
    clock = Time()
    limiter = RateLimiter(stop=clock, clock=clock)
    for _ in range(1_000):
        limiter.wait(10**9)
    assert clock.waits == []


def test_threads_share_the_limit():
    embedder = FakeEmbedder()
    started = time.monotonic()
    with new_pool(embedder, threads=8, batch_size=1, requests_a_minute=3_000) as pool:
        pool.embed(TEXTS[:60])  # 50 at once, 10 more at 50 a second
    assert len(embedder.requests) == 60
    assert time.monotonic() - started >= 0.18


def test_a_text_over_the_limit_of_tokens_goes_through():
    with new_pool(FakeEmbedder(), tokens_a_minute=60_000) as pool:  # 1,000 a second
        vectors = pool.embed(["word " * 800])  # some 1,300 by estimate
    assert vectors.shape == (1, 16)


def test_a_cancelled_pool_does_not_wait_for_its_turn():
    with new_pool(FakeEmbedder(), threads=1, batch_size=1, requests_a_minute=1) as pool:
        future = pool.submit(TEXTS[:3])
        time.sleep(0.02)
        started = time.monotonic()
        pool.close(cancel=True)
        with pytest.raises(CancelledError):
            future.result(timeout=60)
    assert time.monotonic() - started < 50  # its turn is a minute away


def test_a_request_has_no_more_tokens_than_it_may():
    embedder = FakeEmbedder()
    texts = [f"{'word ' * 20}{number}" for number in range(12)]  # some 35 by estimate
    with new_pool(embedder, threads=1, batch_size=10, batch_tokens=100) as pool:
        pool.embed([*texts, "long " * 200])
    assert [len(request) for request in embedder.requests] == [2] * 6 + [1]


# Fewer at a time


def test_a_gate_halves_once_for_all_that_are_under_way_and_widens_step_by_step():
    said = []
    gate = Gate(8, said.append)
    with gate.passage() as first, gate.passage() as second:
        gate.narrow(first)
        gate.narrow(second)
        assert gate.width == 4
    with gate.passage() as later:
        gate.narrow(later)
    assert gate.width == 2
    for _ in range(100):
        with gate.passage() as number:
            gate.narrow(number)
    assert gate.width == 1
    for _ in range(3):
        gate.widen()
    assert 2 <= gate.width <= 3
    for _ in range(100):
        gate.widen()
    assert gate.width == 8
    assert len(said) == 1
    assert "slow down" in said[0]


def test_a_narrow_gate_makes_others_wait():
    gate = Gate(2, print)
    with gate.passage() as number:
        gate.narrow(number)
        with ThreadPoolExecutor(1) as other:
            entered = threading.Event()

            def enter():
                with gate.passage():
                    entered.set()

            future = other.submit(enter)
            assert not entered.wait(0.05)
            gate.widen()
            future.result(timeout=60)
    assert entered.is_set()


class Strict(FakeEmbedder):
    """Refuses a request when more than so many are under way."""

    def __init__(self, most):
        super().__init__(self._check)
        self.most = most
        self.refused = threading.Event()

    def _check(self, texts):
        with self._lock:
            too_many = self._under_way > self.most
        if too_many:
            self.refused.set()
            raise RemoteRateLimitError("429 too many")
        self.refused.wait(60)  # the first stay until there are too many


def test_a_server_that_takes_two_at_a_time_gets_all_texts_in_the_end():
    """Refusals do not count while others pass, so that three tries are enough for all."""
    embedder, said = Strict(2), []
    options = {"retries": 2, "backoff": Backoff(start=0.02, cap=0.1), "notify": said.append}
    with new_pool(embedder, threads=8, batch_size=1, **options) as pool:
        np.testing.assert_allclose(pool.embed(TEXTS), unit_vectors(TEXTS), atol=1e-6)
    assert embedder.refused.is_set()
    assert said.count("the server asks to slow down; sending fewer requests at a time") == 1


def test_a_server_that_refuses_all_ends_it_after_all_tries():
    def refuse(texts):
        raise RemoteRateLimitError("429 too many")

    embedder = FakeEmbedder(refuse)
    with new_pool(embedder, threads=4, batch_size=1, retries=2) as pool:
        with pytest.raises(RemoteRateLimitError, match=r"429 too many \(3 tries\)"):
            pool.embed(TEXTS)


def test_other_failures_count_even_while_others_pass():
    def fail(texts):
        if texts == ["bad"]:
            raise RemoteUnavailableError("500")

    with new_pool(FakeEmbedder(fail), threads=4, batch_size=1, retries=1) as pool:
        good, bad = pool.submit(TEXTS), pool.submit(["bad"])
        with pytest.raises(RemoteUnavailableError, match=r"500 \(2 tries\)"):
            bad.result(timeout=60)
        good.result(timeout=60)


@pytest.mark.parametrize(("own", "set_to", "wanted"), [(None, None, 10), (1, None, 1), (1, 4, 4)])
def test_an_embedder_may_know_how_many_threads_are_good(tmp_path, own, set_to, wanted):
    embedder = FakeEmbedder()
    if own:
        embedder.default_threads = own
    settings = Settings.read(environ={}, folder=tmp_path, embedding_threads=set_to)
    assert thread_count(embedder, settings) == wanted
