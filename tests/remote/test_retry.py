from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest

from knowledge.errors import (
    RemoteAuthError,
    RemoteRateLimitError,
    RemoteResponseError,
    RemoteUnavailableError,
)
from knowledge.remote import retry
from knowledge.remote.retry import Backoff, Retrier


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self, monkeypatch):
        self.now = 1_000.0
        self.waits = []
        monkeypatch.setattr(retry.time, "monotonic", lambda: self.now)

    def is_set(self):
        return False

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        return False


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def flaky(*errors):
    left = list(errors)

    def send():
        if left:
            raise left.pop(0)
        return "answer"

    return send


def transient(retry_after=None):
    return RemoteUnavailableError("busy", hint="wait", retry_after=retry_after)


def test_waits_grow_up_to_a_cap(clock):
    retrier = Retrier(9, stop=clock, backoff=Backoff())
    assert retrier(flaky(*[transient() for _ in range(9)])) == "answer"
    for wait, least in zip(clock.waits, [0.5, 1, 2, 4, 8, 16, 30, 30, 30], strict=True):
        assert min(least, 30) <= wait <= min(least + 0.5, 30)


def test_the_last_error_says_how_many_tries_there_were(clock):
    with pytest.raises(RemoteUnavailableError, match=r"busy \(3 tries\)") as caught:
        Retrier(2, stop=clock)(flaky(*[transient(7) for _ in range(9)]))
    assert (caught.value.hint, caught.value.retry_after) == ("wait", 7)
    assert len(clock.waits) == 2
    with pytest.raises(RemoteUnavailableError, match=r"busy$"):
        Retrier(0, stop=clock)(flaky(transient()))


def test_other_errors_are_final(clock):
    with pytest.raises(RemoteAuthError):
        Retrier(9, stop=clock)(flaky(RemoteAuthError("no")))
    assert clock.waits == []


def test_what_the_server_asks_for_is_honoured_within_limits(clock):
    retrier = Retrier(9, stop=clock, backoff=Backoff())
    retrier(flaky(transient(20), transient(9_999), transient(0)))
    assert clock.waits[0] == 20
    assert clock.waits[1] == 120
    assert 2 <= clock.waits[2] <= 2.5


def test_when_one_is_asked_to_wait_all_wait(clock):
    retrier = Retrier(0, stop=clock)
    with pytest.raises(RemoteUnavailableError):
        retrier(flaky(transient(20)))
    assert retrier(flaky()) == "answer"
    assert clock.waits == [20]


def test_long_waits_are_told_but_not_by_every_thread(clock):
    said = []
    retrier = Retrier(9, stop=clock, notify=said.append)
    retrier(flaky(transient(), transient(4), transient(5), transient(6)))
    assert said == ["busy; trying again in 4 s"]
    retrier(flaky(transient(20)))
    assert said[1:] == ["busy; trying again in 20 s"]


def test_stopping_ends_a_wait():
    stop = threading.Event()
    retrier = Retrier(9, stop=stop, backoff=Backoff(start=100, cap=100))
    threading.Timer(0.01, stop.set).start()
    started = time.monotonic()
    with pytest.raises(CancelledError):
        retrier(flaky(transient()))
    assert time.monotonic() - started < 50


def test_an_answer_that_can_not_be_read_is_tried_once_more_where_nothing_has_passed(clock):
    retrier = Retrier(9, stop=clock)
    assert retrier(flaky(RemoteResponseError("garbage"))) == "answer"
    retrier = Retrier(9, stop=clock)
    with pytest.raises(RemoteResponseError, match=r"garbage \(2 tries\)"):
        retrier(flaky(*[RemoteResponseError("garbage") for _ in range(5)]))


def test_it_is_tried_twice_more_where_requests_pass(clock):
    retrier = Retrier(4, stop=clock)
    retrier(flaky())
    assert retrier(flaky(*[RemoteResponseError("garbage") for _ in range(2)])) == "answer"
    with pytest.raises(RemoteResponseError, match=r"garbage \(3 tries\)"):
        retrier(flaky(*[RemoteResponseError("garbage") for _ in range(5)]))


def test_no_further_tries_are_none_for_such_an_answer_too(clock):
    with pytest.raises(RemoteResponseError, match=r"garbage$"):
        Retrier(0, stop=clock)(flaky(RemoteResponseError("garbage")))


def test_a_refusal_as_one_too_many_does_not_count_while_others_pass(clock):
    retrier, left = Retrier(1, stop=clock), [7]

    def refused_while_others_pass():
        if left[0]:
            left[0] -= 1
            retrier(flaky())  # another thread's request
            raise RemoteRateLimitError("429")
        return "answer"

    assert retrier(refused_while_others_pass) == "answer"
    with pytest.raises(RemoteRateLimitError, match=r"429 \(2 tries\)"):
        retrier(flaky(*[RemoteRateLimitError("429") for _ in range(9)]))


def not_there():
    return RemoteUnavailableError("connection refused", unreachable=True)


def test_a_server_that_was_never_there_is_told_in_seconds(clock):
    with pytest.raises(RemoteUnavailableError, match=r"refused \(3 tries\)"):
        Retrier(9, stop=clock)(flaky(*[not_there() for _ in range(9)]))
    assert sum(clock.waits) < 4


def test_a_server_that_takes_long_to_be_not_there_is_asked_once(clock):
    def slow():
        clock.now += 10
        raise not_there()

    with pytest.raises(RemoteUnavailableError, match=r"refused$"):
        Retrier(9, stop=clock)(slow)


@pytest.mark.parametrize("before", [[], [transient()]])
def test_a_server_that_was_there_is_waited_for(clock, before):
    retrier = Retrier(5, stop=clock)
    retrier(flaky(*before))
    assert retrier(flaky(*[not_there() for _ in range(5)])) == "answer"


def test_texts_that_may_be_at_fault_have_fewer_tries_but_a_busy_server_has_all(clock):
    with pytest.raises(RemoteUnavailableError, match=r"busy \(2 tries\)"):
        Retrier(9, stop=clock)(flaky(*[transient() for _ in range(9)]), most=1)
    limited = [RemoteRateLimitError("429") for _ in range(5)]
    assert Retrier(5, stop=clock)(flaky(*limited), most=0) == "answer"
