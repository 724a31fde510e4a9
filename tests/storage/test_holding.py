"""Folders that somebody uses are not removed, and are when nobody does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from knowledge.errors import DamagedStoreError, LockedError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.holding import Hold, held_alone, remove_folder, remove_folders
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.upkeep.leftovers import leftovers
from knowledge.storage.local.vectors.reader import open_reader
from knowledge.storage.reports import remove_all
from tests.durability import programs
from tests.durability.invariants import check_clean

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows keeps folders with open files")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "file").write_text("text")
    return made


def test_a_folder_that_two_hold_goes_with_the_last_of_them(folder: Path) -> None:
    with Hold(folder) as one:
        with Hold(folder):
            assert not remove_folder(folder)
            one.release()
            assert not remove_folder(folder)
            assert (folder / "file").read_text() == "text"
        one.release()  # a second time
        assert remove_folder(folder)
    assert list(folder.parent.glob("removed-*")) == []
    assert remove_folder(folder), "it is gone already"


def test_a_hold_that_is_forgotten_holds_no_longer(folder: Path) -> None:
    hold = Hold(folder)
    assert not remove_folder(folder)
    del hold
    assert remove_folder(folder)


def test_a_dead_process_holds_nothing(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from knowledge.storage.local.holding import Hold;"
        "hold = Hold(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert not remove_folder(folder)
        process.kill()
    assert remove_folder(folder)


def test_what_is_held_alone_is_not_there_for_others(folder: Path) -> None:
    with held_alone(folder):
        with pytest.raises(FileNotFoundError):
            Hold(folder)
        with pytest.raises(LockedError):
            held_alone(folder).__enter__()
    Hold(folder).release()
    with pytest.raises(FileNotFoundError):
        Hold(folder.with_name("other"))


def test_a_folder_that_was_made_anew_meanwhile_is_held_itself(folder: Path) -> None:
    """Whoever waits for a folder that is removed must not hold the one that is gone."""
    alone = held_alone(folder)
    alone.__enter__()
    holds = []
    waiting = threading.Thread(target=lambda: holds.append(Hold(folder, patience=60)))
    waiting.start()
    (folder / "file").unlink()
    folder.rmdir()
    folder.mkdir()
    alone.__exit__(None, None, None)
    waiting.join(timeout=60)
    assert len(holds) == 1
    assert not remove_folder(folder)


def test_of_a_folder_of_folders_the_held_ones_stay(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
    with Hold(folder / "one"):
        assert not remove_folders(folder)
        assert [path.name for path in folder.iterdir()] == ["one"]
    assert remove_folders(folder)
    assert not folder.exists()


def ingest(data: Path, docs: Path, text: str) -> None:
    programs.write_text(docs / "one.txt", text)
    with KnowledgeBase.open(data) as kb:
        kb.ingest(docs)


@pytest.mark.slow
def test_a_reader_keeps_its_generation_whatever_is_published(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", tmp_path / "docs"
    ingest(data, docs, "The first text.")
    with Catalog(DataFolder(data)) as catalog:
        with catalog.snapshot() as snapshot:
            dataset = snapshot.dataset("default")
            [id] = snapshot.chunk_ids(dataset)
            reader = open_reader(catalog.folder.generation(dataset.key, dataset.vectors))
            for text in ("The second text.", "The third text.", "The fourth text."):
                ingest(data, docs, text)
            remove_all(list(leftovers(catalog)))
            [(ids, _)] = reader.vectors([id])
            assert ids == [id]
            with KnowledgeBase.open(data) as kb:
                kb.datasets.delete("default")
            assert [ids for ids, _ in reader.vectors([id])] == [[id]]
        reader.close()
        removed = remove_all(list(leftovers(catalog)))
        assert "orphan-folder" in {one.kind for one in removed}
        assert list((data / "datasets").iterdir()) == []


def test_a_read_whose_folder_goes_is_begun_anew_where_there_is_a_newer_one(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", tmp_path / "docs"
    ingest(data, docs, "The first text.")
    seen = []
    with Catalog(DataFolder(data)) as catalog:

        def read(snapshot):
            dataset = snapshot.dataset("default")
            seen.append(dataset.generation)
            if len(seen) == 1:
                ingest(data, docs, "The second text.")
                ingest(data, docs, "The third text.")
            reader = open_reader(catalog.folder.generation(dataset.key, dataset.vectors))
            reader.close()
            return [text for _, text in snapshot.texts(dataset)]

        assert catalog.read(read) == ["The third text."]
        assert seen == [1, 3]


def test_a_read_of_what_is_damaged_is_not_begun_anew(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", tmp_path / "docs"
    ingest(data, docs, "The first text.")
    calls = []
    with Catalog(DataFolder(data)) as catalog:

        def read(_snapshot):
            calls.append(1)
            raise DamagedStoreError("it is damaged")

        with pytest.raises(DamagedStoreError, match="it is damaged"):
            catalog.read(read)
    assert len(calls) == 1


def test_leftovers_that_were_listed_before_a_publish_are_none_of_it(tmp_path: Path) -> None:
    """Rows of the next generation were left by a kill, and it is published before they go."""
    data, docs = tmp_path / "data", tmp_path / "docs"
    ingest(data, docs, "The first text.")
    with Catalog(DataFolder(data)) as catalog:
        with catalog.transaction():
            catalog.connection.execute("UPDATE datasets SET staged = 1")
        found = list(leftovers(catalog))
        assert [one.kind for one in found] == ["staged-rows"]
        ingest(data, docs, "The second text.")
        with catalog.transaction():  # and one more run is killed
            catalog.connection.execute("UPDATE datasets SET staged = 1")
        remove_all(found)
    state = check_clean(data)
    assert [text for _, text in state.texts] == ["The second text."]


def test_a_reset_waits_for_readers_and_says_so(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", tmp_path / "docs"
    ingest(data, docs, "The first text.")
    with Catalog(DataFolder(data)), KnowledgeBase.open(data, lock_timeout=0.1) as kb:
        with pytest.raises(LockedError):
            kb.upkeep.reset()
    check_clean(data)
    with KnowledgeBase.open(data) as kb:
        kb.upkeep.reset()
    assert not data.exists()


def test_an_archive_that_is_asked_stays_until_it_was(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", tmp_path / "docs"
    ingest(data, docs, "The first text.")
    with KnowledgeBase.open(data, lock_timeout=0.1) as kb:
        kb.sharing.export("default", tmp_path / "one.zip")
        with kb.of_archive(tmp_path / "one.zip") as archived:
            assert [one.kind for one in kb.upkeep.remove_leftovers()] == []
            with pytest.raises(LockedError):
                kb.upkeep.reset()
            assert [hit.text for hit in archived.retrieve("text")] == ["The first text."]
        assert [one.kind for one in kb.upkeep.remove_leftovers()] == ["archive"]
