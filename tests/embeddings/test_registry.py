from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import knowledge
from knowledge.embeddings import provider
from knowledge.embeddings.model_name import parse_model
from knowledge.embeddings.provider import Place, Provider, provider_names
from knowledge.embeddings.registry import (
    create_embedder,
    default_provider,
    embedder_for,
)
from knowledge.errors import UsageError
from knowledge.model import EmbedderSpec
from knowledge.settings.installed import GROUP
from knowledge.settings.reading import Settings
from tests.embeddings.fakes import FakeEmbedder

ROOT = Path(knowledge.__file__).parents[1]


@pytest.fixture
def settings(tmp_path):
    return lambda **environ: Settings.read(environ=environ, folder=tmp_path)


class Plugin(FakeEmbedder):
    provider = Provider(name="acme", embedder=f"{__name__}:Plugin", place=Place.MACHINE)

    @classmethod
    def from_settings(cls, settings, *, model, dimensions):
        embedder = cls(dimensions=dimensions or 16)
        embedder.spec = replace(embedder.spec, model=model or "words")
        return embedder


NotAnEmbedder = object


def test_importing_the_registry_imports_no_provider_library():
    code = (
        "import sys, knowledge.embeddings, knowledge.embeddings.registry, "
        "knowledge.embeddings.embedder\n"
        "heavy = {'numpy', 'openai', 'tokenizers', 'safetensors', 'tenacity', 'httpx', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("static", ("static", None)),
        (" OpenAI ", ("openai", None)),
        ("openai:", ("openai", None)),
        ("openai:text-embedding-3-small", ("openai", "text-embedding-3-small")),
        ("openai:nomic-embed-text:v1.5", ("openai", "nomic-embed-text:v1.5")),
        ("openai:BAAI/bge-m3", ("openai", "BAAI/bge-m3")),
        ("python:my.module:MyClass", ("python:my.module:MyClass", None)),
        ("python:my.module:Outer.Inner:m:7b", ("python:my.module:Outer.Inner", "m:7b")),
        ("", ("", None)),
    ],
)
def test_a_model_may_follow_a_provider(text, parsed):
    assert parse_model(text) == parsed


def test_the_default_is_static_until_openai_is_set_up(settings):
    assert default_provider(settings()) == "static"
    assert default_provider(settings(OPENAI_API_KEY="sk-1")) == "openai"
    assert default_provider(settings(OPENAI_BASE_URL="http://localhost:1")) == "openai"
    chosen = settings(OPENAI_API_KEY="sk-1", KNOW_EMBEDDING_MODEL_PROVIDER="static")
    assert default_provider(chosen) == "static"


def test_a_model_and_dimensions_may_be_asked_for(settings):
    embedder = create_embedder("openai:m", settings=settings(), dimensions=8)
    assert embedder.spec == EmbedderSpec("openai", "m", 8, {"dimensions": 8})
    assert create_embedder("openai", settings=settings(), model="n").spec.model == "n"
    assert create_embedder("openai:m", settings=settings(), model="m").spec.model == "m"


def test_two_different_models_are_an_error(settings):
    with pytest.raises(UsageError, match=r"'m'.*'n'"):
        create_embedder("openai:m", settings=settings(), model="n")


@pytest.mark.parametrize("given", ["OPEN_AI", "AZURE", "AZURE_AD"])
def test_azure_is_openai_with_an_azure_api_type(settings, given):
    there = settings(OPENAI_BASE_URL="https://x.openai.azure.com", OPENAI_API_TYPE=given)
    embedder = create_embedder("azure", settings=there)
    assert embedder.spec.provider == "azure"
    assert "/openai/deployments/" in embedder.endpoint


def test_an_unknown_name_lists_the_others_nearest_first(settings):
    with pytest.raises(UsageError, match="no embedding provider 'opnai'") as caught:
        create_embedder("opnai", settings=settings())
    assert caught.value.hint.startswith("Choose one of openai, ")
    assert "static" in caught.value.hint
    assert "python:module:Class" in caught.value.hint


def test_a_class_is_named_by_module(settings):
    name = f"python:{__name__}:Plugin"
    embedder = create_embedder(f"{name}:tiny", settings=settings(), dimensions=4)
    assert embedder.spec == EmbedderSpec(name, "tiny", 4)


@pytest.mark.parametrize("target", ["no_such_module:X", f"{__name__}:Nothing", "justone"])
def test_a_class_that_can_not_be_loaded_is_a_usage_error(settings, target):
    with pytest.raises(UsageError, match="can't load"):
        create_embedder(f"python:{target}", settings=settings())


def test_a_class_must_have_from_settings(settings):
    with pytest.raises(UsageError, match="from_settings"):
        create_embedder(f"python:{__name__}:NotAnEmbedder", settings=settings())


def test_an_entry_point_is_found_but_never_before_a_built_in(settings, monkeypatch):
    entries = {name: EntryPoint(name, f"{__name__}:Plugin", GROUP) for name in ("acme", "static")}
    monkeypatch.setattr(provider, "entry_points", lambda: entries)
    assert create_embedder("ACME", settings=settings()).spec.provider == "acme"
    assert create_embedder("static", settings=settings()).spec.provider == "static"
    names = provider_names()
    assert names[:4] == ["static", "minilm", "openai", "azure"]
    assert names[-1] == "acme"
    assert names.count("static") == 1


def test_what_a_dataset_recorded_is_rebuilt(settings):
    spec = EmbedderSpec("openai", "m", 256, {"dimensions": 256})
    assert embedder_for(spec, settings()).spec == spec
    learnt = EmbedderSpec("openai", "m", 384)
    assert embedder_for(learnt, settings()).spec == learnt
    plugin = EmbedderSpec(f"python:{__name__}:Plugin", "tiny", 16)
    assert embedder_for(plugin, settings()).spec == plugin


def test_dimensions_set_later_do_not_change_what_was_recorded(settings):
    spec = EmbedderSpec("openai", "m", 384)
    assert embedder_for(spec, settings(OPENAI_EMBEDDING_DIMENSIONS="64")).spec == spec
