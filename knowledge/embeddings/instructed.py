"""An embedder with words put before questions and documents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from knowledge.embeddings.instructions import AUTO, NONE, Instructions, chosen
from knowledge.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.embeddings.embedder import Embedder, Embeddings
    from knowledge.model import EmbedderSpec
    from knowledge.settings import Settings

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
                hint=f"Leave --{name.replace('_', '-')} out ({settings.values[name].source}).",
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
