"""What a cluster is told of a local model."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from knowledge.embeddings.choice import choose
from knowledge.embeddings.portable import PortableModel
from knowledge.settings.reading import Settings


def model(folder: Path, provider: str, **environ: str) -> PortableModel | None:
    given = {"KNOW_EMBEDDING_MODEL_PROVIDER": provider, **environ}
    return PortableModel.of(choose(None, Settings.read(environ=given, folder=folder)))


def test_a_model_is_opened_elsewhere_as_it_is_here(tmp_path: Path, monkeypatch: Any) -> None:
    told = model(
        tmp_path,
        "onnx:all-MiniLM-L6-v2",
        KNOW_DOCUMENT_INSTRUCTION="passage: ",
        OPENAI_API_KEY="sk-secret",
    )
    assert told is not None
    sent = pickle.dumps(told)
    assert b"sk-secret" not in sent
    # What stands in an actor's own environment, or where it works, does not count.
    monkeypatch.setenv("KNOW_DOCUMENT_INSTRUCTION", "another: ")
    (tmp_path / ".env").write_text("KNOW_ONNX_PROVIDERS=CUDAExecutionProvider\n")
    monkeypatch.chdir(tmp_path)
    opened = pickle.loads(sent).open()
    assert opened.spec == told.spec
    assert opened.spec.options["document_instruction"] == "passage: "
    assert told.settings["local_model_threads"] == 1


@pytest.mark.parametrize(
    ("provider", "environ"),
    [
        ("openai", {"OPENAI_API_KEY": "sk-secret"}),
        ("ollama:nomic-embed-text", {}),
        ("python:tests.ingestion.toy_model:ToyEmbedder", {}),
        ("onnx:all-MiniLM-L6-v2", {"KNOW_ONNX_PROVIDERS": "CUDAExecutionProvider"}),
    ],
)
def test_what_runs_elsewhere_or_on_a_gpu_stays_with_the_command(
    tmp_path: Path, provider: str, environ: dict[str, str]
) -> None:
    assert model(tmp_path, provider, **environ) is None
