"""Knowledge bases of a few texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from knowledge import KnowledgeBase
from tests.conftest import write_files

Make = Callable[..., KnowledgeBase]


@pytest.fixture
def knowledge_of(tmp_path: Path) -> Iterator[Make]:
    """Ingest files, given by name, and give the knowledge base: ``knowledge_of({"a.txt": "…"})``.

    More calls add to the same folder; ``dataset`` names another dataset.
    """
    opened: list[KnowledgeBase] = []

    def make(
        files: Mapping[str, str | bytes], dataset: str = "default", **options: Any
    ) -> KnowledgeBase:
        write_files(tmp_path / "docs" / dataset, files)
        if not opened:
            opened.append(KnowledgeBase.open(tmp_path / "data"))
        opened[0].ingest(tmp_path / "docs" / dataset, dataset, **options)
        return opened[0]

    yield make
    for kb in opened:
        kb.close()
