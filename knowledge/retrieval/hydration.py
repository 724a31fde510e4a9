"""Candidates to hits: text, place and metadata from the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from knowledge.model import Hit

if TYPE_CHECKING:
    from knowledge.retrieval.candidates import Candidate
    from knowledge.storage.snapshot import Snapshot


def hydrate(snapshot: Snapshot, candidates: Sequence[Candidate]) -> list[Hit]:
    """Return a hit for each candidate, in the same order."""
    hits: dict[tuple[str, str], Hit] = {}
    for dataset in {item.source.dataset.key: item.source.dataset for item in candidates}.values():
        own = [item for item in candidates if item.source.dataset.key == dataset.key]
        chunks = snapshot.chunks(dataset, [item.id for item in own])
        files = snapshot.files_by_id(dataset, {chunk.file_id for chunk in chunks.values()})
        for item in own:
            chunk = chunks[item.id]
            file = files[chunk.file_id]
            hits[dataset.key, item.id] = Hit(
                rank=0,
                score=item.score,
                cosine=item.cosine,
                dataset=dataset.name,
                file=file.path,
                name=file.name,
                chunk=chunk,
                metadata={**file.all_metadata, **chunk.passage.metadata},
                scores=item.parts,
            )
    return [hits[item.source.dataset.key, item.id] for item in candidates]
