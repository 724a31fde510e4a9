"""The folders of a dataset's generations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import DamagedStoreError, KnowledgeError
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.vectors.checksums import NAME, check_whole
from knowledge.storage.local.vectors.chroma import ChromaIndex
from knowledge.storage.local.vectors.folders import FACTS, ChromaFolders, read_facts, stranger_in

KEY = "default-0123456789ab"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture
def index(folder: DataFolder) -> ChromaFolders:
    return ChromaFolders(folder, KEY)


def publish(folder: DataFolder, number: int, *ids: str) -> Path:
    """Publish generation ``number``, made from the one before, with more vectors."""
    index = ChromaFolders(folder, KEY)
    with index.candidate(number - 1) as candidate:
        candidate.add(list(ids), np.ones((len(ids), 2), np.float32))
        candidate.flush()
    index.publish(number, {"key": KEY, "name": "default", "generation": number})
    return folder.generation(KEY, number)


def stored_ids(generation: Path) -> list[str]:
    with ChromaIndex(generation) as index:
        return sorted(id for ids, _ in index.vectors(["a", "b", "c"]) for id in ids)


def test_a_generation_is_made_from_the_one_before_which_stays_as_it_is(folder: DataFolder) -> None:
    first = publish(folder, 1, "a", "b")
    second = publish(folder, 2, "c")
    assert stored_ids(second) == ["a", "b", "c"]
    assert stored_ids(first) == ["a", "b"]
    assert not folder.candidate(KEY).exists()


def test_a_generation_says_whose_it_is(folder: DataFolder) -> None:
    facts = read_facts(publish(folder, 1, "a"))
    assert (facts["key"], facts["name"], facts["generation"]) == (KEY, "default", 1)
    assert read_facts(folder.root / "nowhere") == {}


def test_a_generation_of_another_dataset_is_not_built_upon(
    folder: DataFolder, index: ChromaFolders
) -> None:
    published = publish(folder, 1, "a")
    assert stranger_in(published, KEY, 1) == ""
    assert stranger_in(published, "another", 1) == f"it belongs to {KEY!r}"
    published.rename(folder.generation(KEY, 2))
    with pytest.raises(DamagedStoreError, match="generation 1, not 2"):
        index.candidate(2)
    assert not (folder.candidate(KEY) / "chroma.sqlite3").exists()


def test_a_generation_that_is_damaged_is_not_built_upon(
    folder: DataFolder, index: ChromaFolders
) -> None:
    published = publish(folder, 1, "a")
    check_whole(published)
    graph = next(published.rglob("data_level0.bin"))
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(KnowledgeError):
        index.candidate(1)


def test_checksums_and_facts_belong_to_one_generation(
    folder: DataFolder, index: ChromaFolders
) -> None:
    publish(folder, 1, "a")
    with index.candidate(1):
        names = {path.name for path in folder.candidate(KEY).iterdir()}
    assert not names & {NAME, FACTS}


def test_sweeping_leaves_what_is_published_and_the_one_before(
    folder: DataFolder, index: ChromaFolders
) -> None:
    for number in range(1, 5):
        publish(folder, number, f"{number}")
    index.candidate(4).close()
    index.sweep(4)
    assert sorted(path.name for path in folder.dataset(KEY).iterdir()) == ["g000003", "g000004"]
    ChromaFolders(folder, "nowhere").sweep(1)
