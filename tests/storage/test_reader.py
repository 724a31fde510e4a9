"""The short way to search an index gives what Chroma's public client gives."""

from importlib.metadata import version

import numpy as np
import pytest

from knowledge.errors import DamagedStoreError
from knowledge.storage.vectors import reader
from knowledge.storage.vectors.bindings import BindingsReader
from knowledge.storage.vectors.chroma import ChromaIndex
from knowledge.storage.vectors.reader import open_reader


def unit(shape, seed):
    vectors = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "g000001"
    with ChromaIndex(folder, create=True) as index:
        index.add([f"{number:032x}" for number in range(2_000)], unit((2_000, 32), 1))
        index.delete([f"{number:032x}" for number in range(0, 2_000, 7)])
        index.flush()
    return folder


@pytest.fixture
def both(folder):
    public, short = ChromaIndex(folder), BindingsReader(folder)
    yield public, short
    public.close()
    short.close()


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
        assert [len(names) for names, _ in index.vectors(["nothing"])] == [0]


def test_the_short_way_is_taken_for_the_versions_it_was_tested_with(folder, monkeypatch):
    assert version("chromadb") in reader.TESTED
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "TESTED", frozenset({"0.0.1"}))
        other = open_reader(folder)
    own = open_reader(folder)
    assert (type(own), type(other)) == (BindingsReader, ChromaIndex)
    query = unit(32, 9)
    assert own.search(query, 5) == other.search(query, 5)
    own.close()
    other.close()


def test_a_folder_without_an_index(tmp_path):
    with pytest.raises(DamagedStoreError, match="holds no index"):
        open_reader(tmp_path / "g000001")
    assert not (tmp_path / "g000001").exists()


def test_a_damaged_index(tmp_path):
    (tmp_path / "chroma.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(DamagedStoreError, match="damaged"):
        open_reader(tmp_path)
