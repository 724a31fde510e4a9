"""What points in a Qdrant carry beside their vectors, and the searches that use it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import models

from knowledge import KnowledgeBase
from knowledge.retrieval.search import approximate, sparse
from knowledge.storage.local.elsewhere.marks import CARRIED, CARRIED_CHECKS
from knowledge.storage.servers import index as elsewhere
from knowledge.storage.servers.qdrant import QdrantServer
from tests.embeddings.local.models import VOCABULARY
from tests.embeddings.local.tiny_splade import write_splade

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")

SMALL: dict[str, Any] = {"chunk_size": 40, "chunk_overlap": 0}
WORDS = [word for word in VOCABULARY if word.isalpha()]
QUESTIONS = ("signing key", "what is rotated every day", "the key is")


@pytest.fixture(scope="module")
def splade(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_splade(tmp_path_factory.mktemp("home") / "splade"))


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    texts = (" ".join(three) for three in itertools.combinations(WORDS[:5], 3))
    for number, text in enumerate(texts):
        parts = (f"# {part} {text}\n\n{text} {part}" for part in ("one", "two"))
        (folder / f"note{number}.md").write_text("\n\n".join(parts))
    return folder


@pytest.fixture
def local(docs: Path, tmp_path: Path, splade: str, qdrant: Any) -> Iterator[KnowledgeBase]:
    """The same documents in a data folder alone."""
    with KnowledgeBase.open(
        tmp_path / "local", store="", vectors="", sparse_model=splade, **SMALL
    ) as kb:
        kb.ingest(docs)
        yield kb


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> None:
    """Where the catalog is: in the data folder, or in a database."""
    if request.param == "postgres":
        request.getfixturevalue("postgres")


both = pytest.mark.parametrize("kept", ["local", "postgres"], indirect=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, bool]]:
    """What Qdrant was asked: the vector, and whether among files, or points."""
    seen: list[tuple[str, bool, bool]] = []
    searched = QdrantServer._searched

    def noted(self, collection, using, question, top_k, among, files):
        seen.append((using, files is not None, among is not None))
        return searched(self, collection, using, question, top_k, among, files)

    monkeypatch.setattr(QdrantServer, "_searched", noted)
    return seen


def open_kb(splade: str = "", *, send: bool = True, **more: Any) -> KnowledgeBase:
    return KnowledgeBase.open(sparse_model=splade, vectors_sparse=send, **SMALL, **more)


def answers(kb: KnowledgeBase, **asked: Any) -> list[list[tuple[str, str, float, float | None]]]:
    options = {"mode": "hybrid", "fold": False, "top_k": 50, **asked}
    return [
        [(hit.name, hit.chunk.id, hit.score, hit.scores.get("sparse")) for hit in found]
        for found in (kb.retrieve(question, **options) for question in QUESTIONS)
    ]


def points(client: Any) -> list[Any]:
    """Return all points of the one collection."""
    return client.scroll(collection(client), limit=1_000, with_vectors=True)[0]


def collection(client: Any) -> str:
    prefix = os.environ["KNOW_COLLECTION_PREFIX"]
    names = [one.name for one in client.get_collections().collections]
    [name] = [name for name in names if name.startswith(prefix)]
    return name


def test_points_carry_vectors_and_ids_alone(qdrant: Any, docs: Path, splade: str) -> None:
    with open_kb(splade, send=False) as kb:
        kb.ingest(docs)
        [shown] = kb.retrieve("signing", top_k=1)
        found = points(qdrant)
        assert {frozenset(one.payload) for one in found} == {frozenset(("chunk", "run", "file"))}
        files = {file.id for file in kb.files.list()}
        assert {one.payload["file"] for one in found} == files
        assert {tuple(one.vector) for one in found} <= {("dense",), ("dense", "sparse")}
        assert not any(getattr(one.vector.get("sparse"), "indices", ()) for one in found)
        [file] = {one.payload["file"] for one in found if one.payload["chunk"] == shown.chunk.id}
        assert file == shown.chunk.file_id


@both
def test_sparse_vectors_are_sent_and_asked_for_where_that_is_set(
    kept: None, qdrant: Any, docs: Path, splade: str, local: KnowledgeBase, asked: list[Any]
) -> None:
    with open_kb(splade) as kb:
        kb.ingest(docs)
        assert all(one.vector["sparse"].indices for one in points(qdrant))
        assert answers(kb) == answers(local)
        assert ("sparse", False, False) in asked
        kb.datasets.merge("default", "copy")
        kb.datasets.delete("default")
        asked.clear()
        assert answers(kb, datasets="copy") == answers(local)
        assert ("sparse", False, False) in asked
    with open_kb(send=False) as kb:  # no words of a question are sent any more
        asked.clear()
        assert answers(kb, datasets="copy") == answers(local)
        assert "sparse" not in {using for using, _, _ in asked}


@both
@pytest.mark.slow
def test_a_dataset_that_is_there_gets_sparse_vectors_with_the_next_ingest(
    kept: None, qdrant: Any, docs: Path, splade: str, local: KnowledgeBase, asked: list[Any]
) -> None:
    with open_kb() as kb:
        kb.ingest(docs)
    with open_kb(splade, send=False) as kb:
        kb.ingest(docs)
    with open_kb() as kb:
        kb.ingest(docs)
        generation = kb.datasets.get("default").generation
        assert answers(kb) == answers(local)
        assert ("sparse", False, False) in asked
        kb.ingest(docs)
        assert kb.datasets.get("default").generation == generation
        assert kb.upkeep.doctor(offline=True).findings == ()


@pytest.mark.slow
def test_edits_change_what_points_carry(
    qdrant: Any, docs: Path, splade: str, local: KnowledgeBase, asked: list[Any]
) -> None:
    with open_kb(splade) as kb:
        kb.ingest(docs)
        (docs / "note0.md").write_text("the key on call")
        (docs / "note1.md").rename(docs / "moved.md")
        (docs / "note2.md").unlink()
        for one in (kb, local):
            one.ingest(docs, prune=True)
        assert answers(kb) == answers(local)
        kb.ingest(docs, force=True)
        kb.upkeep.compact()
        asked.clear()
        assert answers(kb) == answers(local)
        assert ("sparse", False, False) in asked
        assert kb.upkeep.doctor(offline=True).findings == ()


@pytest.mark.parametrize("most", [3, pytest.param(30_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("filters", "by_file"),
    [({"files": ["*note[0-7]*"]}, True), ({"keywords": ["one"], "files": ["*note*"]}, False)],
)
def test_a_large_filter_is_asked_for_by_files_or_in_parts(
    qdrant: Any,
    docs: Path,
    splade: str,
    local: KnowledgeBase,
    asked: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    filters: dict[str, Any],
    by_file: bool,
    most: int,
) -> None:
    for module, name in (
        (approximate, "EXACT_LIMIT"),
        (approximate, "DEEP_LIMIT"),
        (sparse, "FEW"),
    ):
        monkeypatch.setattr(module, name, 0)
    monkeypatch.setattr(elsewhere, "MAX_RESULTS", most)
    with open_kb(splade) as kb:
        kb.ingest(docs)
        expected = answers(local, **filters)
        monkeypatch.setattr("knowledge.retrieval.search.ranking.REACH", 4)
        asked.clear()
        found = answers(kb, **filters, top_k=4, candidates=4)
        assert found == [hits[:4] for hits in expected]
        assert {(using, by_file, not by_file) for using in ("dense", "sparse")} <= set(asked)


def test_an_alias_names_what_is_published(qdrant: Any, docs: Path) -> None:
    with open_kb(embedding_model_provider="static") as kb:
        kb.ingest(docs)
        key = kb.datasets.get("default").key
        alias = f"{os.environ['KNOW_COLLECTION_PREFIX']}-{key}"
        first = collection(qdrant)
        assert aliases(qdrant)[alias] == first
        kb.reembed(force=True)
        kb.upkeep.compact()
        kb.upkeep.remove_leftovers()
        assert aliases(qdrant)[alias] == collection(qdrant) != first
        assert qdrant.count(alias).count == len(points(qdrant))
        kb.datasets.rename("default", "other")
        kb.datasets.delete("other")
        assert alias not in aliases(qdrant)


def aliases(client: Any) -> dict[str, str]:
    return {one.alias_name: one.collection_name for one in client.get_aliases().aliases}


def test_the_settings_reach_the_client(
    qdrant: Any, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, Any]] = []

    def client(**options: Any) -> Any:
        given.append(options)
        return qdrant

    monkeypatch.setattr("qdrant_client.QdrantClient", client)
    monkeypatch.setenv("KNOW_VECTORS", "qdrant")
    monkeypatch.setenv("QDRANT_HOST", "https://qdrant.invalid:6334")
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    prefix = os.environ["KNOW_COLLECTION_PREFIX"]
    monkeypatch.delenv("KNOW_COLLECTION_PREFIX")
    monkeypatch.setenv("QDRANT_BASE_COLLECTION_NAME", f"{prefix}-base")
    with open_kb() as kb:
        kb.ingest(docs)
        assert kb.upkeep.places().vectors.name == "qdrant+https://qdrant.invalid:6334"
        names = [one.name for one in qdrant.get_collections().collections]
        assert any(name.startswith(f"{prefix}-base-default-") for name in names)
    assert {(one["url"], one["api_key"]) for one in given} == {
        ("https://qdrant.invalid:6334", "secret")
    }


def lose_point(client: Any, name: str, id: str) -> None:
    client.delete(name, models.PointIdsList(points=[id]))


def change_vector(client: Any, name: str, id: str) -> None:
    [point] = client.retrieve(name, [id], with_vectors=["dense"])
    turned = [-value for value in point.vector["dense"]]
    client.update_vectors(name, [models.PointVectors(id=id, vector={"dense": turned})])


def change_sparse(client: Any, name: str, id: str) -> None:
    vector = models.SparseVector(indices=[7], values=[1.0])
    client.update_vectors(name, [models.PointVectors(id=id, vector={"sparse": vector})])


def lose_sparse(client: Any, name: str, id: str) -> None:
    client.delete_vectors(name, ["sparse"], [id])


def change_file(client: Any, name: str, id: str) -> None:
    client.set_payload(name, {"file": "0" * 32}, [id])


@both
@pytest.mark.slow
def test_doctor_finds_what_others_did_to_a_point(
    kept: None, qdrant: Any, docs: Path, splade: str
) -> None:
    with open_kb(splade) as kb:
        kb.ingest(docs)
        before = answers(kb)
        for harm in (lose_point, change_vector, change_sparse, lose_sparse, change_file):
            harm(qdrant, collection(qdrant), points(qdrant)[0].id)
            found = kb.upkeep.doctor(offline=True).findings
            assert [one.code for one in found] == ["index-damaged"], harm
            assert not kb.upkeep.doctor(fix=True, offline=True).damaged
            kb.upkeep.compact()  # the version before goes
            assert answers(kb) == before
        assert kb.upkeep.doctor(offline=True).findings == ()


@pytest.mark.slow
def test_what_others_added_is_no_result_and_goes(qdrant: Any, docs: Path, splade: str) -> None:
    with open_kb(splade) as kb:
        kb.ingest(docs)
        before, name = answers(kb), collection(qdrant)
        stranger = models.PointStruct(
            id=1, vector={"dense": points(qdrant)[0].vector["dense"]}, payload={"text": "mine"}
        )
        qdrant.upsert(name, [stranger])
        assert answers(kb) == before
        told = kb.upkeep.remove_leftovers()
        assert [one.kind for one in told] == ["orphan-vectors"]
        assert all("chunk" in one.payload for one in points(qdrant))


@pytest.mark.slow
def test_what_an_earlier_version_wrote_is_asked_for_by_ids(
    qdrant: Any,
    docs: Path,
    splade: str,
    local: KnowledgeBase,
    asked: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(approximate, "EXACT_LIMIT", 0)
    monkeypatch.setattr(approximate, "DEEP_LIMIT", 0)
    with open_kb(splade) as kb:
        kb.ingest(docs)
        [home] = kb._shared.store.root.glob("datasets/*/g*")
        for name in (CARRIED, CARRIED_CHECKS):
            (home / name).unlink()
    with open_kb(splade) as kb:
        asked.clear()
        assert answers(kb) == answers(local)
        assert answers(kb, files=["*note1*"]) == answers(local, files=["*note1*"])
        assert set(asked) == {("dense", False, False), ("dense", False, True)}
        assert kb.upkeep.doctor(offline=True).findings == ()
        kb.ingest(docs)  # gives them their sparse vectors again
        asked.clear()
        assert answers(kb) == answers(local)
        assert ("sparse", False, False) in asked
