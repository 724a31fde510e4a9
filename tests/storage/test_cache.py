"""The embedding cache: what is put in comes out, the oldest goes first, processes share it."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import DamagedStoreError
from knowledge.storage.local import cache as cache_module
from knowledge.storage.local.cache import EmbeddingCache
from tests.durability import programs

SIZE = 64  # dimensions; a vector takes 4 bytes for each, and 64 for its row
ROW = SIZE * 4 + 64
MIB = 1024 * 1024


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def vector(number: int) -> np.ndarray:
    return np.full(SIZE, number / 7, np.float32)


def vectors(*numbers: int) -> dict[bytes, np.ndarray]:
    return {key(number): vector(number) for number in numbers}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "embeddings.db"


@pytest.fixture
def cache(path: Path) -> Iterator[EmbeddingCache]:
    with closing(EmbeddingCache(path, MIB)) as opened:
        yield opened


def numbers_in(cache: EmbeddingCache, model: str, upto: int) -> set[int]:
    """Return which of the numbers the cache still holds."""
    found = cache.get_many(model, [key(number) for number in range(upto)])
    return {number for number in range(upto) if key(number) in found}


def test_what_is_put_in_comes_out(cache: EmbeddingCache) -> None:
    cache.put_many("model", vectors(1, 2, 3))
    found = cache.get_many("model", [key(3), key(9), key(1)])
    assert set(found) == {key(1), key(3)}
    assert found[key(3)].dtype == np.float32
    np.testing.assert_array_equal(found[key(3)], vector(3))


def test_models_are_kept_apart(cache: EmbeddingCache) -> None:
    cache.put_many("one", vectors(1))
    cache.put_many("other", {key(1): vector(2)})
    np.testing.assert_array_equal(cache.get_many("one", [key(1)])[key(1)], vector(1))
    np.testing.assert_array_equal(cache.get_many("other", [key(1)])[key(1)], vector(2))
    assert cache.get_many("third", [key(1)]) == {}


def test_nothing_asked_or_given_is_nothing(cache: EmbeddingCache) -> None:
    cache.put_many("model", {})
    assert cache.get_many("model", []) == {}


def test_vectors_of_any_layout_are_kept(cache: EmbeddingCache) -> None:
    wide = np.arange(2 * SIZE, dtype=np.float64).reshape(SIZE, 2)
    cache.put_many("model", {key(1): wide[:, 1]})
    np.testing.assert_array_equal(cache.get_many("model", [key(1)])[key(1)], wide[:, 1])


def test_many_keys_at_once(cache: EmbeddingCache) -> None:
    cache.put_many("model", vectors(*range(100)))
    found = cache.get_many("model", [key(number) for number in range(40_000)])
    assert set(found) == {key(number) for number in range(100)}


def test_it_outlives_its_connection(path: Path) -> None:
    with closing(EmbeddingCache(path, MIB)) as first:
        first.put_many("model", vectors(1))
    with closing(EmbeddingCache(path, MIB)) as second:
        assert numbers_in(second, "model", 3) == {1}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the cache tell the time from the last number of a list."""
    moments = [1_000.0]
    monkeypatch.setattr(cache_module.time, "time", lambda: moments[-1])
    monkeypatch.setattr(cache_module.time, "time_ns", lambda: int(moments[-1] * 1e9))
    return moments


def test_the_oldest_go_first(path: Path, clock: list[float]) -> None:
    with closing(EmbeddingCache(path, 10 * ROW)) as cache:
        for number in range(10):
            clock.append(clock[-1] + 10)
            cache.put_many("model" if number % 2 else "other", vectors(number))
        assert len(numbers_in(cache, "model", 10) | numbers_in(cache, "other", 10)) == 10
        clock.append(clock[-1] + 10)
        cache.put_many("model", vectors(10))
        kept = numbers_in(cache, "model", 11) | numbers_in(cache, "other", 11)
        assert kept
        assert kept == set(range(11 - len(kept), 11)), "something newer went before the oldest"
        assert len(kept) <= 10


def test_the_size_stays_below_the_limit(path: Path, clock: list[float]) -> None:
    limit = 200 * ROW
    with closing(EmbeddingCache(path, limit)) as cache:
        for start in range(0, 2_000, 50):
            clock.append(clock[-1] + 1)
            cache.put_many("model", vectors(*range(start, start + 50)))
            with closing(sqlite3.connect(path)) as sql:
                count, told = sql.execute(
                    "SELECT count(*), (SELECT bytes FROM size) FROM vectors"
                ).fetchone()
            assert told == count * ROW <= limit
        assert numbers_in(cache, "model", 2_000) >= set(range(1_950, 2_000))


def test_what_was_just_put_in_is_not_the_oldest(path: Path) -> None:
    """Also when all were put in within one second."""
    with closing(EmbeddingCache(path, 10 * ROW)) as cache:
        for number in range(30):
            cache.put_many("model", vectors(number))
            assert number in numbers_in(cache, "model", 30), f"{number} was dropped at once"


def test_a_put_beyond_the_limit_does_not_fail(path: Path) -> None:
    with closing(EmbeddingCache(path, ROW)) as cache:
        cache.put_many("model", vectors(*range(50)))
        assert len(numbers_in(cache, "model", 50)) <= 1


def test_a_vector_that_is_there_is_not_counted_twice(cache: EmbeddingCache, path: Path) -> None:
    cache.put_many("model", vectors(1, 2))
    cache.put_many("model", vectors(2, 3))
    with closing(sqlite3.connect(path)) as sql:
        assert sql.execute("SELECT bytes FROM size").fetchone() == (3 * ROW,)


def test_several_threads_share_one_cache(cache: EmbeddingCache) -> None:
    errors = []

    def work(start: int) -> None:
        try:
            for number in range(start, start + 40):
                cache.put_many("model", vectors(number))
                assert cache.get_many("model", [key(number)])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 160, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert numbers_in(cache, "model", 160) == set(range(160))


WRITER = """
import hashlib, sys
from pathlib import Path
import numpy as np
from knowledge.storage.local.cache import EmbeddingCache

start = int(sys.argv[2])
cache = EmbeddingCache(Path(sys.argv[1]), 2**20)
for number in range(start, start + 100):
    key = hashlib.sha256(str(number).encode()).digest()
    cache.put_many("model", {key: np.full(64, number / 7, np.float32)})
cache.close()
"""


def test_two_processes_share_one_cache(cache: EmbeddingCache, path: Path, tmp_path: Path) -> None:
    env = programs.environment(tmp_path)
    # They overlap by half: some vectors come from both.
    lines = [[sys.executable, "-c", WRITER, str(path), str(start)] for start in (0, 50)]
    writers = [subprocess.Popen(line, env=env, stderr=subprocess.PIPE, text=True) for line in lines]
    try:
        for writer in writers:
            _, err = writer.communicate(timeout=programs.LIMIT)
            assert writer.returncode == 0, err
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert numbers_in(cache, "model", 150) == set(range(150))
    found = cache.get_many("model", [key(number) for number in range(150)])
    for number in range(150):
        np.testing.assert_array_equal(found[key(number)], vector(number))


def test_garbage_is_no_cache(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage" * 1_000)
    with pytest.raises(DamagedStoreError):
        EmbeddingCache(path, MIB)
