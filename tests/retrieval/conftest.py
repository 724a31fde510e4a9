"""Knowledge bases of a few texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from knowledge import KnowledgeBase
from knowledge.settings.reading import Settings
from tests.conftest import write_files

Make = Callable[..., KnowledgeBase]
Ask = Callable[[Mapping[str, str]], KnowledgeBase]


@pytest.fixture(scope="session")
def asked_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Give a knowledge base of files to tests that only ask: ``asked_of({"a.txt": "…"})``.

    The same files are ingested once.
    """
    made: dict[tuple[tuple[str, str], ...], KnowledgeBase] = {}

    def make(files: Mapping[str, str]) -> KnowledgeBase:
        key = tuple(files.items())
        if key not in made:
            home = tmp_path_factory.mktemp("asked")
            write_files(home / "docs", files)
            settings = Settings.read(environ={}, folder=home, data_dir=str(home / "data"))
            made[key] = KnowledgeBase(settings)
            made[key].ingest(home / "docs")
        return made[key]

    yield make
    for kb in made.values():
        kb.close()


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
