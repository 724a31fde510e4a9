"""Profiles of models on this machine, and model files of LocalAI as profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.embeddings.profiles import resolve
from knowledge.errors import UsageError
from knowledge.settings.reading import Settings


@pytest.fixture
def read(tmp_path):
    """Read a settings file of the user's own, named by a variable."""

    def call(text):
        file = tmp_path / "own" / "model.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return Settings.read(environ={"KNOW_CONFIG_FILE": str(file)}, folder=tmp_path)

    return call


def profile(kind, config):
    return f"embeddings: {{providers: [{{name: mine, type: {kind}, config: {config}}}]}}"


@pytest.mark.parametrize(
    ("kind", "config", "model"),
    [
        ("sentence-transformers", "{model: BAAI/bge-small-en}", "BAAI/bge-small-en"),
        ("onnx", "{path: models/mine}", "./models/mine"),
        ("onnx", "{modelPath: /models/mine}", "/models/mine"),
        ("llama-cpp", "{model: ~/a.gguf}", "~/a.gguf"),
        ("langchain", "{model: 'a.B?size=8'}", "a.B?size=8"),
    ],
)
def test_a_local_model_is_named_in_the_profile(read, kind, config, model):
    found = resolve("mine", read(profile(kind, config)))
    assert (found.provider, found.model) == (kind, model)
    assert resolve("mine:other", read(profile(kind, config))).model == "other"


def test_a_model_that_is_named_twice_is_refused(read):
    with pytest.raises(UsageError, match="path and type of profile 'mine' both name a model"):
        resolve("mine", read(profile("onnx:./a", "{path: b}")))


def test_a_literal_key_is_refused_with_how_to_name_a_variable(read):
    with pytest.raises(UsageError, match="holds the secret 'apiKey'") as caught:
        read(profile("openai", "{apiKey: sk-1}"))
    assert "${NAME}" in caught.value.hint


def test_a_path_of_a_strangers_file_is_opened_only_with_trust(run):
    Path("knowledge.yaml").write_text(profile("onnx", "{path: models/mine}"))
    (Path("models") / "mine").mkdir(parents=True)
    refused = run("embed", "a", "--embedding-model-provider", "mine", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "untrusted-endpoint")
    assert "onnx:./models/mine" in refused.out
    run("trust", "--yes")
    opened = run("embed", "a", "--embedding-model-provider", "mine", "--json")
    assert "model.onnx" in opened.out


LOCALAI = """\
name: {name}
backend: {backend}
embeddings: true
threads: 3
context_size: 512
parameters:
  model: {model}
"""


@pytest.mark.parametrize(
    ("backend", "model", "provider", "named"),
    [
        ("sentencetransformers", "all-MiniLM-L6-v2", "sentence-transformers", "all-MiniLM-L6-v2"),
        ("llama-cpp", "bge.gguf", "llama-cpp", "{folder}/bge.gguf"),
        ("llama-cpp", "huggingface://a/b.gguf", "localai", "ada"),
        ("vllm", "intfloat/e5", "localai", "ada"),
    ],
)
def test_a_model_file_of_localai_is_a_profile(read, tmp_path, backend, model, provider, named):
    settings = read(LOCALAI.format(name="ada", backend=backend, model=model))
    found = resolve("ada", settings)
    assert (found.provider, found.model) == (provider, named.format(folder=tmp_path / "own"))
    threads = 3 if provider == "llama-cpp" else 0
    assert found.settings["local_model_threads"] == threads


def test_an_entry_may_be_a_model_of_localai(read):
    entry = "{name: ada, backend: transformers, embeddings: true, parameters: {model: a/b}}"
    found = resolve("ada", read(f"top_k: 3\nembeddings: {{providers: [{entry}]}}"))
    assert (found.provider, found.model, found.settings["top_k"]) == (
        "sentence-transformers",
        "a/b",
        3,
    )
    with pytest.raises(UsageError, match="does not say that it embeds"):
        read("embeddings: {providers: [{name: chat, backend: vllm, parameters: {model: a}}]}")
    with pytest.raises(UsageError, match="needs parameters with a model"):
        read("embeddings: {providers: [{name: a, embeddings: true, parameters: {}}]}")
