"""A write run: what is staged is not seen, what is published is, and what is dropped never was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import DamagedStoreError, DatasetNotFoundError, LockedError
from knowledge.model import EmbedderSpec, Passage, SourceFile, SplitterSpec
from knowledge.storage.changes import FileChange, diff_chunks
from knowledge.storage.identity import identify
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.vectors.chroma import ChromaIndex
from knowledge.storage.relational.write_run import MAX_DEAD_SHARE, WriteRun, open_write_run
from tests.durability.invariants import check_clean, published, vector_ids, vectors

EMBEDDING, SPLITTER = EmbedderSpec("test", "model", 2), SplitterSpec()
NAME = "default"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def catalog(data: Path) -> Iterator[Catalog]:
    with Catalog(DataFolder(data)) as opened:
        opened.ensure(NAME)
        yield opened


def begin(
    catalog: Catalog, name: str = NAME, timeout: float = 5.0
) -> AbstractContextManager[WriteRun]:
    return open_write_run(catalog, name, lock_timeout=timeout, notify=lambda _: None)


def file(path: str, *texts: str) -> SourceFile:
    return SourceFile(
        id=f"id-{path}",
        path=f"/docs/{path}",
        name=path,
        size=10,
        mtime_ns=1,
        content_hash=f"hash of {texts}",
        chunks=len(texts),
        tokens=len(texts),
        metadata={},
        given={},
        ingested_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def change(path: str, *texts: str, stored: Sequence[str] = ()) -> FileChange:
    """Return a file with these chunks, where those of ``stored`` are there already."""
    of = file(path, *texts)
    diff = diff_chunks(_chunks(of, stored), _chunks(of, texts))
    angles = np.array([len(chunk.passage.text) for chunk in diff.added], np.float32)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1) if len(angles) else None
    return FileChange(of, diff, vectors, {})


def _chunks(of: SourceFile, texts: Sequence[str]):
    return identify(
        of.id,
        [Passage(n, text, char_start=0, char_end=len(text)) for n, text in enumerate(texts)],
    )


def texts(data: Path) -> dict[str, list[str]]:
    """Return the published texts by file name."""
    return {
        Path(path).name: [row[3] for row in rows] for path, rows in published(data).files.items()
    }


def write(catalog: Catalog, *changes: FileChange) -> None:
    with begin(catalog) as run:
        for one in changes:
            run.write_file(one)
        run.publish(EMBEDDING, SPLITTER)


def test_what_is_staged_is_seen_once_it_is_published(catalog: Catalog, data: Path) -> None:
    with begin(catalog) as run:
        run.write_file(change("a.md", "one", "two"))
        assert published(data).files == {}
        dataset = run.publish(EMBEDDING, SPLITTER)
        assert (dataset.generation, dataset.files, dataset.chunks) == (1, 1, 2)
        assert (dataset.embedding, dataset.splitter) == (EMBEDDING, SPLITTER)
        assert texts(data) == {"a.md": ["one", "two"]}
    check_clean(data)


def test_of_a_file_that_is_written_twice_the_last_counts(catalog: Catalog, data: Path) -> None:
    write(
        catalog,
        change("a.md", "one"),
        change("b.md", "other"),
        change("a.md", "one", "two", stored=("one",)),
    )
    assert texts(data) == {"a.md": ["one", "two"], "b.md": ["other"]}
    check_clean(data)


def test_nothing_to_publish_makes_no_generation(catalog: Catalog) -> None:
    with begin(catalog) as run:
        assert run.publish(EMBEDDING, SPLITTER).generation == 0


def test_what_was_not_published_is_dropped(catalog: Catalog, data: Path) -> None:
    write(catalog, change("a.md", "one"))
    with pytest.raises(LookupError), begin(catalog) as run:
        run.write_file(change("b.md", "two"))
        run.remove_file(file("a.md", "one"))
        raise LookupError
    assert texts(data) == {"a.md": ["one"]}
    check_clean(data)


def test_a_run_that_was_killed_is_swept_by_the_next(catalog: Catalog, data: Path) -> None:
    write(catalog, change("a.md", "one"))
    killed = WriteRun(catalog, catalog.dataset(NAME))
    killed.remove_file(file("a.md", "one"))  # staged in the catalog and in a candidate folder
    assert DataFolder(data).candidate(killed.dataset.key).exists()
    with begin(catalog):
        assert texts(data) == {"a.md": ["one"]}
    killed.drop()
    check_clean(data)


def test_a_changed_file_keeps_the_vectors_of_its_kept_chunks(catalog: Catalog, data: Path) -> None:
    write(catalog, change("a.md", "one", "two"))
    before = vectors(data)
    write(catalog, change("a.md", "two", "three", stored=["one", "two"]))
    assert texts(data) == {"a.md": ["two", "three"]}
    after = vectors(data)
    assert len(before.keys() & after.keys()) == 1
    assert all(after[id] == before[id] for id in before.keys() & after.keys())
    check_clean(data)


def test_a_removed_file_goes_with_its_chunks_and_vectors(catalog: Catalog, data: Path) -> None:
    write(catalog, change("a.md", "one", "two"), change("b.md", "three"))
    with begin(catalog) as run:
        assert run.remove_file(file("a.md")) == 2
        run.publish(EMBEDDING, SPLITTER)
    assert texts(data) == {"b.md": ["three"]}
    assert len(vector_ids(data)) == 1
    check_clean(data)


def test_touching_a_file_makes_no_generation(catalog: Catalog, data: Path) -> None:
    write(catalog, change("a.md", "one"))
    with begin(catalog) as run:
        run.touch_file(replace(file("a.md", "one"), given={"team": "desk"}))
        run.publish(EMBEDDING, SPLITTER)
    with catalog.snapshot() as snapshot:
        (stored,) = snapshot.files(snapshot.dataset(NAME))
    assert stored.given == {"team": "desk"}
    assert published(data).generation == 1


def test_a_file_that_is_touched_before_it_is_written_keeps_both(
    catalog: Catalog, data: Path
) -> None:
    with begin(catalog) as run:
        run.write_file(change("a.md", "one"))
        run.touch_file(replace(file("a.md", "one"), given={"team": "desk"}))
        run.publish(EMBEDDING, SPLITTER)
    with catalog.snapshot() as snapshot:
        (stored,) = snapshot.files(snapshot.dataset(NAME))
    assert stored.given == {"team": "desk"}
    assert texts(data) == {"a.md": ["one"]}


def test_several_publishes_of_one_run(catalog: Catalog, data: Path) -> None:
    with begin(catalog) as run:
        for number in range(3):
            run.write_file(change(f"{number}.md", f"text {number}"))
            assert run.publish(EMBEDDING, SPLITTER).generation == number + 1
    assert len(check_clean(data).files) == 3


def test_deleted_vectors_do_not_pile_up(catalog: Catalog, data: Path) -> None:
    """The index is built afresh before too many of its vectors are dead."""
    write(catalog, *(change(f"{n}.md", f"text {n}", f"more {n}") for n in range(10)))

    def remove(*numbers: int) -> int:
        """Remove files; return how many dead vectors the index carries."""
        with begin(catalog) as run:
            for number in numbers:
                run.remove_file(file(f"{number}.md"))
            run.publish(EMBEDDING, SPLITTER)
        (row,) = catalog.connection.execute("SELECT dead FROM datasets")
        return int(row["dead"])

    assert remove(0) == 2 <= MAX_DEAD_SHARE * 20
    assert remove(*range(1, 9)) == 0
    assert len(vector_ids(data)) == 2
    check_clean(data)


def test_an_index_that_lost_vectors_is_not_published(
    catalog: Catalog, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(catalog, change("a.md", "one"))
    with monkeypatch.context() as patch:
        patch.setattr(ChromaIndex, "flush", lambda _: 2)
        with pytest.raises(DamagedStoreError, match="3 chunks but 2 vectors"):
            write(catalog, change("b.md", "two", "three"))
    assert texts(data) == {"a.md": ["one"]}
    check_clean(data)


def test_one_writer_at_a_time(catalog: Catalog, data: Path) -> None:
    with (
        begin(catalog),
        Catalog(DataFolder(data)) as other,
        pytest.raises(LockedError),
        begin(other, timeout=0.0),
    ):
        pass


def test_a_dataset_that_is_not_there(catalog: Catalog) -> None:
    with pytest.raises(DatasetNotFoundError), begin(catalog, "nowhere"):
        pass
