"""An embedder with words put before questions and documents."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.embeddings.embedder import Embedder, Embeddings
    from knowledge.model import EmbedderSpec
    from knowledge.settings.reading import Settings


# What asymmetric models want in front of questions and of documents.
#
# A model that was trained with such words finds less without them. The table holds them as the
# models' authors publish them, to the letter: white space at the end counts.

AUTO = "auto"
NONE = "none"


@dataclass(frozen=True, slots=True)
class Instructions:
    """What is put before a question, and before a document; empty is nothing."""

    query: str = ""
    document: str = ""


_NOTHING = Instructions()
_SENTENCE = Instructions("Represent this sentence for searching relevant passages: ")
_CHINESE = Instructions("为这个句子生成表示以用于检索相关文章：")
_CODE = Instructions("Represent this query for searching relevant code: ")
_E5 = Instructions("query: ", "passage: ")
_NOMIC = Instructions("search_query: ", "search_document: ")
_TASK = "Instruct: Given a web search query, retrieve relevant passages that answer the query"
_TASK_SPACED = Instructions(f"{_TASK}\nQuery: ")

_FAMILIES: tuple[tuple[str, Instructions], ...] = (
    # BAAI: bge-m3 takes none, Gemma 2 takes a task in tags.
    (r"bge-m3|bge-vl|bge-code|bge-reranker|bge-en-icl", _NOTHING),
    (
        r"bge-multilingual-gemma2",
        Instructions(
            "<instruct>Given a web search query, retrieve relevant passages that answer the query."
            "\n<query>"
        ),
    ),
    (r"bge-(small|base|large)-zh", _CHINESE),
    (r"bge-(small|base|large)", _SENTENCE),
    # intfloat: the instruct models take a task for questions only.
    (r"e5-(\w+-)*instruct|e5-mistral", _TASK_SPACED),
    (r"(m|multilingual-)?e5-(small|base|large)", _E5),
    # Alibaba: only those built on Qwen take a task.
    (r"gte-qwen[\w.]*", _TASK_SPACED),
    (r"gte-", _NOTHING),
    (r"qwen3-(vl-)?embedding", Instructions(f"{_TASK}\nQuery:")),
    # Nomic AI.
    (r"nomic-embed-code|coderankembed", _CODE),
    (r"nomic-embed-text|modernbert-embed", _NOMIC),
    # hkunlp, as LlamaIndex asks them for retrieval.
    (
        r"instructor-(base|large|xl)",
        Instructions(
            "Represent the question for retrieving supporting documents: ",
            "Represent the document for retrieval: ",
        ),
    ),
    # Mixedbread AI, and the model that theirs was grown from.
    (r"mxbai-embed-de-large", _E5),
    (r"mxbai-embed-(large|2d-large)|uae-large", _SENTENCE),
    (r"mxbai-embed-xsmall", _NOTHING),
    # Snowflake: the second generation has other words; Ollama calls it arctic-embed2.
    (r"arctic-embed2|arctic-embed-[lm]-v2", Instructions("query: ")),
    (r"arctic-embed", _SENTENCE),
    # Others.
    (r"embeddinggemma", Instructions("task: search result | query: ", "title: none | text: ")),
    (r"sfr-embedding-(2|mistral)", _TASK_SPACED),
    (r"stella_en_\w+_v5", Instructions(f"{_TASK}.\nQuery: ")),
    (
        r"nv-embed-v[12]",
        Instructions(
            "Instruct: Given a question, retrieve passages that answer the question\nQuery: "
        ),
    ),
    (r"jina-embeddings-v4", Instructions("Query: ", "Passage: ")),
    (
        r"jina-embeddings-v3",
        Instructions(
            "Represent the query for retrieving evidence documents: ",
            "Represent the document for retrieval: ",
        ),
    ),
)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Instructions], ...]:
    return tuple(
        (
            re.compile(
                rf"(?:^|[^a-z0-9])(?:{pattern})" + ("" if pattern.endswith("-") else "(?![a-z])")
            ),
            instructions,
        )
        for pattern, instructions in _FAMILIES
    )


def published(model: str) -> Instructions:
    """Return what a model's authors want, by the model's name as anybody may write it.

    >>> published("text-embedding-nomic-embed-text-v1.5").query
    'search_query: '
    """
    name = model.lower().replace("_v5", "_v5 ").strip()
    return next((found for pattern, found in _patterns() if pattern.search(name)), _NOTHING)


def chosen(model: str, *, query: str, document: str) -> Instructions:
    """Return the instructions in force.

    Parameters
    ----------
    query, document:
        What is asked for: ``auto`` is what is published, ``none`` and the empty text are nothing.
    """
    known = published(model)
    return Instructions(_one(query, known.query), _one(document, known.document))


def _one(asked: str, known: str) -> str:
    word = asked.strip().lower()
    if word == AUTO:
        return known
    return "" if word in ("", NONE) else asked


QUERY, DOCUMENT = "query_instruction", "document_instruction"
"""The options of `EmbedderSpec` that record the instructions; settings have the same names."""


def instructed(embedder: Embedder, settings: Settings) -> Embedder:
    """Return the embedder, wrapped where its model wants words before the texts.

    One that has ``own_instructions`` tells questions from documents by itself, and is left alone.

    Raises
    ------
    UsageError
        Words are asked for that such an embedder would not send.
    """
    if getattr(embedder, "own_instructions", False):
        _refuse_words(embedder, settings)
        return embedder
    words = chosen(embedder.spec.model, query=settings[QUERY], document=settings[DOCUMENT])
    if words == Instructions():
        return embedder
    return cast("Embedder", Instructed(embedder, words))  # the protocol's attributes are settable


def _refuse_words(embedder: Embedder, settings: Settings) -> None:
    for name in (QUERY, DOCUMENT):
        sends_it = name in embedder.spec.options  # as a field of its own
        if not sends_it and settings[name].strip().lower() not in (AUTO, NONE, ""):
            raise UsageError(
                f"{embedder.spec.provider}:{embedder.spec.model} tells questions from documents "
                f"by itself, and takes no {name.replace('_', ' ')}",
                hint=f"Leave `{name}` out ({settings.values[name].source}).",
            )


class Instructed:
    """Puts words before the texts of another embedder; else it is that embedder.

    Parameters
    ----------
    embedder:
        Who embeds.
    words:
        What is put in front; recorded in ``spec.options``, and so part of the fingerprint.
    """

    def __init__(self, embedder: Embedder, words: Instructions) -> None:
        self._embedder = embedder
        self._words = words
        given = {QUERY: words.query, DOCUMENT: words.document}
        self._options = {name: text for name, text in given.items() if text}

    @property
    def spec(self) -> EmbedderSpec:
        """The model's identity, the instructions included."""
        spec = self._embedder.spec
        return replace(spec, options={**spec.options, **self._options})

    @spec.setter
    def spec(self, spec: EmbedderSpec) -> None:
        own = {name: v for name, v in spec.options.items() if name not in self._options}
        self._embedder.spec = replace(spec, options=own)

    @property
    def endpoint(self) -> str:
        """Where texts are sent."""
        return self._embedder.endpoint

    @property
    def max_input_tokens(self) -> int | None:
        """Longest text the model takes, the instruction included."""
        return self._embedder.max_input_tokens

    @property
    def max_batch(self) -> int:
        """Most texts in one request."""
        return self._embedder.max_batch

    @property
    def cacheable(self) -> bool:
        """Whether a vector is worth keeping."""
        return self._embedder.cacheable

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts that will be searched, each behind the document's instruction."""
        return self._embedder.embed_documents([self._words.document + text for text in texts])

    def embed_query(self, text: str) -> Embeddings:
        """Embed one question, behind the question's instruction."""
        return self._embedder.embed_query(self._words.query + text)

    def __getattr__(self, name: str) -> Any:
        """Give what an embedder may have beyond the protocol, such as ``close``."""
        return getattr(self._embedder, name)
