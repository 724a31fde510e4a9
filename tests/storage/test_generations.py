"""The folders of a dataset's generations."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import DamagedStoreError, KnowledgeError
from knowledge.model import Dataset, EmbedderSpec, SplitterSpec
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.runs import generations
from knowledge.storage.local.vectors.checksums import NAME, check_whole
from knowledge.storage.local.vectors.chroma import ChromaIndex

KEY = "default-0123456789ab"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DATASET = Dataset("default", KEY, 0, 0, 0, 0, None, None, {"team": "desk"}, NOW, NOW)
EMBEDDING, SPLITTER = EmbedderSpec("test", "model", 2), SplitterSpec()


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


def publish(folder: DataFolder, number: int, *ids: str) -> Path:
    """Publish generation ``number``, made from the one before, with more vectors."""
    candidate = generations.prepare_candidate(folder, KEY, number - 1)
    with ChromaIndex(candidate, create=number == 1) as index:
        index.add(list(ids), np.ones((len(ids), 2), np.float32))
        index.flush()
    dataset = replace(DATASET, generation=number - 1)
    generations.publish_candidate(folder, dataset, EMBEDDING, SPLITTER)
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
    facts = generations.read_facts(publish(folder, 1, "a"))
    assert facts["key"] == KEY
    assert (facts["name"], facts["generation"]) == ("default", 1)
    assert (facts["provider"], facts["model"], facts["dimensions"]) == ("test", "model", 2)
    assert json.loads(facts["metadata"]) == {"team": "desk"}
    assert generations.read_facts(folder.root / "nowhere") == {}


def test_a_generation_of_another_dataset_is_not_built_upon(folder: DataFolder) -> None:
    published = publish(folder, 1, "a")
    assert generations.stranger_in(published, KEY, 1) == ""
    assert generations.stranger_in(published, "another", 1) == f"it belongs to {KEY!r}"
    published.rename(folder.generation(KEY, 2))
    with pytest.raises(DamagedStoreError, match="generation 1, not 2"):
        generations.prepare_candidate(folder, KEY, 2)
    assert not (folder.candidate(KEY) / "chroma.sqlite3").exists()


def test_a_generation_that_is_damaged_is_not_built_upon(folder: DataFolder) -> None:
    published = publish(folder, 1, "a")
    check_whole(published)
    graph = next(published.rglob("data_level0.bin"))
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(KnowledgeError):
        generations.prepare_candidate(folder, KEY, 1)


def test_checksums_and_facts_belong_to_one_generation(folder: DataFolder) -> None:
    publish(folder, 1, "a")
    candidate = generations.prepare_candidate(folder, KEY, 1)
    names = {path.name for path in candidate.iterdir()}
    assert not names & {NAME, generations.FACTS}


def test_sweeping_leaves_what_is_published_and_the_one_before(folder: DataFolder) -> None:
    for number in range(1, 5):
        publish(folder, number, f"{number}")
    generations.prepare_candidate(folder, KEY, 4)
    generations.sweep_folders(folder, KEY, 4)
    assert sorted(path.name for path in folder.dataset(KEY).iterdir()) == ["g000003", "g000004"]
    generations.sweep_folders(folder, "nowhere", 1)
