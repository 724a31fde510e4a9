"""Providers' libraries are loaded when they are used, and the base install needs none of them."""

from __future__ import annotations

import subprocess
import sys
import tomllib

from tests.conftest import ROOT

LIBRARIES = {
    "azure",
    "fastembed",
    "google",
    "gradio_client",
    "httpx",
    "langchain_core",
    "llama_cpp",
    "llama_index",
    "model2vec",
    "numpy",
    "onnxruntime",
    "openai",
    "optimum",
    "sentence_transformers",
    "tokenizers",
    "torch",
    "transformers",
    "wordllama",
}


def test_the_room_imports_no_providers_library():
    code = (
        "import sys, knowledge.embeddings, knowledge.embeddings.registry\n"
        "import knowledge.embeddings.choice, knowledge.embeddings.listing\n"
        "print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert LIBRARIES & set(done.stdout.split()) == set()


def test_torch_comes_with_extras_only():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = " ".join(project["dependencies"]).lower()
    for library in ("torch", "sentence-transformers", "transformers", "tensorflow", "optimum"):
        assert library not in named
