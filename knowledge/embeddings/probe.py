"""Trying a model out: does it answer rightly, how fast, how much at once."""

from __future__ import annotations

import re
import statistics
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge.embeddings.pool.opening import pool_for
from knowledge.embeddings.provider import destination
from knowledge.embeddings.providers.openai import KNOWN_DIMENSIONS
from knowledge.errors import RemoteBatchTooLargeError, RemoteError, RemoteResponseError
from knowledge.remote.retry import Retrier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.embedder import Embeddings
    from knowledge.model import EmbedderSpec


# Sizes of well-known models' vectors, to notice a server that answers with others.

_SIZES: tuple[tuple[str, int], ...] = (
    (r"text-embedding-3-large", 3072),
    (r"text-embedding-(3-small|ada-002)", 1536),
    (r"bge-m3", 1024),
    (r"bge-small-en", 384),
    (r"bge-small-zh", 512),
    (r"bge-base", 768),
    (r"bge-large", 1024),
    (r"e5-small", 384),
    (r"e5-base", 768),
    (r"e5-large", 1024),
    (r"gte-small", 384),
    (r"gte-base", 768),
    (r"gte-large", 1024),
    (r"nomic-embed-text", 768),
    (r"mxbai-embed-(large|2d-large)", 1024),
    (r"mxbai-embed-xsmall", 384),
    (r"all-?minilm", 384),
    (r"all-mpnet-base", 768),
    (r"qwen3-embedding[-:]0\.6b", 1024),
    (r"qwen3-embedding[-:]4b", 2560),
    (r"qwen3-embedding[-:]8b", 4096),
    (r"arctic-embed2|arctic-embed-l", 1024),
    (r"arctic-embed-(xs|s)\b", 384),
    (r"arctic-embed-m", 768),
    (r"embeddinggemma", 768),
    (r"jina-embeddings-v2-small", 512),
    (r"jina-embeddings-v2-base", 768),
    (r"jina-embeddings-v3", 1024),
    (r"embed-(english|multilingual)-v3", 1024),
    (r"embed-(english|multilingual)-light-v3", 384),
    (r"mistral-embed", 1024),
)
_PATTERNS = tuple((re.compile(pattern), size) for pattern, size in _SIZES)


def known_dimensions(model: str) -> int | None:
    """Return the size that a model's vectors have by themselves; ``None`` where we do not know."""
    name = model.lower()
    return next((size for pattern, size in _PATTERNS if pattern.search(name)), None)


# What a model's answers to a few known texts say about it.
#
# Servers fail quietly: each finding here is a fault that was met in the wild and that gives wrong
# search results without any error.

OK, NOTE, FAILED = "ok", "note", "failed"
_SAME = 0.99
_IDENTICAL = 0.9999
_UNIT = 1e-3
_QUARTERS = (96, 192)
"""A quarter of 384 and of 768, the commonest sizes of small models."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ``status`` is ``ok``, ``note`` (worth knowing) or ``failed``."""

    name: str
    status: str
    text: str


def judge(
    together: NDArray[np.float32],
    alone: Sequence[NDArray[np.float32]],
    question: NDArray[np.float32],
    spec: EmbedderSpec,
    *,
    named_freely: bool = False,
) -> list[Finding]:
    """Judge the answers for texts that all differ.

    Parameters
    ----------
    together:
        For all texts in one request; should be of shape (texts, dimensions).
    alone:
        For each text in a request of its own; shape (1, dimensions) each.
    question:
        For the first text as a question; shape (1, dimensions).
    named_freely:
        The model's name is used for any model, so that its known size says little.
    """
    count = _count(together, alone)
    if count.status == FAILED:
        return [count]
    size = _size(together.shape[1], question, spec, named_freely=named_freely)
    finite = _finite(together)
    if FAILED in (finite.status, size.status):
        return [count, size, finite]
    return [count, size, finite, *_directions(together, alone), _length(together)]


def _count(together: NDArray[np.float32], alone: Sequence[NDArray[np.float32]]) -> Finding:
    texts = len(alone)
    if together.ndim != 2 or len(together) != texts or any(a.shape[:1] != (1,) for a in alone):
        text = f"{len(together)} vectors for {texts} texts; try KNOW_EMBEDDING_BATCH_SIZE=1"
        return Finding("count", FAILED, text)
    if together.shape[1] == 0:
        text = "the vectors are empty; is it an embedding model?"
        return Finding("count", FAILED, text)
    return Finding("count", OK, "a vector for each text")


def _size(
    dimensions: int, question: NDArray[np.float32], spec: EmbedderSpec, *, named_freely: bool
) -> Finding:
    asked = spec.options.get("dimensions")
    known = asked or known_dimensions(spec.model)
    if question.shape[1:] != (dimensions,):
        text = f"questions have {question.shape[-1]} dimensions, documents {dimensions}"
        return Finding("size", FAILED, text)
    if known and dimensions * 4 == known:
        text = f"{dimensions} dimensions, a quarter of {known}: it misreads base64"
        if named_freely and not asked:
            return Finding("size", NOTE, f"{text}, or runs another model under this name")
        return Finding("size", FAILED, f"{text}; update the server, or take another")
    if asked and dimensions != asked:
        text = f"{dimensions} dimensions, although {asked} are asked for; do not ask for them"
        return Finding("size", FAILED, text)
    if known and dimensions != known:
        text = f"{dimensions} dimensions; {spec.model} is known to have {known}"
        return Finding("size", NOTE, text)
    if dimensions in _QUARTERS and not known:
        text = f"{dimensions} dimensions are few; a server that misreads base64 gives a quarter"
        return Finding("size", NOTE, text)
    return Finding("size", OK, f"{dimensions} dimensions")


def _finite(vectors: NDArray[np.float32]) -> Finding:
    if not np.isfinite(vectors).all():
        text = "some numbers are NaN or infinite; another file or version of the model may do"
        return Finding("numbers", FAILED, text)
    if not np.any(vectors, axis=1).all():
        return Finding("numbers", FAILED, "some vectors are zero; is it an embedding model?")
    return Finding("numbers", OK, "all numbers are finite")


def _directions(
    together: NDArray[np.float32], alone: Sequence[NDArray[np.float32]]
) -> Iterator[Finding]:
    """Compare each text's vector with the other texts', and with its own from another request."""
    batch, single = _unit(together), _unit(np.concatenate(list(alone)))
    cosines = single @ batch.T
    among = single @ single.T - 2 * np.eye(len(single), dtype=np.float32)
    if among.max() > _IDENTICAL:
        text = "different texts have the same vector; is it an embedding model?"
        yield Finding("difference", FAILED, text)
        return
    yield Finding("difference", OK, "different texts have different vectors")
    own = np.diag(cosines)
    if (own >= _SAME).all():
        yield Finding("order", OK, "vectors come in the order of the texts")
    elif (np.argmax(cosines, axis=1) != np.arange(len(single))).any():
        text = "vectors do not come in the order of the texts; try KNOW_EMBEDDING_BATCH_SIZE=1"
        yield Finding("order", FAILED, text)
    else:
        text = f"a text's vector depends on the others of its request (cosine {own.min():.3f})"
        yield Finding("order", NOTE, text)


def _length(vectors: NDArray[np.float32]) -> Finding:
    norms = np.linalg.norm(vectors, axis=1)
    if np.abs(norms - 1.0).max() <= _UNIT:
        return Finding("length", OK, "vectors have unit length")
    text = f"vectors are {norms.min():.3g} to {norms.max():.3g} long; they are normalised here"
    return Finding("length", NOTE, text)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


THREADS = (1, 2, 4, 8)
_GOOD_ENOUGH = 0.9
"""Share of the best throughput from which fewer threads are the better choice."""
_LARGEST_BATCH = 2048
_FIRST_BATCH = 16
_SLOW = 5.0
"""Seconds of one request from which no larger batch is tried."""
_TEXTS = (
    "Rotate the signing key every ninety days.",
    "Bananas ripen faster beside apples.",
    "The night train to Vienna leaves at ten.",
    "Photosynthesis turns light into sugar.",
    "A downgrade of the firmware is refused.",
)
_PARAGRAPH = (
    "Entry {number}: the committee met on a Tuesday and decided, after a long discussion of "
    "costs and dates, to postpone the move of archive {number} to the new building until the "
    "roof is repaired and the shelves have arrived."
)


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What was found out about a model.

    Parameters
    ----------
    dimensions, latency_ms:
        Of its vectors; of a request with one text, the median.
    batch, batch_is_limit:
        Most texts that passed in a request, and whether more were refused.
    throughput:
        Texts a second, by the number of requests at a time.
    threads:
        The fewest requests at a time that come near the best throughput.
    """

    provider: str
    model: str
    endpoint: str
    dimensions: int | None = None
    latency_ms: float | None = None
    batch: int | None = None
    batch_is_limit: bool = False
    throughput: Mapping[int, float] = field(default_factory=dict)
    threads: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def where(self) -> str:
        """Where texts go, as the end of a sentence."""
        return destination(self.provider, self.model, self.endpoint)

    @property
    def failed(self) -> bool:
        """True when the model can't be relied on."""
        return any(finding.status == FAILED for finding in self.findings)


def probe(choice: Choice, *, notify: Callable[[str], None]) -> ProbeReport:
    """Try a model out; costs a few thousand tokens.

    Raises
    ------
    RemoteError
        It did not answer at all.
    """
    return _Probe(choice, notify).run()


class _Probe:
    def __init__(self, choice: Choice, notify: Callable[[str], None]) -> None:
        self._choice = choice
        self._embedder = choice.embedder
        self._notify = notify
        # Elsewhere than at OpenAI, its names stand for any model.
        self._named_freely = (
            self._embedder.spec.model in KNOWN_DIMENSIONS and self._embedder.spec.dimensions is None
        )
        self._passed = 0
        self._refused: int | None = None
        self._at_once: Finding | None = None
        self._retrier = Retrier(
            choice.settings["embedding_retries"], stop=threading.Event(), notify=notify
        )
        if callable(report_to := getattr(choice.embedder, "report_to", None)):
            report_to(notify)

    def run(self) -> ProbeReport:
        spec = self._embedder.spec
        report = ProbeReport(spec.provider, spec.model, self._embedder.endpoint)
        try:
            together = self._ask_together()
            alone, seconds = self._ask_one_by_one()
            question = _matrix(self._embedder.embed_query(_TEXTS[0]))
        except RemoteResponseError as error:
            text = f"{error.message}. {error.hint}".rstrip()
            return replace(report, findings=(Finding("answer", FAILED, text),))
        found = judge(together, alone, question, spec, named_freely=self._named_freely)
        report = replace(
            report,
            dimensions=together.shape[1] if together.ndim == 2 else None,
            latency_ms=round(1000 * statistics.median(seconds), 1),
            findings=tuple(found),
        )
        if report.failed:
            return report
        self._notify("looking for the largest batch")
        batch, is_limit = self._largest_batch()
        self._notify("measuring the throughput")
        throughput = self._throughput(min(batch, self._choice.settings["embedding_batch_size"]))
        if self._at_once is not None:
            report = replace(report, findings=(*report.findings, self._at_once))
        return replace(
            report,
            batch=batch,
            batch_is_limit=is_limit,
            throughput=throughput,
            threads=best_threads(throughput),
        )

    def _ask_together(self) -> NDArray[np.float32]:
        """Ask for all texts, in requests as large as the server takes."""
        size = min(len(_TEXTS), self._embedder.max_batch)
        while True:
            try:
                parts = [self._ask(_TEXTS[at : at + size]) for at in range(0, len(_TEXTS), size)]
            except RemoteBatchTooLargeError:
                if size == 1:
                    raise
                self._refused, size = size, size // 2
            else:
                self._passed = size
                return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _ask(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return _matrix(self._retrier(lambda: self._embedder.embed_documents(texts)))

    def _ask_one_by_one(self) -> tuple[list[NDArray[np.float32]], list[float]]:
        vectors, seconds = [], []
        for text in _TEXTS:
            started = time.perf_counter()
            vectors.append(self._ask([text]))
            seconds.append(time.perf_counter() - started)
        return vectors, seconds

    def _largest_batch(self) -> tuple[int, bool]:
        """Return the most texts that pass in a request, and whether more were refused."""
        passed, most = self._passed, min(self._embedder.max_batch, _LARGEST_BATCH)
        if most <= passed:
            return most, True
        refused = self._refused or most + 1
        size = min(_FIRST_BATCH, most) if refused > most else (passed + refused) // 2
        while passed < size < refused:
            started = time.perf_counter()
            if self._passes(size):
                passed = size
                if time.perf_counter() - started > _SLOW:
                    return passed, False
            else:
                refused = size
            size = min(size * 2, most) if refused > most else (passed + refused) // 2
        return passed, refused <= most or most < _LARGEST_BATCH

    def _passes(self, size: int) -> bool:
        try:
            return len(self._ask([f"probe {number}" for number in range(size)])) == size
        except RemoteError:
            return False

    def _throughput(self, batch: int) -> dict[int, float]:
        """Measure texts a second at each number of threads."""
        found: dict[int, float] = {}
        requests = 8
        for threads in THREADS:
            texts = [_PARAGRAPH.format(number=n) for n in range(batch * requests)]
            settings = self._choice.settings.override(embedding_batch_size=batch)
            if threads > 1:  # that it fails then is what is to be known
                fewer = min(1, settings["embedding_retries"])
                settings = settings.override(embedding_retries=fewer)
            borrowed = replace(self._choice, embedder=_Borrowed(self._embedder), settings=settings)
            started = time.perf_counter()
            try:
                with pool_for(borrowed, threads=threads, notify=self._notify) as pool:
                    pool.embed(texts)
            except RemoteError as error:
                if threads == 1:
                    raise
                text = f"it fails when asked {threads} times at once: {error.message}"
                self._at_once = Finding("at once", NOTE, text)
                return found
            seconds = time.perf_counter() - started
            found[threads] = round(len(texts) / seconds, 1)
            requests = 8 if seconds > 1 else 24
        return found


class _Borrowed:
    """An embedder that stays open when a pool is closed."""

    close = None

    def __init__(self, embedder: Any) -> None:
        self._embedder = embedder
        self.spec = embedder.spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)


def best_threads(throughput: Mapping[int, float]) -> int:
    """Return the fewest threads that come near the best throughput."""
    enough = _GOOD_ENOUGH * max(throughput.values())
    return min(threads for threads, speed in throughput.items() if speed >= enough)


def _matrix(answer: Embeddings) -> NDArray[np.float32]:
    return np.asarray(answer.vectors, dtype=np.float32)
