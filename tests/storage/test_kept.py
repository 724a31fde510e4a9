"""What is made once and kept for all threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from knowledge.storage.kept import Kept


def test_one_makes_a_value_while_others_wait():
    kept, made, begun, go_on = Kept(), [], threading.Event(), threading.Event()

    def make():
        begun.set()
        assert go_on.wait(30)
        made.append(threading.get_ident())
        return object()

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(kept.get, "a", make)
        assert begun.wait(30)
        others = [pool.submit(kept.get, "a", make) for _ in range(3)]
        assert kept.get("b", lambda: 1) == 1  # who needs another value does not wait
        go_on.set()
        assert len({first.result(30), *(one.result(30) for one in others)}) == 1
    assert len(made) == 1


def test_where_making_fails_the_next_one_tries():
    kept = Kept()

    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.get("a", fail)
    assert "a" not in kept
    assert kept.get("a", lambda: 2) == kept.get("a", fail) == 2


def test_what_was_made_first_makes_room():
    kept = Kept(10, lambda text: len(text) if text else None)
    for text in ("aaaa", "bbbb", "cccc"):
        kept.get(text, lambda text=text: text)
    assert ("aaaa" in kept, "bbbb" in kept, "cccc" in kept) == (False, True, True)
    assert kept.get("large", lambda: "x" * 11) == "x" * 11
    assert kept.get("worthless", lambda: "") == ""
    assert "large" not in kept
    assert "worthless" not in kept
    assert "bbbb" in kept
