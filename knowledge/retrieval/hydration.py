"""Candidates to hits: text, place and metadata from the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError
from knowledge.model import Hit
from knowledge.storage.database import REPAIR

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
            chunk = chunks.get(item.id)
            file = files.get(chunk.file_id) if chunk else None
            if chunk is None or file is None:
                raise DamagedStoreError(
                    f"the catalog has no text, or no file, for chunk {item.id}", hint=REPAIR
                )
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
