"""Cross-encoders in the process: fastembed's on ONNX Runtime, or sentence-transformers'."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from knowledge.errors import EmbeddingError, UsageError

DEFAULT_MODEL = "Xenova/ms-marco-MiniLM-L-6-v2"


class CrossEncoder:
    """Scores pairs of question and text; the model is loaded at the first question.

    Parameters
    ----------
    model:
        Hub id or folder; empty is a small English model of fastembed's. A model that fastembed
        knows is run by it where it is installed, any other by sentence-transformers.
    """

    def __init__(self, model: str) -> None:
        self._name = model or DEFAULT_MODEL
        self._model: Any = None
        self._lock = threading.Lock()

    def __call__(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return a score for each text; more is better.

        Raises
        ------
        UsageError
            Neither library is installed.
        EmbeddingError
            The model can't be loaded, or failed.
        """
        with self._lock:
            try:
                if self._model is None:
                    self._model = _load(self._name)
                return [float(score) for score in self._model(question, list(texts))]
            except (UsageError, EmbeddingError):
                raise
            except Exception as error:
                raise EmbeddingError(
                    f"the cross-encoder {self._name!r} failed: {error}",
                    hint="Check the model's name; without a network it must be a folder, or have "
                    "been downloaded before.",
                ) from error


def _load(name: str) -> Any:
    """Return a function of question and texts."""
    if _known_to_fastembed(name):
        from fastembed.rerank.cross_encoder import TextCrossEncoder

        return TextCrossEncoder(name).rerank
    try:
        from sentence_transformers import CrossEncoder as Encoder
    except ImportError as error:
        raise UsageError(
            f"--rerank: the cross-encoder {name!r} needs a library that is not installed",
            hint="pip install 'knowledge[fastembed]', or 'knowledge[sentence-transformers]' for "
            "models that fastembed does not have.",
        ) from error
    encoder = Encoder(name)
    return lambda question, texts: encoder.predict([(question, text) for text in texts])


def _known_to_fastembed(name: str) -> bool:
    try:
        from fastembed.rerank.cross_encoder import TextCrossEncoder
    except ImportError:
        return False
    return name in {str(model["model"]) for model in TextCrossEncoder.list_supported_models()}
