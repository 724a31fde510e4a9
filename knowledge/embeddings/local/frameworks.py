"""Embedding objects of other frameworks: ``package.module.Class?argument=value``.

Any class will do that has ``embed_documents`` and ``embed_query``, as LangChain's have, or
``get_text_embedding_batch`` and ``get_query_embedding``, as LlamaIndex's have. Nothing else is
called, whatever a model's name says. A function will do that says by its annotation that it returns
such an object.

``${NAME}`` in an argument is a variable of the environment, put in when the object is made, so that
no key stands in a model's name.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from inspect import isfunction
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_type_hints

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.local.local import (
    LocalEmbedder,
    need_model,
    one_line,
    wanted_dimensions,
)
from knowledge.embeddings.model_name import parse_model_name
from knowledge.errors import KnowledgeError, RemoteError, RemoteUnavailableError, UsageError
from knowledge.model import EmbedderSpec
from knowledge.remote.endpoint import Endpoint
from knowledge.remote.refusals import Failures, says_limit
from knowledge.settings.importing import import_installed
from knowledge.settings.variables import Variables
from knowledge.text.masking import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from knowledge.settings.reading import Settings


_SECRET = re.compile(
    r"(^|[_-])(key|token|secrets?|passwords?|passwd|credentials?|bearer|authorization)$"
    r"|(api|access|auth)[_-]?(keys?|tokens?)$",
    re.IGNORECASE,
)
_HALF_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PASSWORD = re.compile(r"://[^/\s]*@")
_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*\}")
_CONNECTION = re.compile(r"Connect|Timeout|Unavailable|RateLimit|ServerError|Throttl")
"""In an exception's name: the next try may pass."""
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

    It is called by several threads at once only where it says that it may be: by a true
    ``thread_safe``, or by LlamaIndex's ``num_workers``, of the class or among the arguments.
    """

    own_instructions = True
    provider: ClassVar[str]
    example: ClassVar[str]
    load_hint = "Check the arguments after the ? and the variables that the class reads."

    def __init__(self, spec: EmbedderSpec, factory: Any, arguments: Mapping[str, Any]) -> None:
        super().__init__(spec)
        self._factory = factory
        self._arguments = arguments
        self._secrets: list[str] = []
        safe = bool(getattr(factory, "thread_safe", False))
        workers = arguments.get("num_workers") or getattr(factory, "num_workers", None)
        self._workers = int(workers) if isinstance(workers, int) and workers > 1 else 1
        # Without a number of its own it gets as many as anybody.
        self.default_threads = 0 if safe else self._workers
        self._places = None if safe else threading.BoundedSemaphore(self._workers)

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Import the class that ``model`` names.

        Raises
        ------
        UsageError
            It can't be imported or embeds nothing, an argument is a secret or needs a variable
            that is not set, or dimensions are asked for.
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
        _expanded(arguments)
        factory = _import(path, cls.provider, cls.example)
        return cls(EmbedderSpec(cls.provider, model), factory, arguments)

    def load(self) -> tuple[Any, Any]:
        """Make the object, and return its two methods."""
        arguments, self._secrets = _expanded(self._arguments)
        try:
            made = self._factory(**arguments)
        except Exception as error:  # noqa: BLE001 - a stranger's code; all of it becomes an error
            raise RemoteError(
                f"can't load the model {self.spec.provider}:{self.spec.model}: {self._told(error)}",
                hint=self.load_hint,
                lasting=True,
            ) from (None if self._secrets else error)
        documents, query = next(pair for pair in _PAIRS if _has(type(made), *pair))
        return getattr(made, documents), getattr(made, query)

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, shape (texts, dimensions).

        Raises
        ------
        RemoteError
            The object can't be made, or failed; of the kind that what it raised tells.
        """
        return self._called(list(texts), query=False)

    def embed_query(self, text: str) -> Embeddings:
        """Embed one question, shape (1, dimensions); raises as `embed_documents` does."""
        return self._called([text], query=True)

    def _called(self, texts: list[str], *, query: bool) -> Embeddings:
        with self._lock:
            model = self._loaded()
        with self._places or contextlib.nullcontext():
            try:
                return self.run(model, texts, query=query)
            except KnowledgeError:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                raise self._judged(error, len(texts)) from (None if self._secrets else error)

    def _judged(self, error: Exception, texts: int) -> RemoteError:
        """Return an error of ours for what a framework raised, by the status that it carries."""
        who = f"{self.spec.provider}:{self.spec.model}"
        said, status = self._told(error), _status_of(error)
        endpoint = Endpoint(
            self.spec.provider, "its server", "", {}, {}, tuple(self._secrets), False, False
        )
        failures = Failures(endpoint, self.spec.model)
        if status is not None:
            headers = getattr(getattr(error, "response", None), "headers", None) or {}
            found = failures.of_status(status, headers, said, texts=texts)
        elif says_limit(said):
            found = failures.of_status(413, {}, said, texts=texts)
            found.message = f"{who} failed: {said}"
        elif isinstance(error, OSError) or _CONNECTION.search(type(error).__name__):
            unreachable = failures.of_connection(error)
            found = RemoteUnavailableError(
                f"{who} failed: {said}",
                unreachable=isinstance(unreachable, RemoteUnavailableError)
                and unreachable.unreachable,
            )
        else:
            return RemoteError(
                f"{who} failed: {said}",
                hint="Check the class's arguments; `debug` shows where it failed.",
            )
        found.hint = found.hint if says_limit(said) else self.load_hint
        return found

    def _told(self, error: BaseException) -> str:
        """Return an error's kind and text in one line, without the values of variables."""
        return without_secrets(one_line(error), self._secrets, shown="[key]")

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
    if not any(_has(_made_by(found), *pair) for pair in _PAIRS):
        wanted = " or ".join(" and ".join(pair) for pair in _PAIRS)
        raise UsageError(
            f"{path} is not an embedding class, which has {wanted}",
            hint=f"Name one, such as {provider}:{example}",
        )
    return found


def _made_by(found: Any) -> Any:
    """Return the class of what a factory makes; ``None`` for what makes nothing that is known."""
    if isfunction(found):
        try:
            return get_type_hints(found).get("return")
        except (NameError, TypeError, AttributeError, SyntaxError):
            return None  # an annotation that means nothing here
    return found if isinstance(found, type) else None


def _status_of(error: BaseException | None) -> int | None:
    """Return the HTTP status that an exception, or what caused it, carries."""
    for _ in range(5):
        if error is None:
            return None
        for holder in (error, getattr(error, "response", None)):
            for name in ("status_code", "http_status", "status"):
                status = getattr(holder, name, None)
                if type(status) is int and 400 <= status < 600:
                    return status
        error = error.__cause__ or error.__context__
    return None


def _expanded(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Put variables of the environment into arguments; return these, and the variables' values.

    Raises
    ------
    UsageError
        A variable is not set.
    """
    variables = Variables(os.environ, {})
    secrets: list[str] = []

    def expand(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: expand(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [expand(inner) for inner in value]
        found = variables.expand(value)
        if found.missing:
            raise UsageError(
                f"the model's name needs the variable {found.missing[0]}, which is not set",
                hint=f"Set {found.missing[0]} in the environment.",
            )
        secrets.extend(os.environ[name] for name in found.environment if os.environ[name])
        return found.value

    return expand(dict(arguments)), secrets


def _has(found: Any, *methods: str) -> bool:
    return all(callable(getattr(found, method, None)) for method in methods)


def _check_no_secret(arguments: Mapping[str, Any]) -> None:
    """Refuse secrets: a model's name is stored with the dataset, and shown."""
    for name, value in _all_values(arguments):
        if _SECRET.search(_HALF_WORD.sub("_", name)) and not _is_variable(value):
            raise UsageError(
                f"{name} looks like a secret, and the model's name is stored and shown",
                hint=f"Write {name}=${{NAME}}, with NAME set in the environment, or leave it out "
                "and set the variable that the library reads, such as OPENAI_API_KEY.",
            )
        if isinstance(value, str) and _PASSWORD.search(value):
            raise UsageError(
                f"{name} holds a user or a password, and the model's name is stored and shown",
                hint="Give the address without it.",
            )


def _is_variable(value: Any) -> bool:
    """Tell a reference from a secret; what a mapping or a list holds is looked at by itself."""
    if isinstance(value, str):
        return _VARIABLE.fullmatch(value.removeprefix("Bearer ")) is not None
    return isinstance(value, dict | list) and bool(value)


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
