"""Objects of LangChain and LlamaIndex, and any others that have their methods."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from knowledge.embeddings.provider import destination
from knowledge.embeddings.registry import embedder_for
from knowledge.errors import (
    RemoteError,
    RemoteResponseError,
    RemoteUnavailableError,
    UsageError,
)
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


class RefusedError(Exception):
    """Carries a status, as the errors of most client libraries do."""

    def __init__(self, status, said):
        super().__init__(said)
        self.status_code = status


class Remote(LangChainLike):
    """Sends texts to a server that takes 40 characters a text, and is busy at first."""

    thread_safe = True
    busy = 2
    inside = most = 0
    meeting = threading.Barrier(1)
    keys: list[str] = []  # noqa: RUF012

    def __init__(self, api_key: str = "", headers: dict | None = None) -> None:
        super().__init__()
        type(self).keys = [api_key, *(headers or {}).values()]

    def embed_documents(self, texts):
        cls = type(self)
        cls.inside += 1
        cls.most = max(cls.most, cls.inside)
        cls.meeting.wait(60)  # until as many are inside as may be
        time.sleep(0.02)  # more may come where they should not
        cls.inside -= 1
        if cls.busy:
            cls.busy -= 1
            raise RefusedError(503, f"busy, {cls.keys[0]}")
        if max(map(len, texts)) > 40:
            raise RefusedError(400, "maximum context length is 40 characters")
        return super().embed_documents(texts)


class Pair(Remote):
    """Says that two calls may run at once, as LlamaIndex's classes do."""

    thread_safe = False
    num_workers = 2
    busy = 0


class Single(Remote):
    thread_safe = False
    busy = 0


class Gone(LangChainLike):
    def embed_documents(self, texts):
        raise ConnectionRefusedError("nobody listens")


class Denied(LangChainLike):
    def __init__(self, token: str) -> None:
        raise ValueError(f"bad token {token}")


def made_by_hand(size: int) -> LangChainLike:
    return LangChainLike(size, scale=3.0)


def unknown(size: int):
    raise AssertionError


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
    with pytest.raises(UsageError, match="Neither is not an embedding class, which has embed_doc"):
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


def test_texts_go_wherever_the_class_sends_them(create):
    spec = create(f"langchain:{HERE}.Remote?headers={{}}").spec
    told = destination(spec.provider, spec.model, "")
    assert told == f"; texts go wherever {HERE}.Remote sends them"
    assert destination("python:my.module:Mine", "", "").endswith(
        "wherever my.module:Mine sends them"
    )
    assert destination("static", "", "") == ", on this machine"
    assert destination("openai", "m", "http://h/v1") == "; texts are sent to http://h/v1"


def test_keys_come_from_the_environment_and_stand_nowhere(create, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-secret-1")
    monkeypatch.setattr(Remote, "busy", 0)
    headers = '{"Authorization":"Bearer ${MY_KEY}"}'
    name = f"langchain:{HERE}.Remote?api_key=${{MY_KEY}}&headers={headers}"
    embedder = create(name)
    embedder.embed_documents(["key"])
    assert Remote.keys == ["sk-secret-1", "Bearer sk-secret-1"]
    assert "sk-secret" not in str(embedder.spec)
    monkeypatch.setattr(Remote, "busy", 1)
    with pytest.raises(RemoteError, match="busy") as caught:
        embedder.embed_documents(["key"])
    assert "sk-secret" not in caught.value.message
    with pytest.raises(RemoteError, match=r"bad token \[key\]"):
        create(f"langchain:{HERE}.Denied?token=${{MY_KEY}}").embed_query("key")
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(UsageError, match="needs the variable MY_KEY"):
        create(name)


def test_refusals_are_tried_again_and_long_texts_divided(create, monkeypatch):
    monkeypatch.setattr(Remote, "busy", 2)
    notes = []
    long = "the signing key " * 5
    with new_pool(create(f"langchain:{HERE}.Remote"), notify=notes.append) as pool:
        vectors = pool.embed(["whales sing", long, "keys"])
    assert vectors.shape == (3, 16)
    whales = vectors_of(["whales sing"], 16)[0]
    np.testing.assert_allclose(vectors[0], whales / np.linalg.norm(whales), atol=1e-5)
    assert any("embedded in" in note and "parts" in note for note in notes)


def test_a_server_that_is_not_there_is_unavailable(create):
    with pytest.raises(RemoteUnavailableError, match="nobody listens"):
        create(f"langchain:{HERE}.Gone").embed_documents(["key"])


@pytest.mark.parametrize(("name", "most"), [("Single", 1), ("Pair", 2), ("Remote", 4)])
def test_a_class_is_called_at_once_as_far_as_it_says(create, monkeypatch, name, most):
    kind = globals()[name]
    monkeypatch.setattr(kind, "busy", 0)
    monkeypatch.setattr(kind, "meeting", threading.Barrier(most))
    kind.inside = kind.most = 0
    embedder = create(f"langchain:{HERE}.{name}")
    assert embedder.default_threads == {"Single": 1, "Pair": 2, "Remote": 0}[name]
    threads = [threading.Thread(target=embedder.embed_documents, args=(["a"],)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kind.most == most


def test_a_factory_that_says_what_it_makes(create):
    embedder = create(f"langchain:{HERE}.made_by_hand?size=8")
    np.testing.assert_allclose(
        embedder.embed_documents(TEXTS).vectors, 3 * vectors_of(TEXTS, 8), rtol=1e-6
    )
    with pytest.raises(UsageError, match="not an embedding class"):
        create(f"langchain:{HERE}.unknown?size=8")
