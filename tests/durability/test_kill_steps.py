"""SIGKILL at each step of a publish: before the catalog's commit nothing changed, after it all."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from knowledge.errors import DatasetNotFoundError
from knowledge.knowledge_base import KnowledgeBase
from tests.durability import programs
from tests.durability.dying_writer import DyingWriter
from tests.durability.invariants import Published, check_clean, check_readable, same_content

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows"),
]

STORAGE = "knowledge.storage.local"
FOLDERS = f"{STORAGE}.vectors.folders"
VERSIONS = f"{FOLDERS}:ChromaFolders"
INDEX = f"{STORAGE}.vectors.chroma:ChromaIndex"
STAGING = f"{STORAGE}.catalog.staging:LocalStaging"
RUN = "knowledge.storage.relational.write_run:WriteRun"

Step = tuple[str, str, int]
"""(target, before or after, which call)."""

UNPUBLISHED: list[Step] = [
    (f"{STORAGE}.lock:write_holder", "before", 1),
    (f"{STORAGE}.lock:write_holder", "after", 1),
    (f"{RUN}.sweep", "before", 1),
    (f"{RUN}.sweep", "after", 1),
    (f"{VERSIONS}.sweep", "before", 1),
    (f"{VERSIONS}.sweep", "after", 1),
    ("shutil:rmtree", "before", 1),
    ("shutil:rmtree", "after", 1),
    (f"{STAGING}.write_files", "before", 1),
    (f"{STAGING}.write_files", "after", 1),
    (f"{STAGING}.remove_file", "before", 1),
    (f"{STAGING}.remove_file", "after", 1),
    (f"{VERSIONS}._prepared", "before", 1),
    (f"{VERSIONS}._prepared", "after", 1),
    (f"{FOLDERS}:copy_index", "before", 1),
    (f"{FOLDERS}:copy_index", "after", 1),
    (f"{FOLDERS}:_copy_file", "before", 1),
    (f"{FOLDERS}:_copy_file", "after", 1),
    (f"{INDEX}.add", "before", 1),
    (f"{INDEX}.add", "after", 1),
    (f"{INDEX}.delete", "before", 1),
    (f"{INDEX}.delete", "after", 1),
    (f"{INDEX}.flush", "before", 1),
    (f"{STORAGE}.vectors.chroma:_open", "after", 2),  # in the middle of the flush
    (f"{INDEX}.flush", "after", 1),
    (f"{VERSIONS}.publish", "before", 1),
    (f"{FOLDERS}:sync", "after", 1),
    ("pathlib:Path.rename", "before", 1),  # on the disk, but without its name
    ("pathlib:Path.rename", "after", 1),
    (f"{VERSIONS}.publish", "after", 1),
    (f"{STAGING}.publish", "before", 1),
    (f"{STAGING}._count", "after", 2),  # inside the transaction
]
PUBLISHED: list[Step] = [
    (f"{STAGING}.publish", "after", 1),
    (f"{RUN}.sweep", "before", 2),
    (f"{STAGING}.sweep", "after", 2),
    (f"{VERSIONS}.sweep", "before", 2),
    (f"{VERSIONS}.sweep", "after", 2),
    (f"{RUN}.drop", "before", 1),
]
REBUILD: list[Step] = [
    (f"{INDEX}.rebuild", "before", 1),
    (f"{INDEX}.vectors", "before", 1),
    (f"{INDEX}.add", "after", 2),
    ("pathlib:Path.rename", "before", 1),  # the old candidate is gone, the fresh one unnamed
    ("pathlib:Path.rename", "after", 1),
    (f"{INDEX}.rebuild", "after", 1),
]


def name_of(step: Step) -> str:
    target, moment, number = step
    return f"{moment} {target.rpartition(':')[2]} {number}"


@dataclass(frozen=True)
class Scene:
    """A dataset with some history, and documents that changed since its last publish."""

    docs: Path
    base: Path
    before: Published
    after: Published


def make_scene(home: Path, *, rewritten: int) -> Scene:
    """Publish three generations, then change ``rewritten`` of six files, and more."""
    docs, base = home / "docs", home / "base"
    programs.write_folder(docs, 6, 4, seed=1)
    ingest(base, docs)
    for version in ("second", "third"):
        programs.write_text(docs / "early.txt", f"The {version} version of an early document.")
        ingest(base, docs)
    before = check_clean(base)
    assert before.generation == 3

    programs.write_folder(docs, rewritten, 4, seed=2)
    programs.write_folder(docs, 2, 4, seed=3, prefix="new")
    (docs / "file5.txt").unlink()
    edited = docs / "file4.txt"
    programs.write_text(edited, edited.read_text() + "\n\nA paragraph was added at the end.")
    whole = home / "whole"
    shutil.copytree(base, whole)
    ingest(whole, docs)
    return Scene(docs, base, before, check_clean(whole))


def ingest(data: Path, docs: Path) -> None:
    settings = {"chunk_size": 40, "chunk_overlap": 0, "embedding_model_provider": "static"}
    with KnowledgeBase.open(data, **settings) as kb:
        assert not kb.ingest(docs, prune=True).failed


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene"), rewritten=1)


@pytest.fixture(scope="module")
def rewritten_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """So much is replaced that the index is built afresh."""
    return make_scene(tmp_path_factory.mktemp("rewritten"), rewritten=4)


Killer = Callable[..., None]


@pytest.fixture(scope="module")
def die(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    """Return a function that runs a writer which dies at a step."""
    folder = tmp_path_factory.mktemp("driver")
    with DyingWriter(programs.environment(folder), folder) as writer:

        def run(data: Path, step: Step, *paths: Path) -> None:
            target, moment, number = step
            code = writer.run(data, *paths, target=target, moment=moment, number=number)
            assert code == -signal.SIGKILL, f"it did not come to that step: {code}"

        yield run


def check_shows(data: Path, expected: Published) -> None:
    """Check that readers see exactly this state."""
    same_content(check_readable(data), expected)
    with KnowledgeBase.open(data) as kb:
        hits = kb.retrieve("amber basil cedar", top_k=100)
    assert {(hit.file, hit.text) for hit in hits} == expected.texts


def check_heals(data: Path, docs: Path, expected: Published) -> None:
    """Check that one clean run leaves the right state, and nothing else."""
    ingest(data, docs)
    same_content(check_clean(data), expected)
    check_shows(data, expected)


@pytest.mark.parametrize("step", UNPUBLISHED, ids=name_of)
def test_a_kill_before_the_commit_changes_nothing(
    scene: Scene, tmp_path: Path, die: Killer, step: Step
) -> None:
    data = tmp_path / "data"
    shutil.copytree(scene.base, data)
    if step in UNPUBLISHED[:8]:  # let there be something to sweep
        die(data, (f"{STAGING}.publish", "before", 1), scene.docs)
    die(data, step, scene.docs)
    check_shows(data, scene.before)
    check_heals(data, scene.docs, scene.after)


@pytest.mark.parametrize("step", PUBLISHED, ids=name_of)
def test_a_kill_after_the_commit_loses_nothing(
    scene: Scene, tmp_path: Path, die: Killer, step: Step
) -> None:
    data = tmp_path / "data"
    shutil.copytree(scene.base, data)
    die(data, step, scene.docs)
    check_shows(data, scene.after)
    check_heals(data, scene.docs, scene.after)


@pytest.mark.parametrize("step", REBUILD, ids=name_of)
def test_a_kill_while_the_index_is_built_afresh(
    rewritten_scene: Scene, tmp_path: Path, die: Killer, step: Step
) -> None:
    data = tmp_path / "data"
    shutil.copytree(rewritten_scene.base, data)
    die(data, step, rewritten_scene.docs)
    check_shows(data, rewritten_scene.before)
    check_heals(data, rewritten_scene.docs, rewritten_scene.after)


@pytest.mark.parametrize(
    "step",
    [
        (f"{INDEX}.add", "after", 1),
        (f"{VERSIONS}.publish", "after", 1),
        (f"{STAGING}.publish", "after", 1),
    ],
    ids=name_of,
)
def test_a_kill_in_the_first_ingest(scene: Scene, tmp_path: Path, die: Killer, step: Step) -> None:
    die(tmp_path, step, scene.docs)
    state = check_readable(tmp_path)
    committed = step[0].endswith("Staging.publish")
    assert (state.generation, bool(state.files)) == ((1, True) if committed else (0, False))
    with KnowledgeBase.open(tmp_path) as kb:
        assert bool(kb.retrieve("amber basil cedar")) == committed
    ingest(tmp_path, scene.docs)
    check_clean(tmp_path)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_while_facts_are_touched(tmp_path: Path, die: Killer, moment: str) -> None:
    data, docs = tmp_path / "data", tmp_path / "docs"
    programs.write_folder(docs, 2, 2, seed=1)
    ingest(data, docs)
    before = check_clean(data)
    file = docs / "file0.txt"
    programs.write_text(file, file.read_text(), age=30)  # another time, the same text
    die(data, (f"{STAGING}.touch_file", moment, 1), docs)
    check_shows(data, before)
    check_heals(data, docs, before)


def test_a_kill_while_a_dataset_is_deleted(scene: Scene, tmp_path: Path, die: Killer) -> None:
    data = tmp_path / "data"
    shutil.copytree(scene.base, data)
    die(data, ("shutil:rmtree", "before", 1))
    with KnowledgeBase.open(data) as kb:
        assert kb.datasets.list() == []
        with pytest.raises(DatasetNotFoundError):
            kb.retrieve("amber")
        kb.datasets.create("other")
        kb.datasets.delete("other")
    assert not list((data / "datasets").iterdir()), "the deleted dataset's folder was left"
