"""Chroma's native part alone gives, and writes, what its public client does."""

import sqlite3
from contextlib import closing
from importlib.metadata import version

import numpy as np
import pytest

from knowledge.errors import DamagedStoreError
from knowledge.storage.local.vectors import chroma, native
from knowledge.storage.local.vectors.chroma import ChromaIndex, waiting
from knowledge.storage.local.vectors.reader import open_reader


def unit(shape, seed):
    vectors = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def public(folder, **options):
    """Return an index that is opened through Chroma's public client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "TESTED", frozenset({"0.0.1"}))
        return ChromaIndex(folder, **options)


def fill(index):
    index.add([f"{number:032x}" for number in range(2_000)], unit((2_000, 32), 1))
    index.delete([f"{number:032x}" for number in range(0, 2_000, 7)])
    return index


@pytest.fixture(scope="module", params=["native", "public"])
def folder(request, tmp_path_factory):
    """A folder that was written by either way."""
    folder = tmp_path_factory.mktemp("index") / "g000001"
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "public":
            patch.setattr(native, "TESTED", frozenset({"0.0.1"}))
        fill(ChromaIndex(folder, create=True)).flush()
    return folder


@pytest.fixture
def both(folder):
    one, other = public(folder), ChromaIndex(folder)
    assert {type(index._parts[-1]._client).__name__ for index in (one, other)} == {
        "Client",
        "NativeClient",
    }
    yield one, other
    one.close()
    other.close()


@pytest.mark.slow
def test_either_way_writes_the_same(tmp_path):
    ways = {"native": ChromaIndex, "public": public}
    found, settings = {}, {}
    for way, opened in ways.items():
        folder = tmp_path / way
        index = fill(opened(folder, create=True))
        index.add(["one more"], unit((1, 32), 5))
        assert index.flush() == 1_715  # 286 of 2,000 were deleted
        with closing(sqlite3.connect(folder / "chroma.sqlite3")) as sql:
            settings[way] = sql.execute(
                "SELECT name, dimension, config_json_str FROM collections"
            ).fetchall()
        with ChromaIndex(folder) as written:
            pages = written.vectors([*(f"{number:032x}" for number in range(2_000)), "one more"])
            found[way] = {
                id: vector.tolist()
                for ids, vectors in pages
                for id, vector in zip(ids, vectors, strict=True)
            }
    assert settings["native"] == settings["public"]
    assert len(found["native"]) == 1_715
    assert found["native"] == found["public"]  # the graphs differ: threads build them


@pytest.mark.parametrize("vectors", [1, 2])
def test_a_few_vectors_are_written_out(tmp_path, vectors):
    ChromaIndex(tmp_path, create=True).close()
    index = ChromaIndex(tmp_path)
    index.add([str(number) for number in range(vectors)], unit((vectors, 8), 3))
    assert index.flush() == vectors
    assert list(tmp_path.rglob("data_level0.bin"))
    with public(tmp_path) as other:
        assert len(other.search(unit(8, 4), 5)) == vectors


@pytest.mark.parametrize("way", [ChromaIndex, public])
@pytest.mark.parametrize("count", [2, 49, 50, 51, 99, 100, 130])
def test_all_is_written_out_wherever_the_graph_was_last(tmp_path, monkeypatch, count, way):
    monkeypatch.setattr(chroma, "SYNC_THRESHOLD", 50)
    monkeypatch.setattr(chroma, "WRITTEN_AT_ONCE", 20)
    vectors = unit((count, 8), count)
    ids = [str(number) for number in range(count)]
    index = way(tmp_path, create=True)
    for start in range(0, count, 7):
        index.add(ids[start : start + 7], vectors[start : start + 7])
    index.delete([ids[0], "none"])
    index.add([ids[1]], vectors[:1])
    assert index.flush() == count - 1
    assert not waiting(tmp_path)
    vectors[1] = vectors[0]
    with ChromaIndex(tmp_path) as written:
        [(found, rows)] = written.vectors(ids)
    order = [found.index(id) for id in ids[1:]]
    np.testing.assert_allclose(rows[order], vectors[1:], atol=1e-6)


def test_few_vectors_are_put_into_the_graph_once(tmp_path, monkeypatch):
    opened = []
    first = native.NativeClient
    monkeypatch.setattr(native, "NativeClient", lambda path: opened.append(path) or first(path))
    index = ChromaIndex(tmp_path, create=True)
    for start in range(0, 90, 30):
        index.add([str(start + number) for number in range(30)], unit((30, 8), start))
    assert index.flush() == 90
    assert opened == [tmp_path]  # what is opened again puts in again what was not written out


@pytest.mark.parametrize("top_k", [1, 10, 500, 5_000])
@pytest.mark.parametrize("seed", range(5))
def test_the_same_hits_with_the_same_scores(both, seed, top_k):
    public, short = both
    query = unit(32, seed)
    assert short.search(query, top_k) == public.search(query, top_k)


def test_the_same_vectors(both):
    ids = [f"{number:032x}" for number in (1, 2, 7, 1999, 5_000)]  # 7 is deleted, 5,000 never was
    found = []
    for index in both:
        ((names, vectors),) = index.vectors(ids)
        assert vectors.dtype == np.float32
        found.append(dict(zip(names, vectors.tolist(), strict=True)))
    assert sorted(found[0]) == sorted([ids[0], ids[1], ids[3]])
    assert found[0] == found[1]


def test_no_vectors_at_all(both):
    for index in both:
        assert list(index.vectors(["nothing"])) == []


def test_the_short_way_is_taken_for_the_versions_it_was_tested_with():
    assert version("chromadb") in native.TESTED
    assert native.installed_version() == version("chromadb")


def test_a_folder_without_an_index(tmp_path):
    with pytest.raises(DamagedStoreError, match="holds no index"):
        open_reader(tmp_path / "g000001")
    assert not (tmp_path / "g000001").exists()


def test_a_damaged_index(tmp_path):
    (tmp_path / "chroma.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(DamagedStoreError, match="damaged"):
        open_reader(tmp_path)
