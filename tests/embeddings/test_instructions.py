"""Words before questions and documents: the published ones, others, or none."""

from __future__ import annotations

import pytest

from knowledge.embeddings.choice import choose
from knowledge.embeddings.instructions import Instructed, Instructions, published
from knowledge.embeddings.registry import create_embedder, embedder_for
from knowledge.errors import ModelMismatchError, UsageError
from knowledge.model import Dataset, EmbedderSpec
from knowledge.settings.reading import Settings
from tests.embeddings.fakes import FakeEmbedder, new_pool, vectors_of

SENTENCE = "Represent this sentence for searching relevant passages: "
TASK = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
)


@pytest.mark.parametrize(
    ("model", "query", "document"),
    [
        ("BAAI/bge-small-en-v1.5", SENTENCE, ""),
        ("bge-large:335m", SENTENCE, ""),
        ("/models/bge-base-en-v1.5-onnx", SENTENCE, ""),
        ("BAAI/bge-large-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", ""),
        ("BAAI/bge-m3", "", ""),
        ("intfloat/e5-small-v2", "query: ", "passage: "),
        ("intfloat/multilingual-e5-large", "query: ", "passage: "),
        ("intfloat/multilingual-e5-large-instruct", f"{TASK} ", ""),
        ("intfloat/e5-mistral-7b-instruct", f"{TASK} ", ""),
        ("Alibaba-NLP/gte-Qwen2-1.5B-instruct", f"{TASK} ", ""),
        ("Alibaba-NLP/gte-large-en-v1.5", "", ""),
        ("nomic-embed-text:v1.5", "search_query: ", "search_document: "),
        ("text-embedding-nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("nomic-ai/nomic-embed-text-v2-moe", "search_query: ", "search_document: "),
        ("nomic-embed-code", "Represent this query for searching relevant code: ", ""),
        (
            "hkunlp/instructor-large",
            "Represent the question for retrieving supporting documents: ",
            "Represent the document for retrieval: ",
        ),
        ("mxbai-embed-large:latest", SENTENCE, ""),
        ("mixedbread-ai/mxbai-embed-xsmall-v1", "", ""),
        ("Qwen/Qwen3-Embedding-0.6B", TASK, ""),
        ("qwen3-embedding:8b-q8_0", TASK, ""),
        ("Snowflake/snowflake-arctic-embed-m-v1.5", SENTENCE, ""),
        ("snowflake-arctic-embed:33m", SENTENCE, ""),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", ""),
        ("snowflake-arctic-embed2", "query: ", ""),
        ("embeddinggemma:300m", "task: search result | query: ", "title: none | text: "),
        ("text-embedding-3-small", "", ""),
        ("all-minilm", "", ""),
        ("sentence-transformers/gtr-t5-base", "", ""),
    ],
)
def test_a_family_is_known_by_any_of_its_names(model, query, document):
    assert published(model) == Instructions(query, document)


@pytest.fixture
def read(tmp_path):
    return lambda **flags: Settings.read(
        environ={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, folder=tmp_path, **flags
    )


def options_of(settings, model="nomic-embed-text"):
    return dict(create_embedder(f"openai:{model}", settings=settings).spec.options)


def test_what_is_put_there_is_part_of_the_identity(read):
    known = {"query_instruction": "search_query: ", "document_instruction": "search_document: "}
    assert options_of(read()) == known
    assert options_of(read(query_instruction="q ")) == {**known, "query_instruction": "q "}
    assert options_of(read(document_instruction="d "), "plain") == {"document_instruction": "d "}
    assert options_of(read(), "plain") == {}


@pytest.mark.parametrize("off", ["", "none", " None "])
def test_they_can_be_turned_off(read, off):
    assert options_of(read(query_instruction=off, document_instruction=off)) == {}


def test_the_environment_takes_a_word_since_empty_is_not_set(tmp_path):
    environ = {"OPENAI_BASE_URL": "http://x", "KNOW_QUERY_INSTRUCTION": "none"}
    settings = Settings.read(environ=environ, folder=tmp_path)
    assert options_of(settings) == {"document_instruction": "search_document: "}


def test_questions_and_documents_get_their_words_before_they_are_sent():
    inner = FakeEmbedder()
    embedder = Instructed(inner, Instructions("q: ", "d: "))
    with new_pool(embedder) as pool:
        pool.embed(["a", "b"])
        pool.embed_query("a")
    assert inner.requests == [["d: a", "d: b"], ["q: a"]]
    assert inner.closed


def test_dimensions_that_are_learnt_reach_both():
    inner = FakeEmbedder(known=False)
    embedder = Instructed(inner, Instructions("q: "))
    with new_pool(embedder) as pool:
        pool.embed(["a"])
    assert embedder.spec == EmbedderSpec("fake", "words", 16, {"query_instruction": "q: "})
    assert inner.spec == EmbedderSpec("fake", "words", 16)


def test_a_dataset_keeps_the_words_it_was_made_with(read):
    options = {"query_instruction": "old: "}
    spec = EmbedderSpec("openai", "nomic-embed-text", 8, options)
    assert embedder_for(spec, read()).spec == spec
    assert embedder_for(spec, read(query_instruction="new: ")).spec == spec
    plain = EmbedderSpec("openai", "nomic-embed-text", 8)
    assert embedder_for(plain, read()).spec == plain


def dataset(spec):
    return Dataset("d", "d-1", 1, 1, 1, 1, spec, None, {}, None, None)


def test_words_that_somebody_asks_for_must_be_the_datasets(read):
    own = dataset(EmbedderSpec("openai", "nomic-embed-text", 8))  # made when none were known
    provider = {"embedding_model_provider": "openai:nomic-embed-text"}
    assert choose(own, read(**provider)).embedder.spec == own.embedding
    with pytest.raises(ModelMismatchError, match="nomic") as caught:
        choose(own, read(**provider, query_instruction="new: "))
    assert "knowledge reembed" in caught.value.hint


class TellsItself(FakeEmbedder):
    own_instructions = True

    @classmethod
    def from_settings(cls, settings, *, model, dimensions):
        embedder = cls()
        embedder.spec = EmbedderSpec("x", model or "bge-small-en", 16)
        return embedder


def test_an_embedder_that_tells_them_apart_is_left_alone(read):
    name = f"python:{__name__}:TellsItself"
    assert create_embedder(name, settings=read()).spec.options == {}
    assert create_embedder(name, settings=read(query_instruction="none"))
    with pytest.raises(UsageError, match="takes no query instruction"):
        create_embedder(name, settings=read(query_instruction="q: "))


def test_the_words_change_the_vector():
    inner = FakeEmbedder()
    with new_pool(Instructed(inner, Instructions("find: "))) as pool:
        question, document = pool.embed_query("a key"), pool.embed(["a key"])[0]
    assert abs(question - document).max() > 0.01
    assert (vectors_of(["find: a key"])[0] @ question) > 0
