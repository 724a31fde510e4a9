"""What models that run in this process have in common."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.embedder import Embeddings
from knowledge.errors import KnowledgeError, RemoteError, RemoteInputTooLongError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.model import EmbedderSpec
    from knowledge.settings.reading import Settings


class LocalEmbedder(ABC):
    """Loads its model at the first text, and runs one request at a time.

    The libraries use all cores for one request, and most of them may not be called from two
    threads at once; so a second thread only helps to prepare.

    Parameters
    ----------
    max_input_tokens:
        Longest text, where it is known before the model is loaded.
    """

    default_threads = 1
    own_instructions: bool = False
    """True when the model's own files say what to put before questions and documents."""
    load_hint = "Check the model's files."

    def __init__(self, spec: EmbedderSpec, *, max_input_tokens: int | None = None) -> None:
        self.spec = spec
        self.endpoint = ""
        self.max_input_tokens = max_input_tokens
        self.max_batch = 256
        self.cacheable = True
        self.notify: Callable[[str], None] = _say_nothing
        self._lock = threading.Lock()
        self._model: Any = None

    def report_to(self, notify: Callable[[str], None]) -> None:
        """Tell what takes long, or had to be guessed, when the model is loaded."""
        self.notify = notify

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, shape (texts, dimensions).

        Raises
        ------
        RemoteInputTooLongError
            A text is longer than the model takes.
        RemoteError
            The model can't be loaded.
        """
        with self._lock:
            return self.run(self._loaded(), list(texts), query=False)

    def embed_query(self, text: str) -> Embeddings:
        """Embed one question, shape (1, dimensions); raises as `embed_documents` does."""
        with self._lock:
            return self.run(self._loaded(), [text], query=True)

    def close(self) -> None:
        """Let the model go; a later text loads it again."""
        with self._lock:
            model, self._model = self._model, None
        if callable(close := getattr(model, "close", None)):
            close()

    @abstractmethod
    def load(self) -> Any:
        """Load the model; whatever it raises becomes a `RemoteError`."""

    @abstractmethod
    def run(self, model: Any, texts: list[str], *, query: bool) -> Embeddings:
        """Embed texts with what `load` returned; one call at a time."""

    def _loaded(self) -> Any:
        if self._model is None:
            try:
                self._model = self.load()
            except KnowledgeError:
                raise
            except Exception as error:
                raise RemoteError(
                    f"can't load the model {self.spec.provider}:{self.spec.model}: "
                    f"{one_line(error)}",
                    hint=self.load_hint,
                    lasting=True,
                ) from error
        return self._model


def _say_nothing(_: str) -> None:
    """Take a note and drop it."""


def check_lengths(lengths: Sequence[int], longest: int | None, model: str) -> None:
    """Check that no text has more tokens than the model takes: libraries cut texts silently.

    Raises
    ------
    RemoteInputTooLongError
        One has. The pool then embeds it in parts.
    """
    if longest is not None and lengths and max(lengths) > longest:
        raise RemoteInputTooLongError(
            f"a text has {max(lengths)} tokens; {model} takes {longest}",
            hint="Ingest with a smaller `chunk_size`.",
        )


def shortened(vectors: NDArray[np.float32], dimensions: int | None) -> NDArray[np.float32]:
    """Return the first ``dimensions`` of each vector; all where it is ``None``.

    Raises
    ------
    RemoteError
        The model has fewer.
    """
    if dimensions is None:
        return vectors
    if vectors.shape[1] < dimensions:
        raise RemoteError(
            f"the model has {vectors.shape[1]} dimensions, not {dimensions}",
            hint="Ask for fewer dimensions, or for none.",
        )
    return vectors[:, :dimensions]


def wanted_dimensions(settings: Settings, dimensions: int | None) -> int | None:
    """Return the requested size of vectors, of this call or of the settings."""
    return dimensions or int(settings["embedding_dimensions"]) or None


def asked(dimensions: int | None, **options: Any) -> dict[str, Any]:
    """Return the options of a spec: those that are not ``None``."""
    return {
        name: value
        for name, value in {"dimensions": dimensions, **options}.items()
        if value is not None
    }


def need_model(model: str | None, provider: str, example: str) -> str:
    """Return the model's name.

    Raises
    ------
    UsageError
        There is none, and the provider has no default.
    """
    if not model:
        raise UsageError(
            f"the embedding provider {provider} needs a model",
            hint=f"Write it after a colon, such as {provider}:{example}",
        )
    return model


def one_line(error: BaseException) -> str:
    """Return an error's kind and text in one line of at most 300 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]
