"""An index of which more than 30 % is dead is built afresh; ids and vectors stay right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.knowledge_base import KnowledgeBase
from knowledge.storage.local.vectors.chroma import ChromaIndex
from tests.durability import programs
from tests.durability.invariants import check_clean, open_catalog, vector_ids


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.open(tmp_path / "data", chunk_size=40, chunk_overlap=0) as opened:
        yield opened


@pytest.fixture
def rebuilds(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note each time that an index is built afresh."""
    noted: list[bool] = []
    real = ChromaIndex.rebuild

    def rebuild(index, ids):
        noted.append(True)
        real(index, ids)

    monkeypatch.setattr(ChromaIndex, "rebuild", rebuild)
    return noted


def dead(data: Path) -> int:
    with open_catalog(data) as sql:
        return int(sql.execute("SELECT dead FROM datasets").fetchone()[0])


def live(data: Path) -> int:
    return len(vector_ids(data))


@pytest.mark.slow
def test_dead_vectors_are_counted_until_they_are_too_many(
    tmp_path: Path, kb: KnowledgeBase, rebuilds: list[bool]
) -> None:
    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", 10, 10, seed=0)
    kb.ingest(docs)
    assert (dead(data), live(data)) == (0, 100)
    expected = 0
    for version in range(1, 9):
        programs.write_folder(docs, 1, 10, seed=version)
        report = kb.ingest(docs)
        assert (report.chunks_added, report.chunks_removed) == (10, 10)
        expected += 10
        rebuilt = expected > 0.3 * (100 + expected)
        if rebuilt:
            expected = 0
        assert bool(rebuilds) == rebuilt
        rebuilds.clear()
        assert dead(data) == expected
        state = check_clean(data)
        texts = {text for _, text in state.texts}
        assert len(texts) == 100
        assert sum(text.split(":")[0].endswith(f"-{version}") for text in texts) == 10


@pytest.mark.slow
def test_answers_are_the_same_after_a_rebuild(
    tmp_path: Path, kb: KnowledgeBase, rebuilds: list[bool]
) -> None:
    docs = programs.write_folder(tmp_path / "docs", 4, 10, seed=0)
    kb.ingest(docs)
    programs.write_folder(docs, 3, 10, seed=1)
    kb.ingest(docs)
    assert rebuilds == [True]
    check_clean(tmp_path / "data")
    with KnowledgeBase.open(tmp_path / "fresh", chunk_size=40, chunk_overlap=0) as fresh:
        fresh.ingest(docs)
        question = "amber basil cedar"
        expected = [(hit.text, round(hit.cosine, 4)) for hit in fresh.retrieve(question)]
    assert [(hit.text, round(hit.cosine, 4)) for hit in kb.retrieve(question)] == expected


def test_all_files_go_and_others_come(tmp_path: Path, kb: KnowledgeBase) -> None:
    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", 3, 4, seed=0)
    kb.ingest(docs)
    for path in docs.iterdir():
        path.unlink()
    report = kb.ingest(docs, prune=True)
    assert report.chunks_removed == 12
    assert (check_clean(data).files, live(data), dead(data)) == ({}, 0, 0)
    assert kb.retrieve("amber") == []
    programs.write_folder(docs, 2, 4, seed=5)
    kb.ingest(docs)
    assert (len(check_clean(data).files), live(data)) == (2, 8)
    assert len(kb.retrieve("amber", top_k=20)) == 8


@pytest.mark.slow
def test_force_writes_every_vector_again(tmp_path: Path, kb: KnowledgeBase) -> None:
    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", 3, 4, seed=0)
    kb.ingest(docs)
    before = check_clean(data)
    for _ in range(3):
        report = kb.ingest(docs, force=True)
        assert (report.chunks_added, report.chunks_removed) == (12, 0)
        assert check_clean(data).files == before.files


@pytest.mark.slow
def test_deleting_single_files(tmp_path: Path, kb: KnowledgeBase) -> None:
    data, docs = tmp_path / "data", programs.write_folder(tmp_path / "docs", 4, 5, seed=0)
    kb.ingest(docs)
    for left, name in ((15, "file0.txt"), (10, "file1.txt"), (5, "file2.txt"), (0, "file3.txt")):
        kb.files.delete(str(docs / name))
        assert len(check_clean(data).texts) == live(data) == left
        assert dead(data) <= 0.3 * (left + dead(data))


def test_generations_that_change_no_vector_share_a_folder(
    tmp_path: Path, kb: KnowledgeBase
) -> None:
    data, docs = tmp_path / "data", tmp_path / "docs"
    text = "A first paragraph.\n\nA second paragraph."
    programs.write_text(docs / "one.txt", text)
    kb.ingest(docs)
    # The same chunk at another place: rows change, vectors do not.
    programs.write_text(docs / "one.txt", "\n\n\n" + text, age=30)
    report = kb.ingest(docs)
    assert (report.embedded, report.chunks_reused) == (0, 1)
    state = check_clean(data)
    assert state.generation == 2
    assert kb.datasets.get("default").vectors == 1
    assert kb.retrieve("paragraph")[0].chunk.passage.line_start == 4
    programs.write_text(docs / "two.txt", "Another file.")
    kb.ingest(docs)
    assert check_clean(data).generation == kb.datasets.get("default").vectors == 3
