"""What every index of vectors must do: the Chroma folders, and one in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import DamagedStoreError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from knowledge.storage.local.elsewhere.versions import FolderMarks
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.store import LocalStore
from knowledge.storage.local.vectors.folders import ChromaFolders
from knowledge.storage.postgres.store import PostgresStore
from knowledge.storage.servers.connections import Servers
from knowledge.storage.servers.index import ServerVectors
from knowledge.storage.servers.qdrant import QdrantServer
from knowledge.storage.servers.server import VectorServer
from knowledge.storage.vector_index import VectorIndex
from tests.storage.memory_index import MemoryIndexes
from tests.storage.qdrant_servers import qdrant_servers

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")  # Qdrant's

KEY = "handbook-1"
DIMENSIONS = 8
IDS = [f"{number:032x}" for number in range(40)]

Open = Callable[[str], VectorIndex]


def unit(seed: int, rows: int = len(IDS)) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


VECTORS = unit(1)


def facts(version: int, key: str = KEY) -> dict[str, object]:
    return {"key": key, "generation": version, "name": "handbook"}


def publish(index: VectorIndex, version: int, ids=IDS, vectors=VECTORS, *, base: int = 0) -> None:
    writer = index.candidate(base)
    writer.add(ids, vectors)
    assert writer.flush() >= len(ids)
    index.publish(version, facts(version))


@pytest.fixture(
    params=[
        "chroma",
        "memory",
        pytest.param("chroma-server", marks=pytest.mark.slow),
        "qdrant",
        "postgres",
        "postgres-qdrant",
        pytest.param("postgres-chroma", marks=pytest.mark.slow),
    ]
)
def indexes(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "memory":
        return MemoryIndexes()
    if request.param == "chroma":
        return lambda key: ChromaFolders(DataFolder(tmp_path), key)
    if request.param.startswith("postgres"):
        store: PostgresStore = request.getfixturevalue("postgres_store")
        if request.param == "postgres-qdrant":
            store.servers = qdrant_servers(tmp_path)
        elif request.param == "postgres-chroma":
            store.servers = chroma_servers(request, tmp_path)
        store.open().close()  # makes the schema
        return store.index
    if request.param == "qdrant":
        given = qdrant_servers(tmp_path)
        return lambda key: ServerVectors(FolderMarks(DataFolder(tmp_path), key, given), given)
    servers = chroma_servers(request, tmp_path)
    return lambda key: ServerVectors(FolderMarks(DataFolder(tmp_path), key, servers), servers)


def chroma_servers(request: pytest.FixtureRequest, folder: Path) -> Servers:
    server = request.getfixturevalue("chroma_server")
    return Servers(Settings.read(environ={}, folder=folder, vectors=server.address))


@pytest.fixture
def index(indexes: Open) -> VectorIndex:
    return indexes(KEY)


def test_a_search_gives_cosines_best_first(index: VectorIndex) -> None:
    publish(index, 1)
    reader = index.open(1, DIMENSIONS)
    question = 3.0 * unit(2, 1)[0]  # of any length
    found = reader.search(question, 10)
    reader.close()
    cosines = VECTORS @ (question / np.linalg.norm(question))
    best = np.argsort(-cosines)[:10]
    assert [id for id, _ in found] == [IDS[row] for row in best]
    assert [cosine for _, cosine in found] == pytest.approx(cosines[best].tolist(), abs=1e-5)


def test_a_search_gives_what_there_is(index: VectorIndex) -> None:
    publish(index, 1)
    reader = index.open(1)
    assert len(reader.search(VECTORS[0], 1_000)) == len(IDS)
    reader.close()


@pytest.mark.parametrize("allowed", [IDS[7:8], IDS[::3], IDS])
def test_a_mask_leaves_only_what_it_names(index: VectorIndex, allowed: list[str]) -> None:
    publish(index, 1)
    reader = index.open(1)
    found = reader.search(VECTORS[0], len(IDS), among=allowed)
    reader.close()
    rows = [IDS.index(id) for id in allowed]
    cosines = dict(zip(allowed, (VECTORS[rows] @ VECTORS[0]).tolist(), strict=True))
    assert dict(found) == pytest.approx(cosines, abs=1e-5)
    assert [id for id, _ in found] == sorted(cosines, key=lambda id: -cosines[id])


def test_a_mask_may_name_more_than_one_request_takes(
    index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("servers.index", "local.vectors.chroma"):
        monkeypatch.setattr(f"knowledge.storage.{module}.MAX_RESULTS", 7)
    publish(index, 1)
    reader = index.open(1)
    found = reader.search(VECTORS[0], 5, among=IDS[3:])
    reader.close()
    best = np.argsort(-(VECTORS[3:] @ VECTORS[0]))[:5] + 3
    assert [id for id, _ in found] == [IDS[row] for row in best]


def test_vectors_come_back_and_unknown_ids_do_not(index: VectorIndex) -> None:
    publish(index, 1)
    reader = index.open(1)
    wanted = [IDS[3], "f" * 32, IDS[30]]
    found = {
        id: row for ids, rows in reader.vectors(wanted) for id, row in zip(ids, rows, strict=True)
    }
    assert set(found) == {IDS[3], IDS[30]}
    np.testing.assert_allclose(found[IDS[3]], VECTORS[3], atol=1e-6)
    assert list(reader.vectors(["f" * 32])) == []
    reader.close()


def test_a_candidate_is_seen_when_it_is_published(index: VectorIndex) -> None:
    publish(index, 1)
    writer = index.candidate(1)
    writer.add(["a" * 32, IDS[0]], unit(3, 2))  # one is new, one replaces
    writer.delete([IDS[1], "f" * 32])
    before = index.open(1)
    assert len(before.search(VECTORS[0], 100)) == len(IDS)
    assert writer.flush() == len(IDS)
    with pytest.raises(DamagedStoreError):
        index.open(2)
    index.publish(2, facts(2))
    after = index.open(2)
    shown = {id for id, _ in after.search(VECTORS[0], 100)}
    assert shown == {"a" * 32, *IDS} - {IDS[1]}
    assert len(before.search(VECTORS[0], 100)) == len(IDS)
    before.close()
    after.close()


def test_what_a_run_adds_is_not_found_in_place_of_what_is_published(index: VectorIndex) -> None:
    publish(index, 1)
    reader = index.open(1)
    writer = index.candidate(1)
    near = VECTORS[0] + 0.01 * unit(4, 200)
    writer.add([f"{number:032x}" for number in range(1_000, 1_200)], near)
    writer.flush()
    for most in (1, 10, 100):
        assert len(reader.search(VECTORS[0], most)) == min(most, len(IDS))
    reader.close()
    index.sweep(1)


def test_a_rebuilt_candidate_holds_what_is_named(index: VectorIndex) -> None:
    publish(index, 1)
    writer = index.candidate(1)
    writer.rebuild(IDS[:5])
    writer.add(["a" * 32], unit(3, 1))
    assert writer.flush() == 6
    index.publish(2, facts(2))
    assert index.check(2, [*IDS[:5], "a" * 32], DIMENSIONS) == ""


def test_what_died_before_its_publish_is_gone_after_a_sweep(index: VectorIndex) -> None:
    publish(index, 1)
    writer = index.candidate(1)
    writer.add(["a" * 32], unit(3, 1))
    writer.close()
    index.sweep(1)
    assert index.check(1, IDS, DIMENSIONS) == ""
    publish(index, 2, ["b" * 32], unit(4, 1))
    assert index.check(2, ["b" * 32], DIMENSIONS) == ""


def test_a_sweep_keeps_the_published_one_the_one_before_and_what_is_read(
    index: VectorIndex,
) -> None:
    for version in (1, 2, 3, 5):
        publish(index, version)
    held = index.open(1)
    index.sweep(5)
    assert [bool(index.check(n, IDS, DIMENSIONS)) for n in (1, 2, 3, 5)] == [
        False,
        True,
        False,
        False,
    ]
    assert len(held.search(VECTORS[0], 100)) == len(IDS)
    held.close()
    index.sweep(5)
    assert index.check(1, IDS, DIMENSIONS)


def test_removing_leaves_what_is_read(index: VectorIndex) -> None:
    publish(index, 1)
    publish(index, 2)
    held = index.open(2)
    assert not index.remove()
    assert len(held.search(VECTORS[0], 100)) == len(IDS)
    held.close()
    assert index.remove()
    assert index.size() == 0


def test_sizes(index: VectorIndex) -> None:
    assert index.size() == 0
    publish(index, 1)
    publish(index, 2)
    assert 0 < index.size(1) < index.size()


def test_a_check_finds_what_does_not_fit(index: VectorIndex) -> None:
    publish(index, 1)
    assert index.check(1, IDS, DIMENSIONS) == ""
    assert index.check(1, IDS, None) == ""
    assert "no vector" in index.check(1, [*IDS, "f" * 32], DIMENSIONS)
    assert "belong to no chunk" in index.check(1, IDS[1:], DIMENSIONS)
    assert "dimensions" in index.check(1, IDS, DIMENSIONS + 1)
    assert "missing" in index.check(2, IDS, DIMENSIONS)


def test_another_model_is_not_opened(index: VectorIndex) -> None:
    publish(index, 1)
    with pytest.raises(DamagedStoreError):
        reader = index.open(1, DIMENSIONS + 1)
        list(reader.vectors(IDS))


def test_another_datasets_vectors_are_not_taken(indexes: Open) -> None:
    index = indexes(KEY)
    writer = index.candidate(0)
    writer.add(IDS, VECTORS)
    writer.flush()
    index.publish(1, facts(1, "other-2"))
    assert "other-2" in index.check(1, IDS, DIMENSIONS)
    assert index.proven(1)(IDS) == {}
    with pytest.raises(DamagedStoreError):
        index.open(1)


def test_vectors_are_proven_one_by_one(index: VectorIndex) -> None:
    publish(index, 1)
    found = index.proven(1)([IDS[0], "f" * 32])
    assert list(found) == [IDS[0]]
    np.testing.assert_allclose(found[IDS[0]], VECTORS[0], atol=1e-6)
    assert index.proven(0)(IDS) == {}


DOCUMENTS = {
    "keys.md": "# Keys\n\nRotate the signing key every ninety days, in the vault.\n",
    "gate.md": "# Gate\n\nThe gate opens at seven and closes at nine in the evening.\n",
    "soup.md": "# Soup\n\nLet the lentils simmer for half an hour with cumin.\n",
}
QUESTION = "How often is the signing key rotated?"


def open_kb(home: Path, indexes: MemoryIndexes | None) -> KnowledgeBase:
    kb = KnowledgeBase.open(home, chunk_size=40, chunk_overlap=0)
    kb._shared.store = LocalStore(DataFolder(home), indexes)
    return kb


def write(folder: Path) -> Path:
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.slow
def test_a_store_runs_on_qdrant(tmp_path: Path) -> None:
    docs, servers = write(tmp_path / "docs"), qdrant_servers(tmp_path)
    with open_kb(tmp_path / "qdrant", None) as kb, open_kb(tmp_path / "chroma", None) as chroma:
        kb._shared.store = LocalStore(DataFolder(tmp_path / "qdrant"), servers=servers)
        for one in (kb, chroma):
            one.ingest(docs)
        assert hits(kb) == hits(chroma)
        (docs / "keys.md").write_text("Nothing about that any more.")
        (docs / "gate.md").unlink()
        for one in (kb, chroma):
            one.ingest(docs, prune=True)
            one.datasets.merge("default", "copy")
            one.sharing.export("copy", tmp_path / "copy.zip", overwrite=True)
            one.sharing.import_archive(tmp_path / "copy.zip", rename="again")
        assert hits(kb) == hits(chroma) == hits(kb, "again") == hits(kb, "copy")
        assert kb.upkeep.doctor().findings == ()

        server = servers.at(servers.place)
        listed = kb.datasets.get("default")
        for name in names(server):
            if listed.key in name:
                server.delete_run(name, run_of(server, name))
        assert [one.code for one in kb.upkeep.doctor("default").findings] == ["index-damaged"]
        assert not kb.upkeep.doctor(fix=True).damaged
        assert hits(kb) == hits(chroma)
        for dataset in ("default", "copy", "again"):
            kb.datasets.delete(dataset)
        assert not names(server)


def names(server: VectorServer) -> list[str]:
    assert isinstance(server, QdrantServer)
    listed = server._open().get_collections().collections
    return [one.name for one in listed if one.name.startswith("contract-")]


def run_of(server: VectorServer, collection: str) -> str:
    assert isinstance(server, QdrantServer)
    [[point], _] = server._open().scroll(collection, limit=1)
    return str(point.payload["run"])


def hits(kb: KnowledgeBase, dataset: str = "default") -> list[tuple[str, float]]:
    return [(hit.name, hit.score) for hit in kb.retrieve(QUESTION, dataset)]


def test_a_store_runs_on_an_index_in_memory(tmp_path: Path) -> None:
    docs, indexes = write(tmp_path / "docs"), MemoryIndexes()
    with (
        open_kb(tmp_path / "memory", indexes) as kb,
        open_kb(tmp_path / "chroma", None) as chroma,
    ):
        for one in (kb, chroma):
            one.ingest(docs)
        assert hits(kb) == hits(chroma)
        assert hits(kb)[0][0] == "keys.md"

        (docs / "keys.md").write_text("Nothing about that any more.")
        (docs / "gate.md").unlink()
        for one in (kb, chroma):
            one.ingest(docs, prune=True)
            one.datasets.merge("default", "copy")
            one.sharing.export("copy", tmp_path / "copy.zip", overwrite=True)
            one.sharing.import_archive(tmp_path / "copy.zip", rename="again")
            one.datasets.delete("copy")
        assert hits(kb) == hits(chroma) == hits(kb, "again")
        assert kb.upkeep.doctor().findings == ()
        assert [path.name for path in (tmp_path / "memory").iterdir()].count("datasets") == 0


def test_doctor_mends_an_index_in_memory(tmp_path: Path) -> None:
    docs, indexes = write(tmp_path / "docs"), MemoryIndexes()
    with open_kb(tmp_path / "data", indexes) as kb:
        kb.ingest(docs)
        before = hits(kb)
        dataset = kb.datasets.get("default")
        lost = indexes(dataset.key).versions[dataset.vectors].vectors
        lost.pop(next(iter(lost)))
        found = kb.upkeep.doctor()
        assert [finding.code for finding in found.findings] == ["index-damaged"]
        assert not kb.upkeep.doctor(fix=True).damaged
        assert hits(kb) == before
