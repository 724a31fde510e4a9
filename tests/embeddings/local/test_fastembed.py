from __future__ import annotations

import numpy as np
import pytest

from knowledge.embeddings.registry import embedder_for
from knowledge.errors import RemoteError, RemoteInputTooLongError, UsageError
from tests.embeddings.fakes import new_pool
from tests.embeddings.local.models import (
    TEXTS,
    ids_of,
    table,
    unit,
    write_json,
    write_transformer,
)

pytest.importorskip("fastembed")

MODEL = "BAAI/bge-small-en-v1.5"
"""fastembed takes the first token of this one, from a file of this name."""


@pytest.fixture
def files(tmp_path):
    folder = write_transformer(tmp_path / "bge & co", dimensions=384, file="model_optimized.onnx")
    write_json(folder / "tokenizer_config.json", {"model_max_length": 16, "pad_token": "[PAD]"})
    return folder


@pytest.fixture
def name(files):
    return f"fastembed:{MODEL}?path={files}".replace("&", "%26")


def test_the_library_runs_the_model(create, name):
    embedder = create(name, document_instruction="none", local_model_threads=1)
    answer = embedder.embed_documents(TEXTS)
    expected = unit(np.stack([table(384)[ids_of(text)[0]] for text in TEXTS]))
    np.testing.assert_allclose(answer.vectors, expected, atol=1e-5)
    assert answer.tokens == sum(len(ids_of(text)) for text in TEXTS)


def test_the_familys_instruction_is_used(create, name, settings):
    embedder = create(name)
    assert embedder.spec.options["query_instruction"].startswith("Represent this sentence")
    assert embedder.spec.model.startswith(f"{MODEL}?path=/")
    assert embedder_for(embedder.spec, settings).spec == embedder.spec


def test_a_text_that_is_too_long_is_refused_and_not_cut(create, name):
    embedder = create(name)
    embedder.embed_documents(["key " * 14])
    with pytest.raises(RemoteInputTooLongError, match=r"42 tokens.* takes 16"):
        embedder.embed_documents(["key", "key " * 40])
    assert embedder.max_input_tokens == 16


def test_the_pool_embeds_a_long_text_in_parts(create, name):
    with new_pool(create(name)) as pool:
        assert pool.embed(["key " * 40]).shape == (1, 384)
        assert pool.stats.split == 1


def test_fewer_dimensions(create, name):
    assert create(name, dimensions=32).embed_query("key").vectors.shape == (1, 32)


def test_an_unknown_model_gets_near_names(create):
    with pytest.raises(RemoteError, match="no model 'BAAI/bge-smal'") as caught:
        create("fastembed:BAAI/bge-smal").embed_query("key")
    assert "baai/bge-small-en" in caught.value.hint


def test_a_missing_folder_is_a_usage_error(create, tmp_path):
    with pytest.raises(UsageError, match="no model folder"):
        create(f"fastembed:{MODEL}?path={tmp_path / 'nowhere'}")


def test_a_model_that_can_not_be_downloaded_is_an_embedding_error(create, monkeypatch, capfd):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RemoteError, match="can't load the model fastembed:") as caught:
        create("fastembed").embed_query("key")
    assert "?path=FOLDER" in caught.value.hint
    assert capfd.readouterr() == ("", "")
