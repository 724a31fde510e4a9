"""The bundled offline model: WordLlama's 256-dimension token vectors, averaged over a text.

The weights and the tokenizer are read from inside the ``wordllama`` wheel; the package itself is
not imported. Its weights are float16: one question reads only its own rows of the file, documents
those of each token once, see `TokenVectors`. The tokens of their words are remembered, see
`WordTokens`.
"""

from __future__ import annotations

import contextlib
import threading
from array import array
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.local.bundled_files import SPACE, question_tokens, table_of, words_of
from knowledge.embeddings.sendable import sendable
from knowledge.errors import RemoteError, UsageError
from knowledge.model import EmbedderSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from knowledge.settings.reading import Settings

MODEL = "wordllama-l2-supercat-256"
DIMENSIONS = 256

_WEIGHTS = Path("weights", "l2_supercat_256.safetensors")
_TOKENIZER = Path("tokenizers", "l2_supercat_tokenizer_config.json")
_TENSOR = "embedding.weight"
_SLICE = 16_384
"""Tokens summed at once: their vectors take 16 MiB."""
_FEW = 32
"""Texts up to which the tokenizer is asked: most of their words come once."""
_QUESTION = 2_000
"""Tokens up to which a question reads single rows of the file."""
_LOOKED_UP = 4
"""Questions for which the tokenizer is not loaded, which takes as long as so many look-ups."""


class StaticEmbedder:
    """Averages token vectors; no network, no key. Calls may come from several threads at once."""

    default_threads = 2
    default_batch_size = 128

    def __init__(self) -> None:
        self.spec = EmbedderSpec("static", MODEL, DIMENSIONS)
        self.endpoint = ""
        self.max_input_tokens: int | None = None
        self.max_batch = 256
        self.cacheable = False
        self._met = 0

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder; nothing is read before the first text.

        Raises
        ------
        UsageError
            For a model or a number of dimensions other than the bundled ones.
        """
        dimensions = dimensions or int(settings["embedding_dimensions"]) or None
        if model not in (None, MODEL):
            raise UsageError(
                f"the static provider has no model {model!r}", hint=f"Its only model is {MODEL}."
            )
        if dimensions not in (None, DIMENSIONS):
            raise UsageError(
                f"{MODEL} has {DIMENSIONS} dimensions, not {dimensions}",
                hint="Leave the dimensions out: unset KNOW_EMBEDDING_DIMENSIONS.",
            )
        return cls()

    def prepare(self) -> None:
        """Read the model ahead of the first text."""
        with contextlib.suppress(RemoteError):  # the first text tells
            _vectors()
            _tokenizer()

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts; vectors are float32 of unit length, shape (texts, 256).

        Raises
        ------
        RemoteError
            The model's files are missing or damaged.
        """
        import numpy as np

        token_ids = self._token_ids(texts)
        known = _vectors()
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, total in enumerate(known.sums(token_ids)):
            vectors[row] = total
        counts = [len(ids) for ids in token_ids]
        return Embeddings(_normalised(vectors), sum(counts), counts)

    def embed_query(self, text: str) -> Embeddings:
        """Embed one question, shape (1, 256); equals what ``embed_documents`` gives for it."""
        import numpy as np

        ids = _question_ids(text)
        if not 0 < len(ids) <= _QUESTION:
            return self.embed_documents([text])
        total = _rows(ids).sum(axis=0, dtype=np.float32)
        return Embeddings(_normalised(total[np.newaxis]), len(ids))

    def _token_ids(self, texts: Sequence[str]) -> Sequence[Sequence[int] | NDArray[np.int64]]:
        self._met += len(texts)
        return _token_ids(texts) if self._met <= _FEW else _words().token_ids(texts)


class StaticQuestions:
    """Embeds questions as a `QuestionPool` of the static model does, without what requests need.

    The model runs in this process: no request fails, waits or costs anything, and nothing is worth
    to be kept. To import what sees to all that takes longer than to embed a question.
    """

    def __init__(self) -> None:
        self._embedder = StaticEmbedder()

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Embed one question; a unit vector of shape (256,).

        Raises
        ------
        RemoteError
            The model's files are missing or damaged, or the text has no vector.
        ValueError
            The text is blank.
        """
        question = sendable(text)
        vectors = self._embedder.embed_query(question).vectors
        if not vectors.any():
            from knowledge.embeddings.pool.checks import check_answer

            check_answer(vectors, [question], dimensions=DIMENSIONS, who=f"static:{MODEL}")
        question_vector: NDArray[np.float32] = vectors[0]
        return question_vector

    def close(self) -> None:
        """Do nothing: nothing is open."""


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of unit length; the sum over tokens then equals their mean."""
    import numpy as np

    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, norms, out=vectors, where=norms > 0)
    return vectors


def _question_ids(text: str) -> list[int]:
    """Return the tokens of a question; the first few are looked up without the library."""
    if not _read_tokenizer.cache_info().currsize and next(_looked_up) < _LOOKED_UP:
        try:
            found = question_tokens(_model_file(_TOKENIZER), text)
        except (OSError, ValueError):  # the library says what is wrong
            found = None
        if found is not None:
            return found
    return _token_ids([text])[0]


_looked_up = count()


def _token_ids(texts: Sequence[str]) -> list[list[int]]:
    encodings = _tokenizer().encode_batch_fast(list(texts), add_special_tokens=False)
    return [encoding.ids for encoding in encodings]


_loading = threading.Lock()


def _vectors() -> TokenVectors:
    with _loading:
        return _read_vectors()


def _tokenizer() -> Any:
    with _loading:
        return _read_tokenizer()


def _words() -> WordTokens:
    with _loading:
        return _read_words()


@cache
def _read_words() -> WordTokens:
    return WordTokens(_read_tokenizer())


@cache
def _read_vectors() -> TokenVectors:
    return TokenVectors(_model_file(_WEIGHTS))


def _rows(ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.floating[Any]]:
    """Read the vectors of a few tokens from the file, shape (tokens, 256)."""
    path = _model_file(_WEIGHTS)
    try:
        return _table(path)[ids]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise _damaged(path, error) from error


def _table(path: Path) -> NDArray[np.floating[Any]]:
    """Return the table as a map of the file where that can be, shape (tokens, 256).

    Raises
    ------
    OSError, ValueError
        The file can't be read.
    """
    table = table_of(path, _TENSOR)
    if table is not None:
        return table
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            weights: NDArray[np.floating[Any]] = file.get_tensor(_TENSOR)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return weights


class TokenVectors:
    """The vectors of the tokens that were met, as float32; for several threads.

    English texts have a third of all tokens: to make the whole table takes longer than to look the
    new ones up, and 32 MB in each process that embeds.

    Parameters
    ----------
    path:
        The file with the weights.

    Raises
    ------
    RemoteError
        It is damaged.
    """

    def __init__(self, path: Path) -> None:
        import numpy as np

        try:
            table = _table(path)
        except (OSError, ValueError) as error:
            raise _damaged(path, error) from error
        tokens, dimensions = table.shape
        self._path = path
        # A map that stays open takes as much memory as the file has bytes.
        self._file = (table.dtype, table.offset) if isinstance(table, np.memmap) else None
        self._table = None if self._file else table
        self._learning = threading.Lock()
        self._met = 0
        self._place = np.full(tokens, -1, np.int32)
        self._vectors = np.empty((tokens, dimensions), np.float32)  # pages come as they are used

    def sums(
        self, texts: Sequence[Sequence[int] | NDArray[np.int64]]
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the sum of the vectors of each text's tokens, in their order, shape (256,)."""
        import numpy as np

        if not texts:
            return
        ids = np.concatenate([np.asarray(one, np.int64) for one in texts])
        places = self._place.take(ids)
        if places.size and places.min() < 0:
            self._learn(np.unique(ids[places < 0]))
            places = self._place.take(ids)
        end = 0
        for one in texts:
            begin, end = end, end + len(one)
            total = np.zeros(self._vectors.shape[1], np.float32)
            for start in range(begin, end, _SLICE):
                rows = self._vectors.take(places[start : min(start + _SLICE, end)], axis=0)
                total += rows.sum(axis=0, dtype=np.float32)
            yield total

    def _learn(self, ids: NDArray[np.int64]) -> None:
        import numpy as np

        with self._learning:
            new = ids[self._place.take(ids) < 0]  # another thread may have been quicker
            met = self._met + len(new)
            self._vectors[self._met : met] = self._read(new)
            self._place[new] = np.arange(self._met, met)
            self._met = met

    def _read(self, ids: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
        """Read vectors from the file, shape (tokens, 256)."""
        import numpy as np

        if self._file is None:
            assert self._table is not None
            return self._table[ids]
        kind, start = self._file
        size = kind.itemsize * self._vectors.shape[1]
        try:
            with self._path.open("rb", buffering=0) as file:
                rows = bytearray()
                for id in ids.tolist():
                    file.seek(start + size * id)
                    rows += file.read(size)
            return np.frombuffer(rows, kind).reshape(len(ids), self._vectors.shape[1])
        except (OSError, ValueError) as error:
            raise _damaged(self._path, error) from error


@cache
def _read_tokenizer() -> Any:
    from tokenizers import Tokenizer

    path = _model_file(_TOKENIZER)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises a bare Exception
        raise _damaged(path, error) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


_INSTALL = "Install it again: pip install --force-reinstall --no-deps 'wordllama>=0.4.0.post1,<0.5'"
"""Without its dependencies, which would be put to other versions than other libraries take."""


def _model_file(name: Path) -> Path:
    spec = find_spec("wordllama")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        path = Path(folder, name)
        if path.is_file():
            return path
    raise RemoteError(
        f"the bundled model's file {name.as_posix()} is missing from the wordllama package",
        hint=_INSTALL,
    )


def _damaged(path: Path, error: Exception) -> RemoteError:
    return RemoteError(
        f"can't read the bundled model's file {path}: {error}",
        hint=_INSTALL,
    )


_MOST = 30_000
"""Pieces and words kept at most, some 5 MB of each; rare ones, which are most, come once."""

_LONGEST = 64
"""Characters of a piece or word that is kept."""


class _Learnt(dict[str, bytes]):
    """Numbers of the tokens of texts, as `_packed` gives them, each worked out once."""

    def __init__(self, tokens_of: Callable[[str], bytes]) -> None:
        super().__init__()
        self._tokens_of = tokens_of

    def __missing__(self, text: str) -> bytes:
        ids = self._tokens_of(text)
        if len(text) <= _LONGEST:
            if len(self) >= _MOST:
                self.clear()
            self[text] = ids
        return ids

    def joined(self, texts: Iterable[str]) -> bytes:
        """Return the numbers of all tokens of some texts."""
        return b"".join(map(self.__getitem__, texts))


class WordTokens:
    """Encodes texts as a tokenizer does, by the tokens of their words; for several threads.

    The bundled model's tokenizer is one byte-pair encoder over a whole text. No token of its
    vocabulary goes on after a line break, or over a space to the next word, so a text has the
    tokens of its words, each with the spaces before it. Where all spaces are single ones, it has
    those of the pieces between them, too, which takes a third of the time of finding its words.

    Parameters
    ----------
    tokenizer:
        The bundled model's.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._whole = tokenizer
        self._encoder = tokenizer.model  # without what makes marks of spaces
        added = tokenizer.get_added_tokens_decoder().values()
        self._added = [token.content for token in added]
        self._words = _Learnt(self._encoded)
        self._pieces = _Learnt(self._in_words)

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Return the ids of each text's tokens, as the tokenizer gives them."""
        import numpy as np

        return [np.frombuffer(self._token_ids(text), np.int64) for text in texts]

    def _token_ids(self, text: str) -> bytes:
        if any(token in text for token in self._added):  # one that stands for no text
            encoding = self._whole.encode_batch_fast([text], add_special_tokens=False)[0]
            return _packed(encoding.ids)
        if not text or text[0] == " " or text[-1] == " " or "  " in text or SPACE in text:
            return self._words.joined(words_of(text))
        return self._pieces.joined(text.split(" "))

    def _in_words(self, piece: str) -> bytes:
        if "\n" in piece:
            return self._words.joined(words_of(piece))
        return self._encoded(SPACE + piece)

    def _encoded(self, word: str) -> bytes:
        return _packed([token.id for token in self._encoder.tokenize(word)])


def _packed(ids: list[int]) -> bytes:
    """Return numbers as bytes of int64, which are joined at once, and are an array as they are."""
    return array("q", ids).tobytes()
