"""All that a dataset holds, in whatever store, so that two can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knowledge.storage.store import open_vectors

if TYPE_CHECKING:
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.model import SourceFile

QUESTIONS = ("amber willow quartz", "river saffron timber", "lantern meadow nectar")


@dataclass(frozen=True)
class Contents:
    """What is equal of two datasets that were made of the same files in the same way."""

    files: list[tuple[Any, ...]]
    chunks: list[tuple[Any, ...]]
    vectors: dict[str, bytes]
    answers: list[tuple[str, str, str, float, float | None]]


def contents(kb: KnowledgeBase, name: str) -> Contents:
    """Read a dataset; each of its chunks must have its vector, and no vector must be another's."""
    store = kb._shared.store
    with store.open() as catalog, catalog.snapshot() as snapshot:
        dataset = snapshot.dataset(name)
        files = list(snapshot.files(dataset))
        chunks = [one for file in files for one in snapshot.chunks_of_file(dataset, file.id)]
        ids = snapshot.chunk_ids(dataset)
        reader = open_vectors(store, dataset)
        vectors = {
            id: row.tobytes()
            for page, rows in reader.vectors(ids)
            for id, row in zip(page, rows, strict=True)
        }
        reader.close()
    assert sorted(ids) == sorted(chunk.id for chunk in chunks), "a chunk belongs to no file"
    assert sorted(ids) == sorted(vectors), "a chunk has no vector"
    answers = [
        (mode, hit.file, hit.text, hit.score, hit.cosine)
        for mode in ("hybrid", "dense", "keyword")
        for question in QUESTIONS
        for hit in kb.retrieve(question, name, top_k=50, mode=mode)
    ]
    listed = sorted((chunk.file_id, chunk.id, chunk.passage) for chunk in chunks)
    return Contents(sorted(map(_file, files)), listed, vectors, answers)


def same(one: Contents, other: Contents) -> None:
    """Check that two datasets hold and answer the same."""
    for part in ("files", "chunks", "vectors", "answers"):
        assert getattr(one, part) == getattr(other, part), f"they have other {part}"


def _file(file: SourceFile) -> tuple[Any, ...]:
    return (file.path, file.id, file.name, file.size, file.content_hash, file.chunks)
