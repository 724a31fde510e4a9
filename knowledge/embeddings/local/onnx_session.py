"""One transformer on ONNX Runtime: texts to tokens to vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.local.local import check_lengths, shortened
from knowledge.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


# From a vector for each token to one for the text, as sentence-transformers defines it.
#
# Arrays of token vectors have shape (texts, tokens, dimensions); masks (texts, tokens), 1 for a
# token and 0 for padding, which stands on the right.

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Pooling = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]


def pool(
    tokens: NDArray[np.float32], mask: NDArray[np.int64], modes: Sequence[str]
) -> NDArray[np.float32]:
    """Pool token vectors; several modes give their vectors joined, shape (texts, dimensions)."""
    weights = mask.astype(np.float32)
    return np.concatenate([_POOLINGS[mode](tokens, weights) for mode in modes], axis=1)


def normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of unit length; zero vectors stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.zeros_like(vectors)
    np.divide(vectors, norms, out=unit, where=norms > 0)
    return unit


def _cls(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    del mask
    return tokens[:, 0]


def _max(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    largest: NDArray[np.float32] = np.where(mask[..., None] > 0, tokens, -np.inf).max(axis=1)
    return largest


def _sum(tokens: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    total: NDArray[np.float32] = np.einsum("ntd,nt->nd", tokens, weights)
    return total


def _count(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    count: NDArray[np.float32] = np.maximum(weights.sum(axis=1, keepdims=True), np.float32(1e-9))
    return count


def _mean(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    return _sum(tokens, mask) / _count(mask)


def _mean_sqrt(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    root: NDArray[np.float32] = np.sqrt(_count(mask))
    return _sum(tokens, mask) / root


def _weighted_mean(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average with weights 1, 2, 3... by position."""
    return _mean(tokens, mask * np.arange(1, mask.shape[1] + 1, dtype=np.float32))


def _last(tokens: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    last = np.maximum(mask.sum(axis=1).astype(np.int64) - 1, 0)
    vectors: NDArray[np.float32] = tokens[np.arange(len(tokens)), last]
    return vectors


_POOLINGS: Mapping[str, Pooling] = {
    "cls": _cls,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}


_PER_TOKEN = ("last_hidden_state", "token_embeddings")
_PER_TEXT = ("sentence_embedding", "embeddings", "pooler_output")


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A session, its tokenizer, and how its output becomes vectors.

    Parameters
    ----------
    pooling:
        Modes of `pooling.pool`; empty to take the model's own vector for a text where it gives
        one, else ``usual_pooling``.
    max_tokens:
        Longest text, or ``None``.
    dimensions:
        Size to shorten vectors to, or ``None``.
    """

    session: Any
    tokenizer: Any
    pooling: tuple[str, ...]
    normalise: bool
    max_tokens: int | None
    pad_id: int
    dimensions: int | None
    name: str
    usual_pooling: tuple[str, ...] = ("mean",)

    @property
    def pools_as_usual(self) -> bool:
        """True where the model gives token vectors, and nobody said how they become one."""
        return not self.pooling and self._output()[1]

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts in one run of the session, shape (texts, dimensions).

        Raises
        ------
        RemoteInputTooLongError
            A text has more tokens than the model takes.
        RemoteError
            The model wants inputs or gives outputs that a text encoder has not.
        """
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        lengths = [len(row) for row in rows]
        check_lengths(lengths, self.max_tokens, self.name)
        ids, mask = _padded(rows, self.pad_id)
        vectors = shortened(self._vectors(ids, mask), self.dimensions)
        return Embeddings(normalised(vectors) if self.normalise else vectors, sum(lengths))

    def _vectors(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        name, pools = self._output()
        (output,) = self.session.run([name], self._inputs(ids, mask))
        array: NDArray[np.float32] = np.asarray(output, np.float32)
        if pools and array.ndim == 3:
            return pool(array, mask, self.pooling or self.usual_pooling)
        if array.ndim == 2:
            return array
        raise RemoteError(
            f"{self.name} gave an array of shape {array.shape} for {len(ids)} texts",
            hint="The model's file must give a vector for each token, or one for each text.",
        )

    def _output(self) -> tuple[str, bool]:
        """Choose the output to take, and tell whether it needs pooling."""
        outputs = {output.name: len(output.shape or ()) for output in self.session.get_outputs()}
        per_token = [name for name in _PER_TOKEN if name in outputs]
        per_text = [name for name in _PER_TEXT if name in outputs]
        per_token += [name for name, rank in outputs.items() if rank == 3]
        per_text += [name for name, rank in outputs.items() if rank == 2]
        if per_text and per_text[0] == _PER_TEXT[0] and not self.pooling:
            return per_text[0], False
        if per_token:
            return per_token[0], True
        return (per_text or list(outputs))[0], False

    def _inputs(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64]
    ) -> dict[str, NDArray[np.int64 | np.int32]]:
        known = {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(ids),
            "position_ids": np.maximum(np.cumsum(mask, axis=1) - 1, 0),
        }
        wanted = {wish.name: wish.type for wish in self.session.get_inputs()}
        if unknown := [name for name in wanted if name not in known]:
            raise RemoteError(
                f"{self.name} wants the input {unknown[0]!r}, which a text encoder does not have",
                hint="Export the model for feature extraction.",
            )
        return {
            name: known[name].astype(np.int32 if kind == "tensor(int32)" else np.int64)
            for name, kind in wanted.items()
        }


def open_session(file: Path, *, providers: Sequence[str], threads: int) -> Any:
    """Open a model on ONNX Runtime.

    Parameters
    ----------
    providers:
        Execution providers by preference, such as ``CUDAExecutionProvider``; empty is the CPU.
    threads:
        Threads for one run; 0 is one a core.

    Raises
    ------
    RemoteError
        A provider is not in this build of ONNX Runtime.
    """
    import onnxruntime

    wanted = list(providers) or ["CPUExecutionProvider"]
    available = onnxruntime.get_available_providers()
    if missing := [name for name in wanted if name not in available]:
        raise RemoteError(
            f"this onnxruntime has no execution provider {missing[0]!r}",
            hint=f"KNOW_ONNX_PROVIDERS may name {', '.join(available)}.",
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(file), sess_options=options, providers=wanted)


def open_tokenizer(file: Path) -> Any:
    """Open a ``tokenizer.json`` that neither cuts nor fills up: `OnnxModel` sees to both."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _padded(rows: list[list[int]], pad: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return token ids and mask, both of shape (texts, tokens of the longest)."""
    width = max(map(len, rows), default=0)
    ids = np.full((len(rows), max(width, 1)), pad, np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return ids, mask
