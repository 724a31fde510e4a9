"""Objects of LangChain and LlamaIndex, and any others that have their methods."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.embeddings.registry import embedder_for
from knowledge.errors import RemoteError, RemoteResponseError, UsageError
from tests.embeddings.fakes import new_pool, vectors_of
from tests.embeddings.local.models import TEXTS

HERE = __name__


class LangChainLike:
    """Has what LangChain's embeddings have; questions differ from documents."""

    made = 0

    def __init__(self, size: int = 16, scale: float = 1.0, kwargs: dict | None = None):
        type(self).made += 1
        self.size, self.scale = size, scale

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        assert isinstance(texts, list)
        return (self.scale * vectors_of(texts, self.size)).tolist()

    def embed_query(self, text: str) -> list[float]:
        return vectors_of([f"query: {text}"], self.size)[0].tolist()


class LlamaIndexLike(LangChainLike):
    """Has what LlamaIndex's embeddings have."""

    embed_documents = None

    def get_text_embedding_batch(self, texts: list[str]) -> list[list[float]]:
        return LangChainLike.embed_documents(self, texts)

    def get_query_embedding(self, query: str) -> list[float]:
        return self.embed_query(query)


class Short(LangChainLike):
    def embed_documents(self, texts):
        return super().embed_documents(texts)[1:]


class Neither:
    def embed(self, texts):
        return texts


class Outer:
    Inner = LangChainLike


both = pytest.mark.parametrize(
    "name", [f"langchain:{HERE}.LangChainLike", f"llama-index:{HERE}.LlamaIndexLike"]
)


@both
def test_documents_and_questions_have_their_own_methods(create, name, settings):
    embedder = create(f"{name}?size=8&scale=2.0")
    vectors = embedder.embed_documents(TEXTS).vectors
    np.testing.assert_allclose(vectors, 2 * vectors_of(TEXTS, 8), rtol=1e-6)
    assert vectors.dtype == np.float32
    question = embedder.embed_query("key").vectors
    np.testing.assert_allclose(question, vectors_of(["query: key"], 8), rtol=1e-6)
    assert f"{embedder.spec.provider}:{embedder.spec.model}" == f"{name}?size=8&scale=2.0"
    again = embedder_for(embedder.spec, settings)
    np.testing.assert_array_equal(again.embed_query("key").vectors, question)


@both
def test_the_object_is_made_at_the_first_text_and_once(create, name, monkeypatch):
    monkeypatch.setattr(LangChainLike, "made", 0)
    monkeypatch.setattr(LlamaIndexLike, "made", 0)
    embedder = create(name)
    assert LangChainLike.made + LlamaIndexLike.made == 0
    for _ in range(2):
        embedder.embed_query("key")
    assert LangChainLike.made + LlamaIndexLike.made == 1


def test_a_colon_before_the_class_does_too(create):
    assert create(f"langchain:{HERE}:LangChainLike").embed_query("key").vectors.shape == (1, 16)


def test_no_words_are_put_before_its_texts(create):
    embedder = create(f"langchain:{HERE}.LangChainLike?model=BAAI/bge-small-en")
    assert embedder.spec.options == {}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("langchain", "needs a model"),
        ("langchain:JustAClass", "needs a class with its module"),
        ("langchain:no_such_package.Class", "No module named 'no_such_package'"),
        (f"llama-index:{HERE}.Nothing", "Nothing"),
        (f"langchain:{HERE}.Outer.Inner", "can't import"),
    ],
)
def test_a_class_that_can_not_be_imported_is_a_usage_error(create, name, message):
    with pytest.raises(UsageError, match=message) as caught:
        create(name)
    assert caught.value.hint


def test_dimensions_are_the_classes_own_argument(create):
    with pytest.raises(UsageError, match="8 dimensions") as caught:
        create(f"langchain:{HERE}.LangChainLike", dimensions=8)
    assert "?dimensions=256" in caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("size=8&colour=red", "colour"),
        ("size=many", "can't load|failed"),
    ],
)
def test_arguments_that_do_not_fit_are_an_embedding_error(create, arguments, message):
    with new_pool(create(f"langchain:{HERE}.LangChainLike?{arguments}")) as pool:
        with pytest.raises(RemoteError, match=message):
            pool.embed_query("key")


def test_a_class_without_the_methods_is_not_made(create):
    with pytest.raises(UsageError, match="Neither is no embedding class, which has embed_doc"):
        create(f"langchain:{HERE}.Neither")


def test_too_few_vectors_are_found_out(create):
    with new_pool(create(f"langchain:{HERE}.Short")) as pool:
        with pytest.raises(RemoteResponseError, match="1 vector for 2 texts"):
            pool.embed(["the signing key", "whales sing"])


@pytest.mark.parametrize(
    "argument",
    [
        "api_key=sk-1",
        "openai_api_key=sk-1",
        "apiKey=sk-1",
        "key=1",
        "token=1",
        "hf_token=1",
        "accessToken=1",
        "password=1",
        "client_secret=1",
        "aws_credentials=1",
        'model_kwargs={"token":"hf_1"}',
        'a=[{"headers":{"Authorization":"Bearer 1"}}]',
        "base_url=https://me:word@example.com/v1",
    ],
)
def test_a_secret_in_the_name_is_refused_and_not_shown(create, argument):
    with pytest.raises(UsageError, match="stored and shown") as caught:
        create(f"langchain:{HERE}.LangChainLike?{argument}")
    assert "sk-1" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "argument",
    ["max_tokens=512", "tokenizer=a", "keyword=b", "token_limit=3", "keys_only=1"],
)
def test_other_arguments_are_no_secrets(create, argument):
    assert create(f"langchain:{HERE}.LangChainLike?{argument}").spec.model.endswith(argument)


def test_langchains_own_class(create):
    pytest.importorskip("langchain_core")
    embedder = create("langchain:langchain_core.embeddings.DeterministicFakeEmbedding?size=8")
    with new_pool(embedder) as pool:
        assert pool.embed(TEXTS).shape == (4, 8)
        assert pool.embed_query("key").shape == (8,)


def test_llama_indexes_own_class(create):
    pytest.importorskip("llama_index.core")
    embedder = create("llama-index:llama_index.core.MockEmbedding?embed_dim=8")
    assert embedder.embed_documents(TEXTS).vectors.shape == (4, 8)
    assert embedder.embed_query("key").vectors.shape == (1, 8)
