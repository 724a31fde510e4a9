"""The provider of docs/providers.md, run as the page says."""

from __future__ import annotations

import re
import tomllib

import numpy as np
import pytest

from knowledge import KnowledgeBase
from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.provider import provider_names
from knowledge.embeddings.registry import create_embedder, embedder_for
from knowledge.settings.reading import Settings
from tests.conftest import ROOT, write_files

PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
OWN = PAGE.partition("## Your own")[2]
DOCUMENTS = {"keys.md": "The signing key rotates every ninety days", "sea.md": "Whales sing songs"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", OWN, re.DOTALL)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The page's module, where Python finds it."""
    (code,) = blocks("python")
    home = tmp_path / "package"
    home.mkdir()
    (home / "hashed_words.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(home))
    return home


@pytest.fixture
def package(module):
    """The page's package, as pip leaves it behind."""
    (toml,) = blocks("toml")
    project = tomllib.loads(toml)["project"]
    info = module / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(about)
    lines = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return module


def asked_for() -> list[str]:
    """The providers that the page's commands name."""
    return re.findall(r"--embedding-model-provider (\S+)", "\n".join(blocks("bash")))


def test_the_page_shows_both_ways():
    assert asked_for() == ["python:hashed_words:HashedWords", "hashed-words"]


@pytest.mark.parametrize("provider", asked_for())
def test_a_dataset_is_made_and_found_with_it(provider, package, tmp_path):
    folder = tmp_path / "docs"
    write_files(folder, DOCUMENTS)
    data = str(tmp_path / "own")
    there = Settings.read(environ={}, folder=tmp_path, data_dir=data)
    with KnowledgeBase(there.override(embedding_model_provider=provider)) as kb:
        report = kb.ingest(folder)
        assert report.embedded == 2
    with KnowledgeBase(there) as kb:  # by what the dataset recorded
        best, *_ = kb.retrieve("signing key")
        assert best.file.endswith("keys.md")
        dataset = kb.datasets.get("default")
    assert dataset.embedding.provider == provider
    assert dataset.embedding.dimensions == 256


def test_it_keeps_the_protocol(package, settings):
    assert "hashed-words" in provider_names()
    embedder = create_embedder("hashed-words:blake2", settings=settings, dimensions=64)
    assert isinstance(embedder, Embedder)
    answer = embedder.embed_documents(["whales sing", "key"])
    assert answer.vectors.shape == (2, 64)
    assert answer.vectors.dtype == np.float32
    assert answer.tokens == 3
    assert embedder_for(embedder.spec, settings).spec == embedder.spec
