from __future__ import annotations

import threading
from importlib.util import find_spec

import numpy as np
import pytest

from knowledge.embeddings.local import llama_cpp as provider
from knowledge.embeddings.registry import embedder_for
from knowledge.errors import (
    ModelMismatchError,
    RemoteError,
    RemoteInputTooLongError,
    UsageError,
)
from tests.embeddings.fakes import new_pool
from tests.embeddings.local.models import TEXTS, VOCABULARY

needs_library = pytest.mark.skipif(
    find_spec("llama_cpp") is None or find_spec("gguf") is None,
    reason="llama-cpp-python and gguf are not installed",
)


def write_gguf(path, *, context=48, pooling=1, seed=7, size=32):
    """Write a BERT of one layer with random weights, as convert_hf_to_gguf.py would."""
    import gguf

    random = np.random.default_rng(seed)

    def weights(*shape):
        return (0.3 * random.normal(size=shape)).astype(np.float32)

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += ["\u2581" + word for word in list(VOCABULARY)[4:]]
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_context_length(context)
    writer.add_embedding_length(size)
    writer.add_block_count(1)
    writer.add_feed_forward_length(2 * size)
    writer.add_head_count(2)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType(pooling))
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 5 + [1] * (len(tokens) - 5))
    writer.add_token_type_count(2)
    for kind, number in {"pad": 0, "unk": 1, "bos": 2, "sep": 3, "eos": 3}.items():
        getattr(writer, f"add_{kind}_token_id")(number)
    writer.add_tensor("token_embd.weight", weights(len(tokens), size))
    writer.add_tensor("token_types.weight", weights(2, size))
    writer.add_tensor("position_embd.weight", weights(context, size))
    for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(size, np.float32))
    shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (size, size))
    for name, shape in {**shapes, "ffn_up": (2 * size, size), "ffn_down": (size, 2 * size)}.items():
        writer.add_tensor(f"blk.0.{name}.weight", weights(*shape))
        writer.add_tensor(f"blk.0.{name}.bias", np.zeros(shape[0], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def gguf(tmp_path):
    return write_gguf(tmp_path / "tiny.gguf")


@needs_library
def test_the_library_runs_the_model(create, gguf):
    from llama_cpp import Llama

    embedder = create(f"llama-cpp:{gguf}", local_model_threads=1)
    answer = embedder.embed_documents(TEXTS)
    assert answer.vectors.shape == (4, 32)
    assert answer.vectors.dtype == np.float32
    assert answer.tokens == 5 + 8 + 3 + 11
    direct = Llama(str(gguf), embedding=True, n_ctx=48, verbose=False)
    np.testing.assert_allclose(answer.vectors[1], direct.embed(TEXTS[1]), atol=1e-5)
    np.testing.assert_allclose(
        embedder.embed_query(TEXTS[1]).vectors[0], answer.vectors[1], atol=1e-5
    )
    direct.close()
    embedder.close()


@needs_library
def test_the_context_is_the_models_own(create, gguf):
    embedder = create(f"llama-cpp:{gguf}")
    embedder.embed_documents(["key " * 46])
    assert embedder.max_input_tokens == 48
    with pytest.raises(RemoteInputTooLongError, match=r"49 tokens.* takes 48"):
        embedder.embed_documents(["key", "key " * 47])
    smaller = create(f"llama-cpp:{gguf}?n_ctx=16")
    with pytest.raises(RemoteInputTooLongError, match="takes 16"):
        smaller.embed_documents(["key " * 15])
    for used in (embedder, smaller):
        used.close()


@needs_library
def test_the_pool_embeds_a_long_text_in_parts(create, gguf):
    with new_pool(create(f"llama-cpp:{gguf}")) as pool:
        assert pool.embed(["the signing key " * 40, "whales"]).shape == (2, 32)
        assert pool.stats.split == 1


@needs_library
def test_threads_share_one_context(create, gguf):
    embedder = create(f"llama-cpp:{gguf}")
    expected = embedder.embed_documents(TEXTS).vectors
    found = []

    def work():
        for _ in range(5):
            found.append(embedder.embed_documents(TEXTS).vectors)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert all(np.allclose(vectors, expected, atol=1e-5) for vectors in found)
    embedder.close()


@needs_library
def test_a_model_that_does_not_pool_asks_for_a_pooling(create, tmp_path):
    gguf = write_gguf(tmp_path / "plain.gguf", pooling=0)
    embedder = create(f"llama-cpp:{gguf}")
    with pytest.raises(RemoteError, match="how to pool") as caught:
        embedder.embed_query("key")
    assert "?pooling=mean" in caught.value.hint
    named = create(f"llama-cpp:{gguf}?pooling=mean")
    mean = create(f"llama-cpp:{write_gguf(tmp_path / 'mean.gguf', pooling=1)}")
    np.testing.assert_allclose(
        named.embed_query("key").vectors, mean.embed_query("key").vectors, atol=1e-5
    )
    for used in (embedder, named, mean):
        used.close()


@needs_library
def test_a_model_that_can_not_be_loaded_is_an_embedding_error(create, tmp_path):
    path = tmp_path / "half.gguf"
    path.write_bytes(b"GGUF" + b"\x00" * 100)
    with pytest.raises(RemoteError, match="can't load the model llama-cpp:") as caught:
        create(f"llama-cpp:{path}").embed_query("key")
    assert "GGUF" in caught.value.hint
    assert "failed to load model" in caught.value.message


@needs_library
def test_nothing_is_printed(create, gguf, capfd):
    embedder = create(f"llama-cpp:{gguf}")
    embedder.embed_documents(TEXTS)
    embedder.close()
    assert capfd.readouterr() == ("", "")


# What needs no library


@pytest.fixture
def without_library(monkeypatch):
    monkeypatch.setattr(provider, "need_library", lambda module, **_: None)


@pytest.fixture
def header(tmp_path, without_library):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(range(256)) * 1_000)
    return path


def test_the_file_is_part_of_the_models_identity(create, header, settings):
    spec = create(f"llama-cpp:{header}?n_ctx=512").spec
    assert spec.model == f"{header}?n_ctx=512"
    assert embedder_for(spec, settings).spec == spec
    content = bytearray(header.read_bytes())
    content[-1] ^= 1
    header.write_bytes(content)
    with pytest.raises(ModelMismatchError):
        embedder_for(spec, settings)


def test_a_file_that_is_no_gguf_file_is_a_usage_error(create, tmp_path, without_library):
    other = tmp_path / "other.bin"
    other.write_bytes(b"\x00" * 10)
    with pytest.raises(UsageError, match="is not a GGUF file"):
        create(f"llama-cpp:{other}")
    with pytest.raises(UsageError, match=r"can't read the model .*nowhere"):
        create(f"llama-cpp:{tmp_path / 'nowhere.gguf'}")
    with pytest.raises(UsageError, match="can't read the model"):
        create(f"llama-cpp:{tmp_path}")
    with pytest.raises(UsageError, match="needs a model"):
        create("llama-cpp")


@pytest.mark.parametrize(
    ("argument", "message"),
    [("n_ctx=0", "n_ctx"), ("n_ctx=big", "n_ctx"), ("pooling=max", "no pooling"), ("x=1", "'x'")],
)
def test_arguments_that_do_not_fit_are_usage_errors(create, header, argument, message):
    with pytest.raises(UsageError, match=message):
        create(f"llama-cpp:{header}?{argument}")
