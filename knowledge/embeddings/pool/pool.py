"""The pool that drives every embedder: batches, threads, further tries, order, cache and checks."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from knowledge.embeddings.pool.batching import (
    REQUEST_TOKENS,
    Batcher,
    Slot,
    Ticket,
    estimate_tokens,
    token_counter,
)
from knowledge.embeddings.pool.cache import CacheAccess, VectorCache
from knowledge.embeddings.pool.questions import Questions
from knowledge.embeddings.pool.sender import Outcome, Sender
from knowledge.embeddings.pool.texts import DistinctText, distinct_texts
from knowledge.errors import RemoteError
from knowledge.remote.gate import Gate
from knowledge.remote.rates import RateLimiter
from knowledge.remote.retry import Backoff, Retrier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.embedder import Embedder


__all__ = ["Backoff", "EmbeddingPool", "PoolStats", "VectorCache"]

_WAITING_A_THREAD = 4
"""Batches that may wait for each thread before `EmbeddingPool.submit` blocks."""
_LOOKED_UP_AT_ONCE = 1_000
_LONG_TEXT = 2_000
"""Tokens of a long chunk: batches that may fill up with such ones are counted exactly."""
_GRACE = 0.25
"""Seconds that a cancelled pool waits for requests under way, whose answers were paid for.

All closings of it together: an interrupt closes it in more than one place, and ends in a second.
"""


class EmbeddingPool:
    """Embeds texts through one embedder, several requests at a time; use as a context manager.

    All methods may be called from several threads. Closing the pool closes the embedder, where
    that has a ``close``.

    Parameters
    ----------
    embedder:
        The provider.
    threads:
        Most requests under way at any time; 1 is strictly one after the other.
    batch_size, batch_tokens:
        Most texts, and most tokens, in a request; the embedder's own limit holds as
        well.
    requests_a_minute, tokens_a_minute:
        Most of each over all threads; 0 is no limit.
    retries:
        Further tries of a request that failed for a passing reason.
    cache:
        Asked before texts are sent, where the embedder is ``cacheable``, and given each batch's
        vectors before anybody else sees them.
    notify:
        Takes sentences for the user; called from any thread.
    backoff:
        How long to wait between tries.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        threads: int,
        batch_size: int,
        retries: int,
        batch_tokens: int = REQUEST_TOKENS,
        requests_a_minute: int = 0,
        tokens_a_minute: int = 0,
        cache: VectorCache | None = None,
        notify: Callable[[str], None] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        say = notify or _say_nothing
        self._embedder = embedder
        self._threads = threads
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        # To count exactly, a tokenizer is loaded: that must be worth it.
        matters = tokens_a_minute or batch_size * _LONG_TEXT > batch_tokens
        count = token_counter(embedder) if matters else estimate_tokens
        self._cache = CacheAccess(cache, embedder, say)
        self._sender = Sender(
            embedder,
            retrier=Retrier(retries, stop=self._stop, backoff=backoff, notify=say),
            gate=Gate(threads, say),
            rates=RateLimiter(requests_a_minute, tokens_a_minute, stop=self._stop),
            stop=self._stop,
            notify=say,
            count=count,
        )
        self._questions = Questions(self._sender, CacheAccess(cache, embedder, say, questions=True))
        size = min(batch_size, embedder.max_batch)
        self._batcher = Batcher(size, tokens=batch_tokens, count=count)
        self._ready: deque[list[Slot]] = deque()
        self._pending: dict[bytes, Slot] = {}
        self._memo = Memo()
        self._breaker = Breaker()
        self._workers: list[threading.Thread] = []
        self._idle = 0
        self._embedded = 0
        self._cached = 0
        self._closed = False
        self._given_up = 0.0

    def submit(self, texts: Sequence[str]) -> Future[NDArray[np.float32]]:
        """Take texts in; they are sent when a batch is full, or at `flush`.

        Blocks while too many batches wait.

        Returns
        -------
        Future of float32 array, shape (texts, dimensions), unit vectors in the texts' order
            It fails with the `RemoteError` of the batch that failed. It is cancelled with the
            pool, be that before or after.

        Raises
        ------
        ValueError
            A text is blank.
        RuntimeError
            The pool was closed, and not cancelled.
        """
        distinct = distinct_texts(texts)
        self._check_open()
        ticket = Ticket(len(texts), self._sender.dimensions)
        for start in range(0, len(distinct), _LOOKED_UP_AT_ONCE):
            self._take_in(ticket, distinct[start : start + _LOOKED_UP_AT_ONCE])
        ticket.settle()
        return ticket.future

    def accept(
        self, texts: Sequence[str], vectors: NDArray[np.float32], tokens: Sequence[int]
    ) -> Future[NDArray[np.float32]]:
        """Take in vectors that the same model has made elsewhere, and that were checked there.

        They count as those that the pool makes, each distinct text once.

        Parameters
        ----------
        vectors:
            Unit vectors, shape (texts, dimensions).
        tokens:
            Of each text.

        Returns
        -------
        Future of float32 array
            As of `submit`.

        Raises
        ------
        ValueError, RuntimeError
            As for `submit`.
        """
        distinct = distinct_texts(texts)
        self._check_open()
        future: Future[NDArray[np.float32]] = Future()
        with self._lock:
            if self._closed:
                future.cancel()
                return future
            new = [one for one in distinct if not self._is_known(one.key)]
            for text in new:
                self._memo.put(text.key, vectors[text.rows[0]])
            self._embedded += len(new)
        self._sender.note_tokens(sum(tokens[text.rows[0]] for text in new))
        future.set_result(vectors)
        return future

    def prepare(self) -> None:
        """Let the embedder do ahead what its first request would wait for, in a thread of the pool.

        An embedder may have a ``prepare`` for that, which raises nothing.
        """
        with self._lock:
            if not (self._workers or self._closed):
                self._start_worker()

    def flush(self) -> None:
        """Send the batch that is partly filled; cheap when there is none."""
        with self._lock:
            if batch := self._batcher.take():
                self._make_ready(batch)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts and wait; unit vectors of shape (texts, dimensions).

        Raises
        ------
        RemoteError, ValueError, RuntimeError
            As for `submit`.
        concurrent.futures.CancelledError
            The pool was cancelled.
        """
        future = self.submit(texts)
        self.flush()
        return future.result()

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Embed one question, in this thread; a unit vector of shape (dimensions,).

        Raises
        ------
        RemoteError, ValueError, RuntimeError
            As for `submit`.
        concurrent.futures.CancelledError
            The pool was cancelled.
        """
        self._check_open()
        return self._questions.vector(text)

    @property
    def stats(self) -> PoolStats:
        """What the pool has done so far."""
        with self._lock:
            return PoolStats(
                embedded=self._embedded + self._questions.embedded,
                cached=self._cached + self._questions.cached,
                tokens=self._sender.tokens,
                requests=self._sender.requests,
                split=self._sender.split,
            )

    def close(self, *, cancel: bool = False) -> None:
        """Send what waits, wait for the answers and end the threads.

        Parameters
        ----------
        cancel:
            Cancel what is not sent instead, and wait for answers under way only a moment.
        """
        if cancel:
            self._stop.set()
        with self._lock:
            batch = self._batcher.take()
            if batch and not cancel:
                self._make_ready(batch)
            dropped = [*batch, *self._drop_ready()] if cancel else []
            tickets = self._forget(dropped, Slot.cancel)
            self._closed = True
            self._work.notify_all()
            self._room.notify_all()
        _settle(tickets)
        self._join(self._grace() if cancel else None)
        if cancel:
            with self._lock:  # whose answer did not come in time
                tickets = self._forget([*self._pending.values()], Slot.cancel)
            _settle(tickets)
        self._cache.close()
        if callable(close := getattr(self._embedder, "close", None)):
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(cancel=kind is not None)

    # Taking texts in

    def _take_in(self, ticket: Ticket, texts: Sequence[DistinctText]) -> None:
        with self._lock:
            unknown = [text for text in texts if not self._join_known(ticket, text)]
        found = self._look_up([text.key for text in unknown])
        with self._lock:
            self._cached += len(found)
            for key, vector in found.items():
                self._memo.put(key, vector)
        for text in unknown:
            with self._lock:
                if text.key in found:
                    ticket.fill(text.rows, found[text.key])
                else:
                    self._enqueue(ticket, text)

    def _look_up(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Ask the cache; what it has decides the dimensions, where these were not known."""
        found = self._cache.get(keys, self._sender.dimensions)
        if not found:
            return {}
        dimensions = self._sender.learn_dimensions(len(next(iter(found.values()))))
        return {key: vector for key, vector in found.items() if len(vector) == dimensions}

    def _is_known(self, key: bytes) -> bool:
        """Tell whether a text was embedded lately, or is about to be; the lock is held."""
        return self._memo.get(key) is not None or key in self._pending

    def _join_known(self, ticket: Ticket, text: DistinctText) -> bool:
        """Serve a text from the memo, or from a slot that waits already; the lock is held."""
        vector = self._memo.get(text.key)
        if vector is not None:
            ticket.fill(text.rows, vector)
            return True
        slot = self._pending.get(text.key)
        if slot is not None:
            slot.needed_by.append((ticket, text.rows))
        return slot is not None

    def _enqueue(self, ticket: Ticket, text: DistinctText) -> None:
        """Add a slot to the batch, once there is room; the lock is held."""
        while self._is_full and not self._closed:
            self._room.wait()
        if self._closed:
            ticket.cancel()
            return
        if self._join_known(ticket, text):
            return
        if error := self._breaker.error:
            ticket.fail(error)
            return
        slot = self._pending[text.key] = Slot(text.key, text.text, [(ticket, text.rows)])
        for batch in self._batcher.add(slot):
            self._make_ready(batch)

    @property
    def _is_full(self) -> bool:
        return len(self._ready) >= _WAITING_A_THREAD * self._threads

    def _make_ready(self, batch: list[Slot]) -> None:
        self._ready.append(batch)
        if self._idle < len(self._ready) and len(self._workers) < self._threads:
            self._start_worker()
        self._work.notify()

    def _start_worker(self) -> None:
        first = not self._workers
        worker = threading.Thread(target=self._run, args=(first,), name="embedding", daemon=True)
        self._workers.append(worker)
        worker.start()

    # Sending, in the worker threads

    def _run(self, first: bool) -> None:
        if first and callable(prepare := getattr(self._embedder, "prepare", None)):
            prepare()
        while (batch := self._next()) is not None:
            self._serve(batch)

    def _next(self) -> list[Slot] | None:
        """Wait for the next batch; ``None`` when there will be none."""
        with self._lock:
            self._idle += 1
            while not self._ready and not self._closed:
                self._work.wait()
            self._idle -= 1
            if not self._ready:
                return None
            batch = self._ready.popleft()
            self._room.notify_all()
            return batch

    def _serve(self, batch: list[Slot]) -> None:
        left = dict(enumerate(batch))

        def still_wanted(rows: list[int]) -> list[int]:
            """Forget the rows whose tickets have failed by now, and return the others."""
            with self._lock:
                unwanted = [row for row in rows if not left[row].wanted]
                self._forget((left.pop(row) for row in unwanted), Slot.cancel)
            return [row for row in rows if row in left]

        try:
            for outcome in self._sender.documents([slot.text for slot in batch], still_wanted):
                self._deliver([left.pop(row) for row in outcome.rows], outcome)
                if fatal := self._fatal:
                    self._fail(list(left.values()), fatal)
                    return
        except CancelledError:
            with self._lock:
                tickets = self._forget(left.values(), Slot.cancel)
            _settle(tickets)
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
            self._fail(list(left.values()), error)

    @property
    def _fatal(self) -> BaseException | None:
        with self._lock:
            return self._breaker.error

    def _deliver(self, slots: list[Slot], outcome: Outcome) -> None:
        if outcome.vectors is None:
            assert outcome.error is not None
            self._fail(slots, outcome.error)
            return
        vectors = {slot.key: vector for slot, vector in zip(slots, outcome.vectors, strict=True)}
        self._cache.put(vectors)
        tickets: list[Ticket] = []
        with self._lock:
            self._embedded += len(slots)
            self._batcher.size = self._sender.limits.at_most(self._batcher.size)
            for slot in slots:
                self._memo.put(slot.key, vectors[slot.key])
                self._pending.pop(slot.key, None)
                tickets += slot.fill(vectors[slot.key])
        _settle(tickets)

    def _fail(self, slots: list[Slot], error: BaseException) -> None:
        """Fail slots; when the error is fatal, all that wait as well."""
        with self._lock:
            self._breaker.failed(error)
            tickets = self._forget(slots, lambda slot: slot.fail(error))
            if fatal := self._breaker.error:
                waiting = [*self._drop_ready(), *self._batcher.take()]
                tickets += self._forget(waiting, lambda slot: slot.fail(fatal))
        _settle(tickets)

    # Ending; the lock is held, but for _join

    def _drop_ready(self) -> list[Slot]:
        """Take out all batches that wait."""
        dropped = [slot for batch in self._ready for slot in batch]
        self._ready.clear()
        self._room.notify_all()
        return dropped

    def _forget(self, slots: Iterable[Slot], end: Callable[[Slot], list[Ticket]]) -> list[Ticket]:
        """Take slots out of what is pending, and return the tickets to settle."""
        tickets: list[Ticket] = []
        for slot in slots:
            self._pending.pop(slot.key, None)
            tickets += end(slot)
        return tickets

    def _check_open(self) -> None:
        if self._closed and not self._stop.is_set():
            raise RuntimeError("the embedding pool is closed")

    def _grace(self) -> float:
        with self._lock:
            now = time.monotonic()
            self._given_up = self._given_up or now + _GRACE
            return max(0.0, self._given_up - now)

    def _join(self, seconds: float | None) -> None:
        deadline = None if seconds is None else time.monotonic() + seconds
        for worker in self._workers:
            worker.join(None if deadline is None else max(0.0, deadline - time.monotonic()))


@dataclass(frozen=True, slots=True)
class PoolStats:
    """What a pool has done so far.

    Parameters
    ----------
    embedded:
        Distinct texts that were sent and answered, questions included.
    cached:
        Distinct texts whose vector came from the cache.
    tokens:
        Of the texts that were sent, as the provider counts them, estimated where it does not.
    requests:
        Sent, further tries included.
    split:
        Texts that were longer than the model takes, and embedded in parts.
    """

    embedded: int
    cached: int
    tokens: int
    requests: int
    split: int = 0


MEMO_BYTES = 8 * 2**20

_OVERHEAD = 250
"""Bytes that an entry takes beside the numbers of its vector."""


class Memo:
    """Vectors of the last texts, which forgets those used longest ago. Not thread-safe.

    Parameters
    ----------
    limit:
        Most bytes held.
    """

    def __init__(self, limit: int = MEMO_BYTES) -> None:
        self._limit = limit
        self._held = 0
        self._vectors: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        """Find a vector, shape (dimensions,)."""
        vector = self._vectors.get(key)
        if vector is not None:
            self._vectors.move_to_end(key)
        return vector

    def put(self, key: bytes, vector: NDArray[np.float32]) -> None:
        """Keep a vector; it is copied when it is a view, whose array would be kept whole."""
        if key in self._vectors:
            return
        self._vectors[key] = vector if vector.base is None else vector.copy()
        self._held += vector.nbytes + _OVERHEAD
        while self._held > self._limit:
            _, dropped = self._vectors.popitem(last=False)
            self._held -= dropped.nbytes + _OVERHEAD


COOL_DOWN = 30.0


class Breaker:
    """Keeps the error that the next requests would meet as well. Not thread-safe.

    A failure is fatal at once, unless it is that of one text: all further tries are over then, and
    the texts are not at fault. It counts for half a minute, so that a pool that lives on recovers.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._error: BaseException | None = None
        self._until = 0.0

    @property
    def error(self) -> BaseException | None:
        """The fatal error, while it counts."""
        return self._error if self._clock() < self._until else None

    def failed(self, error: BaseException) -> None:
        """Note a request that failed for good."""
        of_one_text = isinstance(error, RemoteError) and error.of_one_text
        if not of_one_text and self.error is None:
            self._error = error
            self._until = self._clock() + COOL_DOWN


def _settle(tickets: Iterable[Ticket]) -> None:
    """Resolve futures; done without the lock, since that runs their callbacks."""
    for ticket in dict.fromkeys(tickets):
        ticket.settle()


def _say_nothing(message: str) -> None:
    del message
