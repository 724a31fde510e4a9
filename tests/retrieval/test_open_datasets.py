"""Knowledge bases of one process share what they open of a dataset, one generation at a time."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from knowledge import KnowledgeBase
from knowledge.retrieval.search import open_datasets
from knowledge.storage.columns import ChunkColumns
from tests.conftest import write_files

QUESTION = "When must I rotate the signing key?"


@pytest.fixture
def counted(monkeypatch):
    """Count what is opened and read: {"indexes": n, "columns": n}."""
    counts = {"indexes": 0, "columns": 0}
    opened, read = open_datasets.open_vectors, ChunkColumns.__init__

    def open_vectors(*arguments):
        counts["indexes"] += 1
        return opened(*arguments)

    def init(self, snapshot, dataset, before=None):
        counts["columns"] += 1
        read(self, snapshot, dataset, before)

    monkeypatch.setattr(open_datasets, "open_vectors", open_vectors)
    monkeypatch.setattr(ChunkColumns, "__init__", init)
    return counts


@pytest.fixture
def bases(library, data_dir):
    with ExitStack() as stack:
        yield [stack.enter_context(KnowledgeBase.open(data_dir)) for _ in range(4)]


def first_names(bases):
    """Ask all at once."""
    together = threading.Barrier(len(bases), timeout=60)

    def ask(kb):
        together.wait()
        return kb.retrieve(QUESTION)[0].name

    with ThreadPoolExecutor(len(bases)) as pool:
        return set(pool.map(ask, bases))


def test_a_generation_is_opened_once(bases, counted, tmp_path):
    assert first_names(bases) == {"keys.md"}
    assert counted == {"indexes": 1, "columns": 1}
    write_files(tmp_path / "more", {"rotate.md": f"# {QUESTION}\n\n{QUESTION}"})
    bases[0].ingest(tmp_path / "more")
    assert first_names(bases) == {"rotate.md"}
    assert counted == {"indexes": 2, "columns": 2}


def test_a_change_of_a_file_alone_reads_no_chunk_again(bases, counted, monkeypatch):
    first_names(bases)
    ids = ChunkColumns._all_ids
    bases[0].files.edit("keys.md", {"team": "ops"})
    assert counted == {"indexes": 1, "columns": 1}
    found = bases[1].retrieve(QUESTION, where={"team": "ops"})
    assert {hit.name for hit in found} == {"keys.md"}
    assert counted == {"indexes": 1, "columns": 2}
    assert ids is ChunkColumns._all_ids


def test_what_nobody_uses_any_more_is_closed(bases, data_dir, tmp_path):
    of_others = set(open_datasets._open)  # knowledge bases that the tests of a session share
    first_names(bases)
    assert set(open_datasets._open) - of_others
    write_files(tmp_path / "more", {"a.txt": "apples"})
    for number in range(3):
        write_files(tmp_path / "more", {"a.txt": f"apples {number}"})
        bases[0].ingest(tmp_path / "more", force=True)
    bases[0].retrieve(QUESTION)  # the others asked only before
    write_files(tmp_path / "more", {"a.txt": "pears"})
    bases[0].ingest(tmp_path / "more", force=True)
    assert len([*data_dir.glob("datasets/*/g*")]) <= 2
    for kb in bases:
        kb.close()
    gc.collect()
    assert not set(open_datasets._open) - of_others


def test_another_folder_under_the_same_path_is_another(library, data_dir, tmp_path):
    with KnowledgeBase.open(data_dir) as one, KnowledgeBase.open(data_dir) as other:
        assert one.retrieve(QUESTION)[0].name == "keys.md"
        data_dir.rename(tmp_path / "aside")
        write_files(tmp_path / "more", {"b.txt": QUESTION})
        one.ingest(tmp_path / "more")
        assert [hit.name for hit in other.retrieve(QUESTION)] == ["b.txt"]
        assert [hit.name for hit in one.retrieve(QUESTION)] == ["b.txt"]
