"""Which datasets a question names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.knowledge_base import KnowledgeBase


def named_datasets(kb: KnowledgeBase, given: Sequence[str] | None) -> list[str]:
    """Return the datasets that ``--dataset`` names, or else the one of the settings.

    Several may stand in one value with commas between them, unless a dataset has that very name.
    """
    if not given:
        return [kb.settings["dataset"]]
    if not any("," in name for name in given):
        return list(given)
    known = {dataset.name for dataset in kb.datasets()}
    parts = [[name] if name in known else name.split(",") for name in given]
    return [part.strip() for names in parts for part in names if part.strip()]
