"""Which datasets a question names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from knowledge.requests import SearchRequest

if TYPE_CHECKING:
    from knowledge.knowledge_base import KnowledgeBase

R = TypeVar("R", bound=SearchRequest)


def with_datasets(kb: KnowledgeBase, request: R) -> R:
    """Return a request with the datasets that ``--dataset`` names.

    Several may stand in one value with commas between them, unless a dataset has that very name.
    """
    given = request.dataset_names
    if not any("," in name for name in given):
        return request
    known = {dataset.name for dataset in kb.datasets.list()}
    parts = [[name] if name in known else name.split(",") for name in given]
    return replace(
        request, datasets=[one.strip() for names in parts for one in names if one.strip()]
    )
