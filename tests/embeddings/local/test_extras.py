"""What happens without a library, and what importing the room costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import knowledge
from knowledge.embeddings.local import extras
from knowledge.embeddings.provider import check_trust
from knowledge.errors import UntrustedEndpointError, UsageError
from knowledge.extras import install_command
from knowledge.settings.reading import Settings

ROOT = Path(knowledge.__file__).parents[1]
PROVIDERS = ["fastembed", "sentence-transformers", "model2vec", "llama-cpp"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_missing_library_names_its_extra(create, monkeypatch, provider):
    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    with pytest.raises(UsageError, match=f"provider {provider} needs the library") as caught:
        create(provider)
    assert caught.value.hint == f"Install it: {install_command(provider)}"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_extra_is_one_of_the_package(provider):
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"][provider]
    assert not [line for line in project["dependencies"] if "torch" in line]


def test_creating_an_embedder_imports_no_library(folder):
    code = (
        "import sys\n"
        "from knowledge.embeddings.registry import create_embedder\n"
        "from knowledge.settings.reading import Settings\n"
        f"create_embedder('onnx:{folder}', settings=Settings.read(environ={{}}))\n"
        "heavy = {'numpy', 'onnxruntime', 'tokenizers', 'chromadb', 'fastembed', 'model2vec',"
        " 'torch', 'sentence_transformers', 'llama_cpp', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("provider", ["langchain", "llama-index"])
def test_a_folder_that_is_not_trusted_can_not_name_a_class(tmp_path, provider):
    line = f"KNOW_EMBEDDING_MODEL_PROVIDER={provider}:tests.embeddings.local.no_such.Class\n"
    (tmp_path / ".env").write_text(line)
    settings = Settings.read(environ={}, folder=tmp_path)
    with pytest.raises(UntrustedEndpointError, match="leads to code to load"):
        check_trust(settings, provider)
    check_trust(Settings.read(environ={"KNOW_TRUST_PROJECT": "1"}, folder=tmp_path), provider)
    chosen = settings.override(embedding_model_provider=f"{provider}:package.Class")
    check_trust(chosen, provider)
