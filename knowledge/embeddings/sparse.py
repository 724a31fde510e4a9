"""Sparse models: a text as weights of a few terms out of a vocabulary, such as SPLADE.

Such a model is a dataset's second one. It is named as a folder, in which an ONNX file and a
tokenizer lie, or as a model that the library fastembed knows. The weights of a folder's model are
those of SPLADE: ``max over tokens of log(1 + max(0, logit))`` (Formal, Lassance, Piwowarski and
Clinchant, "SPLADE v2", 2021); a model that gives one weight a term is taken at its word.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.embeddings import consent
from knowledge.embeddings.local.extras import need_library
from knowledge.embeddings.local.local import one_line
from knowledge.embeddings.local.model_identity import check_same_files, folder_hash
from knowledge.embeddings.model_name import is_path, local_or_hub
from knowledge.errors import (
    KnowledgeError,
    ModelMismatchError,
    RemoteError,
    UntrustedEndpointError,
    UntrustedModelError,
    UsageError,
    is_fault_of_code,
)
from knowledge.model import EmbedderSpec
from knowledge.settings.trust import may_not_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.model import Dataset
    from knowledge.settings.reading import Settings

PROVIDER = "sparse"
EXTRA = "sparse"
_SETTING = "sparse_model"
_MAX_TOKENS = 512
_HEAVIEST = 65_504.0
"""That float16 holds, as which weights are kept."""
_HOPELESS = 8
"""Texts that fail one after the other, after which the model must show that it still works."""
_PLAIN = "a"
"""A text that every model encodes."""


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights of terms.

    Parameters
    ----------
    terms:
        Numbers of terms, ascending, uint32.
    weights:
        Float32, above 0, as many.
    """

    terms: NDArray[np.uint32]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, terms: Any, weights: Any) -> SparseVector:
        """Make one of terms in any order, without those whose weight is nothing or no number."""
        import numpy as np

        numbers = np.asarray(terms, np.int64)
        values = np.minimum(np.asarray(weights, np.float32), _HEAVIEST)
        kept = np.flatnonzero(values > 0)
        order = kept[np.argsort(numbers[kept], kind="stable")]
        return cls(numbers[order].astype(np.uint32), values[order])


Encode = Callable[[Sequence[str], bool], list[SparseVector]]
"""(texts, whether they are questions) -> a vector for each."""


class SparseEncoder:
    """Encodes texts by one model, which is loaded at the first; one call runs at a time.

    Parameters
    ----------
    load:
        Loads the model.
    counts_rarity:
        The weights say nothing of how rare a term is, so that scores must count that.
    """

    def __init__(
        self, spec: EmbedderSpec, load: Callable[[], Encode], *, counts_rarity: bool = False
    ) -> None:
        self.spec = spec
        self.counts_rarity = counts_rarity
        self._load = load
        self._encode: Encode | None = None
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], *, query: bool = False) -> list[SparseVector]:
        """Return a vector for each text.

        Raises
        ------
        RemoteError
            The model can't be loaded, or fails.
        """
        with self._lock:
            try:
                if self._encode is None:
                    self._encode = self._load()
                return self._encode(texts, query)
            except KnowledgeError:
                raise
            except BaseException as error:
                if not is_fault_of_code(error):
                    raise
                raise RemoteError(
                    f"the sparse model {self.spec.model} failed: {one_line(error)}",
                    hint="Check its files; without a network, name a folder that has them.",
                    lasting=self._encode is None,
                ) from error

    def encode_each(self, passages: Sequence[str]) -> list[SparseVector | RemoteError]:
        """Return a vector for each passage, or why the model fails on that one.

        Raises
        ------
        RemoteError
            The model can't be loaded, or fails on whatever it is given.
        """
        return self._divided(passages, [])

    def _divided(
        self, passages: Sequence[str], in_a_row: list[RemoteError]
    ) -> list[SparseVector | RemoteError]:
        try:
            found = self.encode(passages)
        except RemoteError as error:
            if error.lasting:
                raise
            if len(passages) > 1:
                middle = len(passages) // 2
                first = self._divided(passages[:middle], in_a_row)
                return first + self._divided(passages[middle:], in_a_row)
            in_a_row.append(error)
            if len(in_a_row) >= _HOPELESS:
                self.encode([_PLAIN])
                in_a_row.clear()
            return [error]
        in_a_row.clear()
        return [*found]


@dataclass(frozen=True, slots=True)
class SparseInfo:
    """A sparse model that can be named.

    Parameters
    ----------
    model:
        What ``sparse_model`` takes.
    about:
        What its makers say of it.
    megabytes:
        That are downloaded once.
    """

    model: str
    about: str
    megabytes: int


def list_sparse() -> list[SparseInfo]:
    """Return the sparse models that fastembed knows; none where it is not installed."""
    if find_spec("fastembed") is None:
        return []
    from fastembed import SparseTextEmbedding

    return [
        SparseInfo(
            str(one["model"]),
            " ".join(str(one.get("description") or "").split()),
            round(1000 * float(one.get("size_in_GB") or 0)),
        )
        for one in SparseTextEmbedding.list_supported_models()
    ]


def create_sparse(model: str, settings: Settings) -> SparseEncoder:
    """Create the encoder of a model; nothing is read yet but the names of its files.

    Parameters
    ----------
    model:
        A folder, or the name of one of fastembed's sparse models.

    Raises
    ------
    UsageError
        There is no such folder or model, or the library is missing.
    """
    if is_path(model):
        return _of_folder(model, settings)
    need_library("fastembed", extra=EXTRA, user=f"the sparse model {model}")
    from fastembed import SparseTextEmbedding

    known = {str(one["model"]): one for one in SparseTextEmbedding.list_supported_models()}
    if model not in known:
        raise UsageError(
            f"there is no sparse model {model!r}",
            hint=f"Name a folder, such as ./splade, or one of {', '.join(sorted(known))}.",
        )
    local_or_hub(model, "sparse")
    return SparseEncoder(
        EmbedderSpec(PROVIDER, model),
        lambda: _of_fastembed(model, str(known[model]["sources"].get("hf") or ""), settings),
        counts_rarity=bool(known[model].get("requires_idf")),
    )


def choose_sparse(dataset: Dataset | None, settings: Settings) -> SparseEncoder | None:
    """Return the encoder of a dataset: its own, or the one that the settings ask for.

    Raises
    ------
    ModelMismatchError
        The settings ask for another than the dataset's.
    UntrustedEndpointError
        The working directory may not name files to open.
    UntrustedModelError
        The dataset's model is a folder that nobody here named.
    """
    asked = str(settings[_SETTING])
    own = dataset.sparse if dataset is not None else None
    if not asked:
        return recorded_sparse(dataset, own, settings) if dataset and own else None
    if is_path(asked) and may_not_name(settings, _SETTING):
        raise UntrustedEndpointError(
            f"{settings.origin(_SETTING)} in {settings.folder} names a folder to open: {asked}"
        )
    encoder = create_sparse(asked, settings)
    if own is not None and own.fingerprint != encoder.spec.fingerprint:
        if own.model == encoder.spec.model:
            check_same_files(own, encoder.spec)
        assert dataset is not None
        raise ModelMismatchError(
            f"dataset {dataset.name!r} has the sparse model {own.model}, not {encoder.spec.model}",
            hint="Leave `sparse_model` out, or ingest into a new dataset.",
        )
    return encoder


def recorded_sparse(dataset: Dataset, own: EmbedderSpec, settings: Settings) -> SparseEncoder:
    """Return the encoder of the model that a dataset recorded.

    Raises
    ------
    UntrustedModelError
        The model is a folder that nobody here named.
    """
    named = str(settings[_SETTING])
    trusted = named and not may_not_name(settings, _SETTING)
    known = (trusted and _full(named) == own.model) or consent.is_remembered(
        replace(dataset, embedding=own), settings
    )
    if is_path(own.model) and not known:
        raise UntrustedModelError(
            f"dataset {dataset.name!r} has the sparse model {own.model}, which stands for "
            "files to open, and nobody here named it",
            hint=f"If you trust it, name it yourself: KNOW_SPARSE_MODEL={shlex.quote(own.model)}; "
            "`sparse_weight` 0 searches without it.",
        )
    encoder = create_sparse(own.model, settings)
    check_same_files(own, encoder.spec)
    return encoder


def remember(dataset: Dataset, encoder: SparseEncoder, settings: Settings) -> str:
    """Remember that the user named the folder of a dataset's model; why not, where that fails."""
    if not is_path(encoder.spec.model):
        return ""
    return consent.remember(dataset, encoder.spec, settings)


def inherit(sources: Iterable[Dataset], made: Dataset, settings: Settings) -> str:
    """Remember for a dataset that was made of others what is remembered for all of them.

    Returns
    -------
    str
        As for `remember`.
    """
    own = made.sparse
    if own is None or not is_path(own.model):
        return ""
    models = [replace(source, embedding=source.sparse) for source in sources if source.sparse]
    if not all(consent.is_remembered(one, settings) for one in models):
        return ""
    return consent.remember(made, own, settings)


def _full(name: str) -> str:
    return str(Path(name).expanduser().absolute()) if is_path(name) else name


def _of_folder(name: str, settings: Settings) -> SparseEncoder:
    from knowledge.embeddings.local.onnx import model_file, tokenizer_file
    from knowledge.embeddings.local.transformer_files import read_transformer_files

    folder = local_or_hub(name, "sparse")
    assert folder is not None
    files = read_transformer_files(folder)
    model, tokenizer = model_file(folder, {}), tokenizer_file(folder, files)

    def load() -> Encode:
        from knowledge.embeddings.local.onnx_session import open_session, open_tokenizer

        opened = open_tokenizer(tokenizer)
        opened.enable_truncation(min(files.max_tokens or _MAX_TOKENS, _MAX_TOKENS))
        session = open_session(model, providers=(), threads=settings["local_model_threads"])
        return lambda texts, _: [_splade(session, opened, text) for text in texts]

    spec = EmbedderSpec(PROVIDER, str(folder), None, {"files": folder_hash(folder)})
    return SparseEncoder(spec, load)


def _splade(session: Any, tokenizer: Any, text: str) -> SparseVector:
    """Run a text, in windows where it is long: the greatest weight of a term counts."""
    import numpy as np

    first = tokenizer.encode(text)
    weights: NDArray[np.float32] | None = None
    for window in (first, *first.overflowing):
        ids = np.array([window.ids], np.int64)
        known = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        wanted = {wish.name: known[wish.name] for wish in session.get_inputs()}
        output = np.asarray(session.run(None, wanted)[0], np.float32)[0]
        if output.ndim == 2:
            output = np.log1p(np.maximum(output, 0)).max(axis=0)
        weights = output if weights is None else np.fmax(weights, output)  # without what is NaN
    assert weights is not None
    terms = np.flatnonzero(weights > 0)
    return SparseVector.of(terms, weights[terms])


def _of_fastembed(model: str, source: str, settings: Settings) -> Encode:
    from fastembed import SparseTextEmbedding
    from loguru import logger

    from knowledge.embeddings.local.fastembed import cache_folder
    from knowledge.embeddings.local.hub import ask_hub

    logger.disable("fastembed")  # it would print; errors are raised as well
    options: dict[str, Any] = {
        "cache_dir": cache_folder(settings),
        "threads": settings["local_model_threads"] or None,
    }
    try:
        opened = SparseTextEmbedding(model, local_files_only=True, **options)
    except ValueError:
        if source:
            ask_hub(source)  # the library would wait 39 seconds without a network
        opened = SparseTextEmbedding(model, **options)

    def encode(texts: Sequence[str], query: bool) -> list[SparseVector]:
        made = opened.query_embed(list(texts)) if query else opened.passage_embed(list(texts))
        return [SparseVector.of(one.indices, one.values) for one in made]

    return encode
