"""Cross-encoders in the process: fastembed's on ONNX Runtime, or sentence-transformers'."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.local.fastembed import cache_folder
from knowledge.embeddings.local.hub import ask_hub, downloading, knows
from knowledge.embeddings.local.local import one_line
from knowledge.embeddings.model_name import is_path, local_or_hub
from knowledge.errors import (
    RemoteError,
    UntrustedEndpointError,
    UsageError,
    is_fault_of_code,
)
from knowledge.extras import install_command
from knowledge.retrieval.rerank.apart import score_apart
from knowledge.settings.reading import Origin
from knowledge.settings.trust import TRUST_FLOWS, may_not_name

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

DEFAULT_MODEL = "Xenova/ms-marco-MiniLM-L-6-v2"


class CrossEncoder:
    """Scores pairs of question and text; the model is loaded at the first question.

    Parameters
    ----------
    model:
        Hub id or folder; empty is a small English model of fastembed's. A model that fastembed
        knows is run by it where it is installed, any other by sentence-transformers.
    settings:
        Where fastembed keeps what it downloads, and who named the model.
    notify:
        Told before a download.

    Raises
    ------
    UsageError
        There is no such folder, or the name of a hub's model is one of a folder here too.
    UntrustedEndpointError
        A folder is named by somebody whom the user has not trusted.
    """

    def __init__(
        self, model: str, settings: Settings, notify: Callable[[str], None] | None = None
    ) -> None:
        folder = _folder(model or DEFAULT_MODEL, settings)
        self._name = str(folder) if folder else model or DEFAULT_MODEL
        self._cache = cache_folder(settings)
        self._notify = notify or _say_nothing
        self._model: Any = None
        self._lock = threading.Lock()

    def __call__(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return a score for each text; more is better.

        A text on which the model fails, or that it gives no number, has less than each other one.

        Raises
        ------
        UsageError
            Neither library is installed.
        RemoteError
            The model cannot be loaded, or failed.
        """
        return score_apart(
            lambda part: self._scores(question, part),
            texts,
            who=f"the cross-encoder {self._name!r}",
            notify=self._notify,
        )

    def _scores(self, question: str, texts: Sequence[str]) -> list[float | None]:
        with self._lock:
            try:
                if self._model is None:
                    self._model = _load(self._name, self._cache, self._notify)
                scores = [float(score) for score in self._model(question, list(texts))]
            except (UsageError, RemoteError):
                raise
            except BaseException as error:
                if not is_fault_of_code(error):
                    raise
                raise RemoteError(
                    f"the cross-encoder {self._name!r} failed: {one_line(error)}",
                    hint="Check the model's name; without a network it must be a folder, or have "
                    "been downloaded before.",
                    lasting=self._model is None,
                ) from error
        return [score if math.isfinite(score) else None for score in scores]


def _say_nothing(_: str) -> None:
    """Take a note and drop it."""


def _folder(name: str, settings: Settings) -> Path | None:
    """Return the folder that a model's name means, where it means one."""
    if is_path(name) and may_not_name(settings, "rerank"):
        origin = settings.origin("rerank")
        raise UntrustedEndpointError(
            f"the {origin} names a folder to open: cross-encoder:{name}",
            hint=TRUST_FLOWS if origin is Origin.FLOWS_FILE else None,
        )
    return local_or_hub(name, "cross-encoder")


def _load(name: str, cache: str, notify: Callable[[str], None]) -> Any:
    """Return a function of question and texts.

    A name that fastembed knows is a hub's, whatever lies in the working directory.
    """
    if (source := _source_of_fastembed(name)) is not None:
        return _of_fastembed(name, source, cache, notify)
    try:
        from sentence_transformers import CrossEncoder as Encoder
    except ImportError as error:
        raise UsageError(
            f"`rerank`: the cross-encoder {name!r} needs a library that is not installed",
            hint=f"Install it: {install_command('fastembed')}; or, for models that fastembed does "
            f"not have: {install_command('sentence-transformers')}",
        ) from error
    if not is_path(name) and not knows(name, "config.json"):
        notify(downloading(name))
    encoder = Encoder(name)
    return lambda question, texts: encoder.predict([(question, text) for text in texts])


def _source_of_fastembed(name: str) -> str | None:
    """Return where on the hub fastembed finds a model; ``None`` when it cannot run it."""
    try:
        from fastembed.rerank.cross_encoder import TextCrossEncoder
    except ImportError:
        return None
    known = {str(one["model"]): one["sources"] for one in TextCrossEncoder.list_supported_models()}
    return str(known[name].get("hf") or "") if name in known else None


def _of_fastembed(name: str, source: str, cache: str, notify: Callable[[str], None]) -> Any:
    from fastembed.rerank.cross_encoder import TextCrossEncoder
    from loguru import logger

    logger.disable("fastembed")  # it would print; errors are raised as well
    try:
        return TextCrossEncoder(name, cache_dir=cache, local_files_only=True).rerank
    except ValueError:
        if source:
            ask_hub(source)  # the library would wait 39 seconds without a network
        notify(downloading(source or name))
        return TextCrossEncoder(name, cache_dir=cache).rerank
