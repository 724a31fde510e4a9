"""Trying a model out: does it answer rightly, how fast, how much at once."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge.embeddings import probe_findings as findings
from knowledge.embeddings.openai import KNOWN_DIMENSIONS
from knowledge.embeddings.opening import pool_for
from knowledge.embeddings.probe_findings import Finding
from knowledge.embeddings.retry import Retrier
from knowledge.errors import (
    EmbeddingBatchTooLargeError,
    EmbeddingError,
    EmbeddingResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.embedder import Embeddings

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
    def failed(self) -> bool:
        """True when the model can't be relied on."""
        return any(finding.status == findings.FAILED for finding in self.findings)


def probe(choice: Choice, *, notify: Callable[[str], None]) -> ProbeReport:
    """Try a model out; costs a few thousand tokens.

    Raises
    ------
    EmbeddingError
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
        self._retrier = Retrier(
            choice.settings["embedding_retries"], stop=threading.Event(), notify=notify
        )

    def run(self) -> ProbeReport:
        spec = self._embedder.spec
        report = ProbeReport(spec.provider, spec.model, self._embedder.endpoint)
        try:
            together = self._ask_together()
            alone, seconds = self._ask_one_by_one()
            question = _matrix(self._embedder.embed_query(_TEXTS[0]))
        except EmbeddingResponseError as error:
            text = f"{error.message}. {error.hint}".rstrip()
            return replace(report, findings=(Finding("answer", findings.FAILED, text),))
        found = findings.judge(together, alone, question, spec, named_freely=self._named_freely)
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
            except EmbeddingBatchTooLargeError:
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
        except EmbeddingError:
            return False

    def _throughput(self, batch: int) -> dict[int, float]:
        """Measure texts a second at each number of threads."""
        found: dict[int, float] = {}
        requests = 8
        for threads in THREADS:
            texts = [_PARAGRAPH.format(number=n) for n in range(batch * requests)]
            settings = self._choice.settings.override(embedding_batch_size=batch)
            borrowed = replace(self._choice, embedder=_Borrowed(self._embedder), settings=settings)
            with pool_for(borrowed, threads=threads, notify=self._notify) as pool:
                started = time.perf_counter()
                pool.embed(texts)
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
