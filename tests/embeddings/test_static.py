from __future__ import annotations

import os
import shutil
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.local import static
from knowledge.embeddings.local import static as static_words
from knowledge.embeddings.local.bundled_files import question_tokens
from knowledge.embeddings.local.static import StaticEmbedder, StaticQuestions, WordTokens
from knowledge.errors import RemoteError, UsageError
from knowledge.settings.reading import Settings

TEXTS = [
    "How do I rotate the signing key?",
    "x",
    "  two  spaces,\ttabs\nand lines ",
    "Schlüssel 钥匙 ключ 🔑 <s> </s> <unk>",
    "long " * 3_000,
    "\x00\u200b",
]


def test_it_fulfils_the_protocol():
    embedder = StaticEmbedder()
    assert isinstance(embedder, Embedder)
    assert str(embedder.spec) == "static:wordllama-l2-supercat-256, 256 dimensions"
    assert not embedder.cacheable


def test_vectors_equal_those_of_wordllama():
    from wordllama import WordLlama

    folder = static._model_file(static._WEIGHTS).parents[1]
    original = WordLlama.load(dim=256, cache_dir=folder, disable_download=True)
    expected = np.vstack([original.embed([text], norm=True) for text in TEXTS])
    answer = StaticEmbedder().embed_documents(TEXTS)
    assert answer.vectors.dtype == np.float32
    np.testing.assert_allclose(answer.vectors, expected, atol=1e-6)


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_a_vector_depends_on_its_own_text_only(texts):
    embedder = StaticEmbedder()
    together = embedder.embed_documents(texts).vectors
    alone = np.vstack([embedder.embed_query(text).vectors for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


@pytest.fixture(scope="module")
def words():
    return WordTokens(static._tokenizer())


def ids_of(words, texts):
    return [ids.tolist() for ids in words.token_ids(texts)]


@settings(deadline=None)
@given(
    st.lists(
        st.text("ab,.\u2581 \n\t\r\u00e9\u4f60<s>/" + "\U0001f511", max_size=90)
        | st.text(st.characters(exclude_categories=["Cs"]))
    )
)
def test_words_have_the_tokens_that_the_tokenizer_gives(words, texts):
    tokenizer = static._tokenizer()
    expected = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert ids_of(words, texts) == expected
    assert ids_of(words, [*texts, "x" * 99]) == [*expected, *ids_of(words, ["x" * 99])]


def test_words_are_forgotten_when_they_are_too_many(monkeypatch):
    monkeypatch.setattr(static_words, "_MOST", 3)
    words = WordTokens(static._tokenizer())
    first = ids_of(words, ["one two three four five"])
    assert ids_of(words, ["six", "one two three four five"])[1:] == first
    assert ids_of(words, ["six  ", "one two three four five"])[1:] == first


def test_few_texts_have_the_vectors_that_many_have(monkeypatch):
    texts = [f"text {number} of many, about keys" for number in range(5)]
    few = StaticEmbedder().embed_documents(texts)
    monkeypatch.setattr(static, "_FEW", 2)
    many = StaticEmbedder().embed_documents(texts)
    np.testing.assert_array_equal(few.vectors, many.vectors)
    assert few.tokens == many.tokens


def test_slices_of_a_long_text_add_up(monkeypatch):
    text = "a text of several slices " * 50
    whole = StaticEmbedder().embed_documents([text]).vectors
    monkeypatch.setattr(static, "_SLICE", 7)
    monkeypatch.setattr(static, "_QUESTION", 7)
    np.testing.assert_allclose(StaticEmbedder().embed_documents([text]).vectors, whole, atol=1e-6)
    np.testing.assert_allclose(StaticEmbedder().embed_query(text).vectors, whole, atol=1e-6)


def test_tokens_are_counted():
    embedder = StaticEmbedder()
    assert embedder.embed_documents(["hello world", "hello"]).tokens == 3
    assert embedder.embed_query("hello world").tokens == 2


def test_threads_share_one_table():
    found: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: found.append(StaticEmbedder().embed_documents(TEXTS)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert static._vectors() is static._vectors()


def test_other_models_and_dimensions_are_refused(tmp_path):
    settings = Settings.read(environ={}, folder=tmp_path)
    assert StaticEmbedder.from_settings(settings, model=static.MODEL, dimensions=256)
    with pytest.raises(UsageError, match="no model 'other'"):
        StaticEmbedder.from_settings(settings, model="other")
    with pytest.raises(UsageError, match="256 dimensions, not 64"):
        StaticEmbedder.from_settings(settings, dimensions=64)


def test_dimensions_of_the_settings_are_refused_too(tmp_path):
    settings = Settings.read(environ={"KNOW_EMBEDDING_DIMENSIONS": "64"}, folder=tmp_path)
    with pytest.raises(UsageError, match="256 dimensions, not 64") as caught:
        StaticEmbedder.from_settings(settings)
    assert "KNOW_EMBEDDING_DIMENSIONS" in caught.value.hint


def test_missing_files_are_an_error(monkeypatch):
    monkeypatch.setattr(static, "find_spec", lambda name: None)
    with pytest.raises(RemoteError, match=r"weights/l2.* is missing") as caught:
        static._read_vectors.__wrapped__()
    assert "pip install" in caught.value.hint


def test_damaged_files_are_an_error(monkeypatch, tmp_path):
    file = tmp_path / "damaged"
    file.write_bytes(b"\xff" * 100)
    monkeypatch.setattr(static, "_model_file", lambda name: file)
    for read in (static._read_vectors.__wrapped__, static._read_tokenizer.__wrapped__):
        with pytest.raises(RemoteError, match="can't read"):
            read()
    with pytest.raises(RemoteError, match="can't read"):
        static._rows([1])


@pytest.fixture(scope="module")
def tokenizer_file():
    return static._model_file(static._TOKENIZER)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.text("ab,.\u2581 \n\t\r\u00e9\u4f60<s>/" + "\U0001f511", max_size=60)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
        | st.sampled_from(["aaaaaaaa", "          x", "Kündigungsfristen", "<0x41>", "x" * 120])
    )
)
def test_a_question_has_the_tokens_that_the_tokenizer_gives(tokenizer_file, words):
    text = " ".join(words)
    found = question_tokens(tokenizer_file, text)
    expected = static._tokenizer().encode(text, add_special_tokens=False).ids
    assert found == expected or (found is None and ("<" in text or max(map(len, words)) > 50))


def test_a_tokenizer_of_another_kind_is_left_to_the_library(tokenizer_file, tmp_path):
    other = tmp_path / "tokenizer.json"
    other.write_bytes(tokenizer_file.read_bytes() + b" ")
    assert question_tokens(other, "hello world") is None
    assert question_tokens(tokenizer_file, "hello world") is not None


def test_questions_have_the_vectors_of_documents():
    questions = StaticQuestions()
    alone = [questions.embed_query(text) for text in TEXTS[:4]]
    together = StaticEmbedder().embed_documents(TEXTS[:4]).vectors
    np.testing.assert_allclose(alone, together, atol=1e-6)
    with pytest.raises(ValueError, match="blank"):
        questions.embed_query("  ")


def test_the_vectors_of_tokens_are_the_tables_whatever_was_met_before():
    path = static._model_file(static._WEIGHTS)
    table = static._table(path)
    texts = [[5, 3, 5], [], [31_999, 0], list(range(200, 260)), [3]]
    wanted = [table[ids].astype(np.float32).sum(axis=0, dtype=np.float32) for ids in texts]
    together = list(static.TokenVectors(path).sums(texts))
    alone = static.TokenVectors(path)
    for ids, total, expected in zip(texts, together, wanted, strict=True):
        assert np.array_equal(total, expected)
        assert np.array_equal(next(alone.sums([ids])), expected)
    assert list(alone.sums([])) == []


def test_a_file_that_gets_damaged_later_is_an_error(tmp_path):
    path = tmp_path / "weights"
    shutil.copy(static._model_file(static._WEIGHTS), path)
    vectors = static.TokenVectors(path)
    list(vectors.sums([[1, 2]]))
    os.truncate(path, 10_000)
    list(vectors.sums([[2, 1]]))
    with pytest.raises(RemoteError, match="can't read"):
        list(vectors.sums([[30_000]]))
