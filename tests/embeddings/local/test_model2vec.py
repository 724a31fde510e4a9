from __future__ import annotations

import numpy as np
import pytest

from knowledge.embeddings.registry import embedder_for
from knowledge.errors import ModelMismatchError, RemoteError, UsageError
from tests.embeddings.fakes import new_pool
from tests.embeddings.local.models import TEXTS, ids_of, table, tokenizer

model2vec = pytest.importorskip("model2vec")


def write_model(folder, seed=7, **options):
    made = model2vec.StaticModel(table(seed=seed), tokenizer(special=False), **options)
    made.save_pretrained(folder)
    return folder


@pytest.fixture
def static(tmp_path):
    return write_model(tmp_path / "static")


def mean_of(text: str) -> np.ndarray:
    known = [number for number in ids_of(text, special=False) if number != 1]
    return table()[known].mean(axis=0)


def test_vectors_are_the_librarys(create, static):
    embedder = create(f"model2vec:{static}")
    vectors = embedder.embed_documents(TEXTS).vectors
    np.testing.assert_allclose(vectors, model2vec.StaticModel.from_pretrained(static).encode(TEXTS))
    np.testing.assert_allclose(vectors, np.stack([mean_of(text) for text in TEXTS]), atol=1e-6)
    np.testing.assert_allclose(embedder.embed_query(TEXTS[1]).vectors[0], vectors[1])
    assert vectors.dtype == np.float32
    assert not embedder.cacheable
    assert embedder.default_threads == 1


def test_a_long_text_is_embedded_to_its_end(create, static):
    long = "key " * 600 + "whales " * 600
    vector = create(f"model2vec:{static}").embed_query(long).vectors[0]
    np.testing.assert_allclose(vector, (mean_of("key") + mean_of("whales")) / 2, atol=1e-4)


def test_fewer_dimensions_are_the_first_ones(create, static):
    whole = create(f"model2vec:{static}").embed_documents(TEXTS).vectors
    short = create(f"model2vec:{static}", dimensions=4)
    np.testing.assert_allclose(short.embed_documents(TEXTS).vectors, whole[:, :4])
    assert short.spec.options["dimensions"] == 4


def test_another_model_in_the_folder_is_noticed(create, static, settings):
    spec = create(f"model2vec:{static}").spec
    assert embedder_for(spec, settings).spec == spec
    write_model(static, seed=8)
    with pytest.raises(ModelMismatchError):
        embedder_for(spec, settings)


def test_one_text_without_a_known_word_does_not_spoil_the_others(create, static):
    with new_pool(create(f"model2vec:{static}"), batch_size=2) as pool:
        good, bad = pool.submit(["whales sing"]), pool.submit(["xyzzy"])
        pool.flush()
        assert good.result().shape == (1, 8)
        with pytest.raises(RemoteError, match="zero vector"):
            bad.result()


def test_a_missing_folder_and_a_damaged_one(create, tmp_path, static):
    with pytest.raises(UsageError, match="no model folder"):
        create(f"model2vec:{tmp_path / 'nowhere'}")
    (static / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(RemoteError, match="can't load the model model2vec:"):
        create(f"model2vec:{static}").embed_query("key")


def test_a_hub_that_can_not_be_reached_is_an_embedding_error(create, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RemoteError, match="minishlab/potion-base-8M") as caught:
        create("model2vec").embed_query("key")
    assert "static" in caught.value.hint
