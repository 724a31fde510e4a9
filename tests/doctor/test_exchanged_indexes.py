"""A dataset's folder with another's index in it: a sentence and exit code 7, and it is mended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import KnowledgeBase
from knowledge.storage.local.vectors.checksums import NAME, SQLITE, write_checksums
from knowledge.storage.local.vectors.chroma import ChromaIndex
from knowledge.storage.local.vectors.folders import FACTS
from tests.conftest import write_files

pytestmark = pytest.mark.slow

QUESTION = "amber"
WORDS = ("amber basil", "cedar dill", "elder fennel", "garlic hazel")
COMMANDS: tuple[tuple[Any, ...], ...] = (
    ("retrieve", QUESTION, "--mode", "dense"),
    ("retrieve", QUESTION, "--mode", "hybrid"),
    ("retrieve", QUESTION, "--mode", "dense", "--file", "0.txt"),
    ("similar", "1.txt"),
    ("export", "default", "--output", "out.zip"),
    ("export", "default", "--format", "jsonl", "--output", "out.jsonl"),
    ("copy-dataset", "default", "second"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets of as many chunks, and one of the same documents as the first; two generations.

    Nothing but their ids tells the first two apart.
    """
    home = tmp_path_factory.mktemp("made")
    for folder, mark in (("docs", "one"), ("others", "two")):
        write_files(home / folder, {f"{n}.txt": f"{w} {mark}\n" for n, w in enumerate(WORDS)})
    with KnowledgeBase.open(home / "data", embedding_cache_size=0) as kb:
        kb.ingest(home / "docs")
        write_files(home / "docs", {"0.txt": "amber and basil\n"})
        kb.ingest(home / "docs")
        kb.ingest(home / "others", "others")
        kb.ingest(home / "docs", "same")
    return home


@pytest.fixture
def data(made: Path, data_dir: Path) -> Path:
    shutil.copytree(made / "data", data_dir)
    return data_dir


def newest(data: Path, name: str) -> Path:
    return sorted(data.glob(f"datasets/{name}-*/g*"))[-1]


def put(source: Path, target: Path, *kept: str) -> None:
    """Put one folder's index in the place of another's, but some files."""
    for path in target.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in source.iterdir():
        if path.name not in kept:
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, target / path.name)


def another_dataset(data: Path, target: Path) -> None:
    put(newest(data, "others"), target)


def another_with_the_same_ids(data: Path, target: Path) -> None:
    put(newest(data, "same"), target)


def another_without_its_facts(data: Path, target: Path) -> None:
    put(newest(data, "others"), target, FACTS)


def the_older_generation(data: Path, target: Path) -> None:
    put(sorted(target.parent.glob("g*"))[-2], target)


def the_database_alone(data: Path, target: Path) -> None:
    shutil.copy2(newest(data, "others") / SQLITE, target / SQLITE)


def empty(data: Path, target: Path) -> None:
    put(target.parent, target, *(path.name for path in target.parent.iterdir()))


def made_anew(target: Path, vectors: dict[str, np.ndarray]) -> None:
    """Put an index in place that Chroma finds whole."""
    facts = (target / FACTS).read_bytes()
    shutil.rmtree(target)
    target.mkdir()
    index = ChromaIndex(target, create=True)
    if vectors:
        index.add(list(vectors), np.stack(list(vectors.values())))
    index.flush()
    write_checksums(target)
    (target / FACTS).write_bytes(facts)


def vectors_in(target: Path) -> dict[str, np.ndarray]:
    with KnowledgeBase.open(target.parents[2]) as kb:
        ids = [chunk.id for file in kb.files.list() for chunk in kb.files.get(file.id)[1]]
    with ChromaIndex(target) as index:
        found = {
            id: row for page, rows in index.vectors(ids) for id, row in zip(page, rows, strict=True)
        }
    return {id: found[id] for id in ids}


def other_dimensions(data: Path, target: Path) -> None:
    eye = np.eye(8, dtype=np.float32)
    made_anew(target, dict(zip(vectors_in(target), eye, strict=False)))


def too_few(data: Path, target: Path) -> None:
    made_anew(target, dict(list(vectors_in(target).items())[1:]))


def no_vectors(data: Path, target: Path) -> None:
    made_anew(target, {})


def another_collection(data: Path, target: Path) -> None:
    from chromadb import PersistentClient

    facts = (target / FACTS).read_bytes()
    shutil.rmtree(target)
    client = PersistentClient(str(target))
    client.create_collection("photos", embedding_function=None).add(
        ids=["a", "b"], embeddings=[[1.0, 0.0], [0.0, 1.0]]
    )
    client.close()
    (target / FACTS).write_bytes(facts)


QUICK = (another_dataset, another_with_the_same_ids, the_older_generation, other_dimensions)
SLOW = (
    another_without_its_facts,
    empty,
    too_few,
    no_vectors,
    another_collection,
)
WAYS = [*QUICK, *(pytest.param(way, marks=pytest.mark.slow) for way in SLOW)]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_each_command_says_so_and_the_doctor_mends_it(run, data, way):
    before = told(run("retrieve", QUESTION, "--mode", "dense", "--json"))
    way(data, newest(data, "default"))
    for command in COMMANDS:
        done = run(*command, "--json")
        assert done.code == 7, (command, done.out, done.err)
        error = done.json["error"]
        assert error["code"] == "store-damaged", command
        assert "knowledge doctor" in error["hint"], command
    found = run("doctor", "--json")
    assert found.code == 7
    damage = [one for one in found.json["findings"] if one["severity"] == "damage"]
    assert {(one["code"], one["subject"]) for one in damage} == {("index-damaged", "default")}
    assert run("doctor", "--fix").code == 0
    assert run("doctor").code == 0
    assert told(run("retrieve", QUESTION, "--mode", "dense", "--json")) == before


def test_a_foreign_database_beside_the_vectors_changes_no_answer(run, data):
    """A question reads the vectors alone; Chroma, and so the doctor, reads the database too."""
    asked = [("retrieve", QUESTION, "--mode", "dense", "--json"), ("similar", "1.txt", "--json")]
    before = [told(run(*line)) for line in asked]
    the_database_alone(data, newest(data, "default"))
    assert [told(run(*line)) for line in asked] == before
    assert run("doctor").code == 7
    assert run("doctor", "--fix").code == 0
    assert run("doctor").code == 0
    assert [told(run(*line)) for line in asked] == before


@pytest.mark.parametrize("way", [another_dataset, the_older_generation])
def test_an_ingest_does_not_publish_it(run, data, made, tmp_path, way):
    way(data, newest(data, "default"))
    write_files(tmp_path / "more", {"new.txt": "iris jasmine\n"})
    done = run("ingest", tmp_path / "more", "--json")
    assert done.code == 7
    assert done.json["error"]["code"] == "store-damaged"
    assert run("doctor", "--fix").code == 0
    assert run("ingest", tmp_path / "more").code == 0
    assert run("doctor").code == 0


def test_a_renamed_dataset_keeps_its_index(run, data):
    assert run("rename-dataset", "default", "renamed").code == 0
    assert run("retrieve", QUESTION, "-d", "renamed").code == 0
    assert run("doctor").code == 0


def test_an_index_that_says_nothing_of_itself_is_read(run, data):
    """An older version wrote it."""
    path = newest(data, "default") / FACTS
    facts = json.loads(path.read_bytes())
    del facts["key"]
    path.write_text(json.dumps(facts), encoding="utf-8")
    assert run("retrieve", QUESTION).code == 0
    path.unlink()
    assert run("retrieve", QUESTION).code == 0
    assert run("doctor").code == 0
    assert not (path.parent / NAME).is_dir()


def told(done) -> list[tuple[str, float]]:
    assert done.code == 0, done.err
    return [(hit["chunk_id"], round(hit["cosine"], 4)) for hit in done.json["hits"]]
