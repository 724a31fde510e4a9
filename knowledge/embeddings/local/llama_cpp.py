"""GGUF models on llama.cpp, by the llama-cpp-python library."""

from __future__ import annotations

from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.local.extras import need_library
from knowledge.embeddings.local.local import (
    LocalEmbedder,
    asked,
    check_lengths,
    need_model,
    one_line,
    shortened,
    wanted_dimensions,
)
from knowledge.embeddings.local.model_identity import file_hash
from knowledge.embeddings.model_name import absolute, only_known, parse_model_name
from knowledge.errors import RemoteError, UsageError
from knowledge.model import EmbedderSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from knowledge.settings.reading import Settings

CONTEXT = 2_048
"""Most tokens of a context, unless ``?n_ctx=`` asks for more: memory grows with it."""

_POOLINGS = {"mean": 1, "cls": 2, "last": 3}
"""The library's ``LLAMA_POOLING_TYPE_*``."""
_ERROR = 4
"""ggml's level of errors."""


class LlamaCppEmbedder(LocalEmbedder):
    """Runs one GGUF file in one context.

    Parameters
    ----------
    path:
        The file.
    arguments:
        ``n_ctx`` and ``pooling``, where the name gives them.
    threads:
        0 is the library's choice.
    gpu_layers:
        Layers that a GPU takes; -1 is all.
    """

    load_hint = "Check that the file is a GGUF embedding model that this llama-cpp-python knows."

    def __init__(
        self,
        spec: EmbedderSpec,
        path: Path,
        arguments: Mapping[str, Any],
        *,
        threads: int = 0,
        gpu_layers: int = 0,
    ) -> None:
        super().__init__(spec)
        self._path = path
        self._arguments = arguments
        self._threads = threads
        self._gpu_layers = gpu_layers

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder; the model is loaded at the first text.

        Raises
        ------
        UsageError
            The library is not installed, the file does not exist or is not a GGUF file, or an
            argument does not fit.
        """
        need_library("llama_cpp", extra="llama-cpp", user="the embedding provider llama-cpp")
        dimensions = wanted_dimensions(settings, dimensions)
        model = need_model(model, "llama-cpp", "/path/to/model.gguf")
        name, arguments = parse_model_name(model)
        only_known(arguments, ("n_ctx", "pooling"), "llama-cpp")
        _check_arguments(arguments)
        path = absolute(name)
        _check_gguf(path)
        spec = EmbedderSpec(
            "llama-cpp",
            model.replace(name, str(path), 1),
            dimensions,
            asked(dimensions, files=file_hash(path)),
        )
        return cls(
            spec,
            path,
            arguments,
            threads=settings["local_model_threads"],
            gpu_layers=settings["llama_cpp_gpu_layers"],
        )

    def load(self) -> Any:
        """Load the file, with a context of the model's own length up to `CONTEXT`.

        Raises
        ------
        RemoteError
            llama.cpp can't; the message has its words.
        """
        complaints, _ = _log()
        complaints.clear()
        try:
            return self._open()
        except (ValueError, RuntimeError) as error:
            why = "; ".join(complaints) or one_line(error)
            raise RemoteError(
                f"can't load the model llama-cpp:{self.spec.model}: {why}", hint=self.load_hint
            ) from error

    def _open(self) -> Any:
        from llama_cpp import Llama

        trained = _trained_context(self._path)
        context = min(self._arguments.get("n_ctx", CONTEXT), trained or CONTEXT)
        pooling = self._arguments.get("pooling")
        model = Llama(
            str(self._path),
            embedding=True,
            n_ctx=context,
            n_batch=context,
            n_ubatch=context,
            n_threads=self._threads or None,
            n_threads_batch=self._threads or None,
            n_gpu_layers=self._gpu_layers,
            pooling_type=_POOLINGS[pooling] if pooling else -1,
            verbose=False,
        )
        self.max_input_tokens = min(context, model.n_ctx())
        return model

    def run(self, model: Any, texts: list[str], *, query: bool) -> Embeddings:
        """Embed texts; each is in a sequence of its own.

        Raises
        ------
        RemoteError
            The model gives a vector for each token, as models made to write text do.
        """
        import numpy as np

        del query
        lengths = [len(model.tokenize(text.encode())) for text in texts]
        check_lengths(lengths, self.max_input_tokens, self._path.name)
        made = model.embed(texts)
        if made and made[0] and isinstance(made[0][0], list):
            raise RemoteError(
                f"{self._path.name} does not say how to pool its token vectors",
                hint="Say it in the model's name: llama-cpp:FILE?pooling=mean (or cls, last).",
            )
        vectors = np.asarray(made, np.float32)
        return Embeddings(shortened(vectors, self.spec.options.get("dimensions")), sum(lengths))


def _check_arguments(arguments: Mapping[str, Any]) -> None:
    context = arguments.get("n_ctx", 1)
    if isinstance(context, bool) or not isinstance(context, int) or context < 1:
        raise UsageError(f"n_ctx must be a whole number above 0, not {context!r}")
    pooling = arguments.get("pooling", "mean")
    if pooling not in _POOLINGS:
        raise UsageError(
            f"there is no pooling {pooling!r}", hint=f"Choose one of {', '.join(_POOLINGS)}."
        )


def _check_gguf(path: Path) -> None:
    """Check the first bytes: llama.cpp itself tells no more than that it failed."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise UsageError(
            f"can't read the model {path}: {error.strerror}",
            hint="Write the path of a GGUF file: llama-cpp:/path/to/model.gguf",
        ) from error
    if magic != b"GGUF":
        raise UsageError(
            f"{path} is not a GGUF file", hint="Convert or download the model as GGUF."
        )


@cache
def _log() -> tuple[deque[str], Any]:
    """Have llama.cpp print nothing; return its last errors, and what collects them."""
    import llama_cpp

    errors: deque[str] = deque(maxlen=3)

    def take(level: int, text: bytes, data: Any) -> None:
        del data
        if level == _ERROR:
            errors.append(text.decode(errors="replace").strip())

    callback = llama_cpp.llama_log_callback(take)
    llama_cpp.llama_log_set(callback, None)
    return errors, callback


def _trained_context(path: Path) -> int | None:
    """Read the longest text that the model was made for, without loading its weights."""
    import ctypes

    import llama_cpp

    llama_cpp.llama_backend_init()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        return None
    try:
        text = ctypes.create_string_buffer(64)

        def value(key: str) -> str:
            found = llama_cpp.llama_model_meta_val_str(model, key.encode(), text, len(text))
            return text.value.decode() if found >= 0 else ""

        length = value(f"{value('general.architecture')}.context_length")
        return int(length) if length.isdigit() and int(length) else None
    finally:
        llama_cpp.llama_model_free(model)
