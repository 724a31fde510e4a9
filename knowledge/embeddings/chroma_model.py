"""Chroma's own all-MiniLM-L6-v2: where Chroma keeps it, and Chroma's own code to fetch it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256
"""What sentence-transformers and Chroma use; the model's own files say otherwise."""

_FILES = ("model.onnx", "tokenizer.json", "config.json", "tokenizer_config.json")


def model_folder() -> Path:
    """Return where Chroma keeps the model; the same for all versions so far."""
    return Path.home() / ".cache" / "chroma" / "onnx_models" / MODEL / "onnx"


def is_there() -> bool:
    """Tell whether the model was downloaded already."""
    return all((model_folder() / name).is_file() for name in _FILES)


def fetched_folder() -> Path:
    """Return the model's folder; Chroma's code downloads it (79 MiB) when it is not there.

    Raises
    ------
    EmbeddingError
        It is not there, and can't be downloaded.
    """
    if not is_there():
        try:
            _download()
        except Exception as error:
            raise EmbeddingError(
                f"Chroma's model {MODEL} is not in {model_folder()}, and downloading it failed: "
                f"{type(error).__name__}: {error}",
                hint="Try again with a network, copy that folder from a machine that has it, "
                "or use the bundled offline model: --embedding-model-provider static",
            ) from error
    return model_folder()


def _download() -> None:
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    function = ONNXMiniLM_L6_V2()
    # Chroma set its folder when it was imported; HOME may have changed since.
    function.DOWNLOAD_PATH = model_folder().parent
    function.tqdm = _silent(function.tqdm)
    function._download_model_if_not_exists()


def _silent(bar: Callable[..., Any]) -> Callable[..., Any]:
    """Return a progress bar that shows nothing: this room prints nothing."""
    return lambda **options: bar(**{**options, "disable": True})
