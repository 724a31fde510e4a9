"""A snapshot shows one state, whatever writers do meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.errors import DatasetNotFoundError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.storage.columns import ChunkColumns
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.catalog.snapshot import Snapshot
from knowledge.storage.local.layout import DataFolder
from tests.durability import programs


def ingest(data: Path, docs: Path, **options: object) -> None:
    with KnowledgeBase.open(data) as kb:
        kb.ingest(docs, prune=True, **options)


def state(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return (file name, chunk text) of all that a snapshot shows."""
    dataset = snapshot.dataset("default")
    return [
        (file.name, chunk.passage.text)
        for file in snapshot.files(dataset)
        for chunk in snapshot.chunks_of_file(dataset, file.id)
    ]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    programs.write_text(tmp_path / "docs" / "one.txt", "The old text of one.")
    programs.write_text(tmp_path / "docs" / "two.txt", "The text of two.")
    return tmp_path / "docs"


OLD = [("one.txt", "The old text of one."), ("two.txt", "The text of two.")]
NEW = [("one.txt", "The new text of one."), ("three.txt", "The text of three.")]


def change(docs: Path) -> None:
    programs.write_text(docs / "one.txt", "The new text of one.", age=30)
    programs.write_text(docs / "three.txt", "The text of three.")
    (docs / "two.txt").unlink()


def test_a_snapshot_from_before_a_publish_sees_the_old(tmp_path: Path, docs: Path) -> None:
    data = tmp_path / "data"
    ingest(data, docs)
    with Catalog(DataFolder(data)) as catalog:
        with catalog.snapshot() as snapshot:
            dataset = snapshot.dataset("default")
            change(docs)
            ingest(data, docs)
            assert state(snapshot) == OLD
            assert snapshot.file(dataset, path=str(docs / "two.txt")) is not None
            assert snapshot.file(dataset, path=str(docs / "three.txt")) is None
            columns = ChunkColumns(snapshot, dataset)
            assert columns.where_text(snapshot, lambda text: "old" in text).sum() == 1
            assert columns.where_text(snapshot, lambda text: "new" in text).sum() == 0
            assert len(columns.chunks_with(snapshot, "old")) == 1
            assert len(columns.chunks_with(snapshot, "new")) == 0
            assert catalog.folder.generation(dataset.key, dataset.vectors).is_dir()
        with catalog.snapshot() as snapshot:
            assert state(snapshot) == NEW


def test_a_dataset_from_before_a_publish_shows_its_own_generation(
    tmp_path: Path, docs: Path
) -> None:
    """A reader that looked up the dataset before a publish and its chunks after it."""
    data = tmp_path / "data"
    ingest(data, docs)
    with Catalog(DataFolder(data)) as catalog:
        before = catalog.dataset("default")
        change(docs)
        ingest(data, docs)
        with catalog.snapshot() as snapshot:
            files = list(snapshot.files(before))
            assert [file.name for file in files] == ["one.txt", "two.txt"]
            chunks = snapshot.chunks_of_file(before, files[0].id)
            assert [chunk.passage.text for chunk in chunks] == ["The old text of one."]
            by_id = snapshot.files_by_id(before, [file.id for file in files])
            assert len(by_id) == 2
            assert by_id[files[0].id].content_hash == files[0].content_hash


def test_a_snapshot_outlives_the_deletion_of_its_dataset(tmp_path: Path, docs: Path) -> None:
    data = tmp_path / "data"
    ingest(data, docs)
    with Catalog(DataFolder(data)) as catalog:
        with catalog.snapshot() as snapshot:
            snapshot.dataset("default")
            with KnowledgeBase.open(data) as kb:
                kb.datasets.delete("default")
            assert state(snapshot) == OLD
        with catalog.snapshot() as snapshot, pytest.raises(DatasetNotFoundError):
            snapshot.dataset("default")
        for table in ("files", "chunks"):
            left = catalog.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            assert left == 0


@pytest.mark.slow
def test_many_ids_are_looked_up_in_pages(tmp_path: Path) -> None:
    docs = programs.write_folder(tmp_path / "docs", 1, 3, seed=1)
    ingest(tmp_path / "data", docs)
    with Catalog(DataFolder(tmp_path / "data")) as catalog, catalog.snapshot() as snapshot:
        dataset = snapshot.dataset("default")
        [file] = snapshot.files(dataset)
        chunks = snapshot.chunks_of_file(dataset, file.id)
        ids = [f"missing{number}" for number in range(40_000)] + [chunk.id for chunk in chunks]
        assert set(snapshot.chunks(dataset, ids)) == {chunk.id for chunk in chunks}
