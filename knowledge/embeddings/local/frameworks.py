"""Embedding objects of other frameworks: ``package.module.Class?argument=value``.

Any class will do that has ``embed_documents`` and ``embed_query``, as LangChain's have, or
``get_text_embedding_batch`` and ``get_query_embedding``, as LlamaIndex's have. Nothing else is
called, whatever a model's name says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Self

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.local.local import LocalEmbedder, need_model, wanted_dimensions
from knowledge.embeddings.model_name import parse_model_name
from knowledge.errors import UsageError
from knowledge.model import EmbedderSpec
from knowledge.settings.importing import import_installed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from knowledge.settings.reading import Settings


_SECRET = re.compile(
    r"(^|[_-])(key|token|secrets?|passwords?|passwd|credentials?|bearer|authorization)$"
    r"|(api|access|auth)[_-]?(keys?|tokens?)$",
    re.IGNORECASE,
)
_HALF_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PASSWORD = re.compile(r"://[^/\s]*@")
_PAIRS = (
    ("embed_documents", "embed_query"),
    ("get_text_embedding_batch", "get_query_embedding"),
)


class FrameworkEmbedder(LocalEmbedder):
    """Calls an object of another framework, which is made at the first text.

    Parameters
    ----------
    factory:
        The class.
    arguments:
        What it is called with.
    """

    own_instructions = True
    provider: ClassVar[str]
    example: ClassVar[str]
    load_hint = "Check the arguments after the ? and the variables that the class reads."

    def __init__(self, spec: EmbedderSpec, factory: Any, arguments: Mapping[str, Any]) -> None:
        super().__init__(spec)
        self._factory = factory
        self._arguments = arguments

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Import the class that ``model`` names.

        Raises
        ------
        UsageError
            It can't be imported or embeds nothing, an argument is a secret, or dimensions are
            asked for.
        """
        model = need_model(model, cls.provider, cls.example)
        dimensions = wanted_dimensions(settings, dimensions)
        if dimensions is not None:
            raise UsageError(
                f"{cls.provider} can't be asked for {dimensions} dimensions",
                hint="Give the class its own argument, such as ?dimensions=256.",
            )
        path, arguments = parse_model_name(model)
        _check_no_secret(arguments)
        factory = _import(path, cls.provider, cls.example)
        return cls(EmbedderSpec(cls.provider, model), factory, arguments)

    def load(self) -> tuple[Any, Any]:
        """Make the object, and return its two methods."""
        made = self._factory(**self._arguments)
        documents, query = next(pair for pair in _PAIRS if _has(self._factory, *pair))
        return getattr(made, documents), getattr(made, query)

    def run(self, model: tuple[Any, Any], texts: list[str], *, query: bool) -> Embeddings:
        """Call the object; a question by its own method."""
        import numpy as np

        embed_documents, embed_query = model
        vectors = [embed_query(text) for text in texts] if query else embed_documents(texts)
        return Embeddings(np.asarray(vectors, np.float32))


def _import(path: str, provider: str, example: str) -> Any:
    """Import ``package.module.Class``; ``package.module:Class`` is understood as well."""
    module, _, name = path.replace(":", ".").rpartition(".")
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        raise UsageError(
            f"{provider} needs a class with its module, not {path!r}",
            hint=f"Write {provider}:package.module.Class",
        )
    try:
        found = getattr(import_installed(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"can't import {path} for the provider {provider}: {error}",
            hint=f"Install the package {module.partition('.')[0].replace('_', '-')} "
            "where knowledge runs, and check the class's name.",
        ) from error
    if not isinstance(found, type) or not any(_has(found, *pair) for pair in _PAIRS):
        wanted = " or ".join(" and ".join(pair) for pair in _PAIRS)
        raise UsageError(
            f"{path} is no embedding class, which has {wanted}",
            hint=f"Name one, such as {provider}:{example}",
        )
    return found


def _has(found: type, *methods: str) -> bool:
    return all(callable(getattr(found, method, None)) for method in methods)


def _check_no_secret(arguments: Mapping[str, Any]) -> None:
    """Refuse secrets: a model's name is stored with the dataset, and shown."""
    for name, value in _all_values(arguments):
        if _SECRET.search(_HALF_WORD.sub("_", name)):
            raise UsageError(
                f"{name} looks like a secret, and the model's name is stored and shown",
                hint="Leave it out, and set the environment variable that the library reads, "
                "such as OPENAI_API_KEY.",
            )
        if isinstance(value, str) and _PASSWORD.search(value):
            raise UsageError(
                f"{name} holds a user or a password, and the model's name is stored and shown",
                hint="Give the address without it.",
            )


def _all_values(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every name and value, those inside objects and lists too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key), inner
            yield from _all_values(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield name, inner
            yield from _all_values(inner, name)


class LangChainEmbedder(FrameworkEmbedder):
    """Calls an embedding object of LangChain."""

    provider = "langchain"
    example = "langchain_openai.OpenAIEmbeddings?model=text-embedding-3-small"


class LlamaIndexEmbedder(FrameworkEmbedder):
    """Calls an embedding object of LlamaIndex."""

    provider = "llama-index"
    example = "llama_index.embeddings.openai.OpenAIEmbedding"
