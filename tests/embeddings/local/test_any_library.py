"""``local`` stands for whichever library is installed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from knowledge.embeddings.choice import choose
from knowledge.embeddings.local import any_library
from knowledge.embeddings.local.any_library import MODEL, library_for
from knowledge.embeddings.profiles import resolve
from knowledge.errors import KnowledgeError, UsageError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.model import EmbedderSpec
from knowledge.settings.reading import Settings
from tests.conftest import write_files

FASTEMBEDS = ["BAAI/bge-small-en-v1.5", "BAAI/bge-large-en-v1.5"]


@pytest.fixture
def installed(monkeypatch):
    """Say which libraries are there."""
    there: set[str] = set()
    monkeypatch.setattr(any_library, "find_spec", lambda name: name in there or None)
    models = [{"model": name} for name in FASTEMBEDS]
    embedding = SimpleNamespace(list_supported_models=lambda: models)
    monkeypatch.setitem(sys.modules, "fastembed", SimpleNamespace(TextEmbedding=embedding))
    return there


@pytest.mark.parametrize("model", [None, "BAAI/bge-large-en", "/", "all-MiniLM-L6-v2"])
def test_sentence_transformers_runs_any_model(installed, model):
    installed.update(("sentence_transformers", "fastembed"))
    assert library_for(model) == ("sentence-transformers", model or MODEL)


def test_fastembed_runs_what_it_has(installed):
    installed.add("fastembed")
    assert library_for(None) == ("fastembed", MODEL)
    assert library_for("baai/bge-large-EN-v1.5") == ("fastembed", "baai/bge-large-EN-v1.5")
    with pytest.raises(UsageError, match=r"it has BAAI/bge-large-en-v1\.5") as caught:
        library_for("BAAI/bge-large-en")
    assert "install 'knowledge[sentence-transformers" in caught.value.hint


def test_onnx_runs_folders_and_chromas_model(installed, folder, tmp_path):
    assert library_for(str(folder)) == ("onnx", str(folder))
    assert library_for("sentence-transformers/all-MiniLM-L6-v2") == ("onnx", "all-MiniLM-L6-v2")
    with pytest.raises(UsageError, match="without an ONNX file"):
        library_for(str(tmp_path))
    with pytest.raises(UsageError, match="there is no model folder"):
        library_for(str(tmp_path / "nowhere"))


def test_where_none_is_installed_the_extras_are_named(installed, run):
    outcome = run("models", "test", "local:BAAI/bge-large-en", "--json")
    assert outcome.code == 2
    error = outcome.json["error"]
    assert "neither sentence-transformers nor fastembed is installed" in error["message"]
    assert "knowledge[sentence-transformers" in error["hint"]
    assert "knowledge[fastembed" in error["hint"]


def test_a_dataset_records_the_library(installed, folder, tmp_path):
    write_files(tmp_path / "docs", {"a.md": "the signing key"})
    said: list[str] = []
    name = f"local:{folder}"
    settings = Settings.read(
        environ={}, data_dir=str(tmp_path / "data"), embedding_model_provider=name
    )
    with KnowledgeBase(settings, notify=said.append) as kb:
        kb.ingest(tmp_path / "docs")
        spec = kb.datasets.get("default").embedding
        assert spec is not None
        assert (spec.provider, spec.model) == ("onnx", str(folder))
        assert f"local stands for onnx:{folder} here" in said
        kb.ingest(tmp_path / "docs", force=True)
        assert kb.retrieve("key").hits


def test_what_it_stood_for_stays(installed, settings):
    asked = settings.override(embedding_model_provider="local:all-MiniLM-L6-v2")
    dataset = SimpleNamespace(
        name="d", embedding=EmbedderSpec("onnx", "all-MiniLM-L6-v2", 384), key="k"
    )
    installed.add("sentence_transformers")
    assert choose(dataset, asked).embedder.spec.provider == "onnx"
    with pytest.raises(KnowledgeError):
        choose(dataset, settings.override(embedding_model_provider="local:other"))


def test_a_profile_may_be_local(installed, tmp_path, folder):
    content = (
        "embeddings:\n  providers:\n"
        f"    - {{name: mine, type: local, config: {{path: '{folder}'}}}}\n"
        f"    - {{name: typed, type: 'local:{folder}'}}\n"
        "    - {name: twice, type: 'local:x', config: {model: y}}\n"
        "    - {name: unset, type: local, config: {model: '${NOWHERE}'}}\n"
    )
    write_files(tmp_path, {"knowledge.yaml": content})
    settings = Settings.read(environ={}, folder=tmp_path)
    for name in ("mine", "typed"):
        there = resolve(name, settings)
        assert (there.provider, there.model) == ("onnx", str(folder))
    installed.add("sentence_transformers")
    with pytest.raises(UsageError, match="both name a model"):
        resolve("twice", settings)
    with pytest.raises(UsageError, match="NOWHERE"):
        resolve("unset", settings)


def test_it_is_listed_and_completed(run):
    rows = {row["name"]: row for row in run("models", "list", "--json").json["providers"]}
    assert rows["local"]["extra"] in ("sentence-transformers", "fastembed")
    hint = run("models", "test", "locl").err
    assert "Choose one of local" in hint
