"""Sending one batch: further tries, smaller batches, texts in parts, and checks on the answer.

A batch that failed for good is halved, and its halves are, until each text that the server does
not take is alone: about 2 log2(n) requests for one bad text among n.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from knowledge.embeddings.embedder import Embeddings
from knowledge.embeddings.pool.batching import estimate_tokens, likely_tokens
from knowledge.embeddings.pool.blame import Blame
from knowledge.embeddings.pool.checks import Checked, check_answer
from knowledge.errors import (
    RemoteBatchTooLargeError,
    RemoteError,
    RemoteInputTooLongError,
    RemoteRateLimitError,
    is_fault_of_code,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.embedder import Embedder
    from knowledge.remote.gate import Gate
    from knowledge.remote.rates import RateLimiter
    from knowledge.remote.retry import Retrier


_TOO_MUCH = (RemoteBatchTooLargeError, RemoteInputTooLongError)
_TRIES_ALONE = 2
"""Most further tries of a text that is alone after its batch failed through all tries. Parts of
a batch have none: halving them is the further try."""
_NAMED_SPLITS = 10
"""Texts embedded in parts that are named one by one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some rows of a batch: ``vectors``, shape (rows, dimensions), or ``error``.

    An error is that of one row, or ``of_one_text`` is false and no further outcome follows.
    """

    rows: Sequence[int]
    vectors: NDArray[np.float32] | None = None
    error: RemoteError | None = None


@dataclass(frozen=True, slots=True)
class _Batch:
    """The texts of a batch, and which rows are wanted still."""

    texts: Sequence[str]
    still_wanted: Callable[[list[int]], list[int]]


class Sender:
    """Gets vectors for batches from one embedder; may be used by several threads at once.

    Parameters
    ----------
    retrier:
        Calls a request again that failed for a passing reason.
    gate:
        Passed by each request; it narrows when the server refuses one as too many.
    rates:
        Requests and tokens a minute.
    stop:
        Set, it lets no further request start.
    notify:
        Told about limits that were found and about texts that were embedded in parts.
    count:
        Counts a text's tokens, or estimates them, for the limits a minute.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        retrier: Retrier,
        gate: Gate,
        rates: RateLimiter,
        stop: threading.Event,
        notify: Callable[[str], None],
        count: Callable[[str], int] = estimate_tokens,
    ) -> None:
        self.limits = Limits()
        self.requests = 0
        self.tokens = 0
        self.split = 0
        self.dimensions = embedder.spec.dimensions
        self._embedder = embedder
        self._retrier = retrier
        self._gate = gate
        self._rates = rates
        self._stop = stop
        self._notify = notify
        self._count = count
        self._lock = threading.Lock()
        self._blame = Blame(self._try_out)
        if callable(report_to := getattr(embedder, "report_to", None)):
            report_to(notify)

    @property
    def who(self) -> str:
        """The provider, its model and its address, as messages name them."""
        spec, endpoint = self._embedder.spec, self._embedder.endpoint
        return f"{spec.provider}:{spec.model}" + (f" at {endpoint}" if endpoint else "")

    def documents(
        self, texts: Sequence[str], still_wanted: Callable[[list[int]], list[int]] | None = None
    ) -> Iterator[Outcome]:
        """Embed a batch; each row is in one of the outcomes, which come as they are known.

        Parameters
        ----------
        still_wanted:
            Given rows about to be sent, returns those that somebody still waits for; the others
            are in no outcome.

        Raises
        ------
        concurrent.futures.CancelledError
            The pool was cancelled; rows without an outcome were not embedded.
        """
        batch = _Batch(texts, still_wanted or (lambda rows: rows))
        for outcome in self._batch(list(range(len(texts))), batch):
            yield outcome
            if outcome.error is not None and not outcome.error.of_one_text:
                return

    def query(self, text: str) -> NDArray[np.float32]:
        """Embed one question; a unit vector of shape (dimensions,).

        Raises
        ------
        RemoteError
            It failed, all tries included; it is ``of_one_text`` where another may pass.
        """
        try:
            vector = self._query(text)
        except RemoteError as error:
            if isinstance(error, _TOO_MUCH) or not self._blame.is_on_server(error, texts=1):
                error.text = text
            raise
        self._blame.note_passed()
        return vector

    def _query(self, text: str) -> NDArray[np.float32]:
        def ask(texts: Sequence[str]) -> Embeddings:
            return self._embedder.embed_query(texts[0])

        try:
            vector: NDArray[np.float32] = self._checked([text], ask).vectors[0]
        except _TOO_MUCH as error:
            return self._in_parts(text, error, ask)
        return vector

    def learn_dimensions(self, dimensions: int) -> int:
        """Take dimensions as known from now on, unless others were known before; return these."""
        with self._lock:
            if self.dimensions is None:
                self.dimensions = self._embedder.spec.dimensions or dimensions
            if self._embedder.spec.dimensions is None:
                self._embedder.spec = replace(self._embedder.spec, dimensions=dimensions)
            return self.dimensions

    def note_tokens(self, tokens: int) -> None:
        """Count tokens of texts that were embedded."""
        with self._lock:
            self.tokens += tokens

    def _batch(
        self, rows: list[int], batch: _Batch, *, part: bool = False
    ) -> Generator[Outcome, None, bool]:
        """Embed rows of a batch; the result tells whether they passed as one request.

        Parameters
        ----------
        part:
            The rows are a part of a request that failed, and was not just too large.
        """
        rows = batch.still_wanted(rows)
        if not rows:
            return False
        pieces = self._pieces(rows, batch.texts)
        if len(pieces) > 1:
            for piece in pieces:
                yield from self._batch(piece, batch, part=part)
            return False
        texts = [batch.texts[row] for row in rows]
        passed_before = self._blame.passed
        most = (_TRIES_ALONE if len(rows) == 1 else 0) if part else None
        try:
            checked = self._checked(texts, self._embedder.embed_documents, most=most)
        except RemoteError as error:
            yield from self._without_answer(rows, batch, error, None if part else passed_before)
            return False
        self._blame.note_passed()
        self.limits.batch_passed(len(rows))
        self.limits.text_fits(max(map(len, texts)))
        yield from _outcomes(rows, texts, checked)
        return True

    def _without_answer(
        self, rows: list[int], batch: _Batch, error: RemoteError, passed_before: int | None
    ) -> Iterator[Outcome]:
        """Go on with a request that failed for good: divide it, or let its one text fail."""
        too_much = isinstance(error, _TOO_MUCH)
        if limit := _named_limit(error, len(rows)):
            if self.limits.batch_fits(limit):
                self._notify(f"{self.who} takes no {len(rows)} texts in a request; sending {limit}")
            yield from self._batch(rows, batch, part=True)
        elif too_much and len(rows) == 1:
            yield self._one_in_parts(rows, batch.texts[rows[0]], error)
        elif not too_much and self._blame.is_on_server(
            error, texts=len(rows), passed_before=passed_before
        ):
            yield Outcome(rows, error=error)
        elif len(rows) == 1:
            yield _one_failed(rows, batch.texts[rows[0]], error)
        else:
            part = passed_before is None or not too_much
            yield from self._halves(rows, batch, part=part, sure=too_much)

    def _try_out(self, text: str) -> None:
        """Embed a text whose vector nobody wants."""
        self._checked([text], self._embedder.embed_documents, most=_TRIES_ALONE)

    def _pieces(self, rows: list[int], texts: Sequence[str]) -> list[list[int]]:
        """Cut rows by what was learnt: texts that may be too long alone, the rest in batches."""
        doubtful = [row for row in rows if self.limits.is_doubtful(len(texts[row]))]
        others = [row for row in rows if row not in set(doubtful)] if doubtful else rows
        size = self.limits.at_most(len(rows))
        batches = [others[start : start + size] for start in range(0, len(others), size)]
        return batches + [[row] for row in doubtful]

    def _halves(
        self, rows: list[int], batch: _Batch, *, part: bool, sure: bool
    ) -> Iterator[Outcome]:
        """Embed a refused batch in two: the shorter texts, then the longer ones.

        That way texts that are too long come together, and the rest passes at once.

        Parameters
        ----------
        part:
            As for `_batch`.
        sure:
            The server said that it is too much for one request.
        """
        ordered = sorted(rows, key=lambda row: len(batch.texts[row]))
        middle = len(ordered) // 2
        shorter = yield from self._batch(ordered[:middle], batch, part=part)
        longer = yield from self._batch(ordered[middle:], batch, part=part)
        size = len(ordered) - middle
        if shorter and longer and self.limits.batch_fits(size, sure=sure):
            self._notify(f"{self.who} takes no {len(rows)} texts in a request; sending {size}")

    def _one_in_parts(self, rows: list[int], text: str, error: RemoteError) -> Outcome:
        import numpy as np

        self.limits.text_too_long(len(text))
        try:
            vector = self._in_parts(text, error, self._embedder.embed_documents)
        except RemoteError as failure:
            if not isinstance(failure, _TOO_MUCH) and self._blame.is_on_server(failure, texts=1):
                return Outcome(rows, error=failure)
            return _one_failed(rows, text, failure)
        self._blame.note_passed()
        return Outcome(rows, vector[np.newaxis])

    def _in_parts(
        self, text: str, error: RemoteError, send: Callable[[Sequence[str]], Embeddings]
    ) -> NDArray[np.float32]:
        parts = self._parts(text, error, send)
        vector = mean_of_parts([part for part, _ in parts], [length for _, length in parts])
        with self._lock:
            self.split += 1
            number = self.split
        if number <= _NAMED_SPLITS:
            self._notify(
                f"1 text of {len(text):,} characters was longer than {self.who} takes; "
                f"embedded in {len(parts)} parts"
            )
        if number == _NAMED_SPLITS:
            self._notify("further texts that are too long are embedded in parts as well")
        return vector

    def _parts(
        self, text: str, error: RemoteError, send: Callable[[Sequence[str]], Embeddings]
    ) -> list[tuple[NDArray[np.float32], int]]:
        """Embed a text that was refused as parts, each with its length."""
        halves = cut_in_two(text)
        if not halves:
            raise error
        found: list[tuple[NDArray[np.float32], int]] = []
        for half in halves:
            try:
                found.append((self._checked([half], send).vectors[0], len(half)))
            except _TOO_MUCH as smaller:
                found += self._parts(half, smaller, send)
        return found

    def _checked(
        self,
        texts: Sequence[str],
        send: Callable[[Sequence[str]], Embeddings],
        *,
        most: int | None = None,
    ) -> Checked:
        answer = self._retrier(lambda: self._send(texts, send), most=most)
        checked = check_answer(answer.vectors, texts, dimensions=self.dimensions, who=self.who)
        known = self.learn_dimensions(checked.vectors.shape[1])
        if known != checked.vectors.shape[1]:  # another thread's answer was first
            check_answer(answer.vectors, texts, dimensions=known, who=self.who)
        self.note_tokens(likely_tokens(texts) if answer.tokens is None else answer.tokens)
        return checked

    def _send(
        self, texts: Sequence[str], send: Callable[[Sequence[str]], Embeddings]
    ) -> Embeddings:
        cost = sum(map(self._count, texts))
        with self._gate.passage() as number:
            self._rates.wait(cost)
            if self._stop.is_set():
                from concurrent.futures import CancelledError

                raise CancelledError
            with self._lock:
                self.requests += 1
            try:
                answer = send(texts)
            except RemoteRateLimitError:
                self._gate.narrow(number)
                raise
            except RemoteError:
                raise
            except BaseException as error:
                if not is_fault_of_code(error):
                    raise
                raise RemoteError(
                    f"{self.who} failed: {type(error).__name__}: {error}",
                    hint="This looks like a fault of the provider's code; `debug` shows where.",
                ) from error
        if not isinstance(answer, Embeddings):
            raise RemoteError(f"{self.who} gave a {type(answer).__name__}, not Embeddings")
        self._gate.widen()
        if answer.tokens is not None:
            self._rates.correct(cost, answer.tokens)
        return answer


def _outcomes(rows: Sequence[int], texts: Sequence[str], checked: Checked) -> Iterator[Outcome]:
    """Tell the rows that are of no use from the others."""
    good = [place for place in range(len(rows)) if place not in checked.unusable]
    yield Outcome([rows[place] for place in good], checked.vectors[good])
    for place, error in checked.unusable.items():
        yield _one_failed([rows[place]], texts[place], error)


def _one_failed(row: list[int], text: str, error: RemoteError) -> Outcome:
    error.text = text
    return Outcome(row, error=error)


class Limits:
    """What a server was found not to take, by its refusals; shared by all threads of a pool."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batch: int | None = None
        self._guess: int | None = None
        self._too_long: int | None = None
        self._fits = 0

    def at_most(self, texts: int) -> int:
        """Return how many of ``texts`` the server takes in a request."""
        return min(texts, self._batch or texts)

    def batch_fits(self, texts: int, *, sure: bool = True) -> bool:
        """Note that both halves of a refused batch passed; tell whether a limit was learnt.

        Parameters
        ----------
        texts:
            In the larger half.
        sure:
            True where the server said that the batch was too large. Else the first such batch is
            a guess, which the second confirms: a text may fail beside others and pass alone.
        """
        with self._lock:
            if not sure and self._guess is None:
                self._guess = texts
                return False
            self._guess = None
            if self._batch is not None and self._batch <= texts:
                return False
            self._batch = texts
            return True

    def batch_passed(self, texts: int) -> None:
        """Note a batch that passed as a whole."""
        with self._lock:
            if self._guess is not None and texts > self._guess:
                self._guess = None

    def text_fits(self, characters: int) -> None:
        """Note that a text of this length passed."""
        with self._lock:
            self._fits = max(self._fits, characters)

    def text_too_long(self, characters: int) -> None:
        """Note that a text of this length, alone in its request, was refused."""
        with self._lock:
            self._too_long = min(self._too_long or characters, characters)

    def is_doubtful(self, characters: int) -> bool:
        """Tell whether a text may be too long, so that it should not spoil others' request."""
        return self._too_long is not None and characters >= max(self._too_long, self._fits + 1)


SHORTEST = 16
"""Characters below which a text is not cut any more."""

_SPACE = re.compile(r"\s+")


def cut_in_two(text: str) -> list[str]:
    """Cut near the middle, at white space when the middle half has some.

    Returns
    -------
    list of str
        Two texts, neither blank; one where the rest was blank; none when ``text`` is too short.
    """
    if len(text) < SHORTEST:
        return []
    middle = len(text) // 2
    quarter = len(text) // 4
    gaps = _SPACE.finditer(text, quarter, len(text) - quarter)
    cut = min((gap.start() for gap in gaps), key=lambda at: abs(at - middle), default=middle)
    return [half for half in (text[:cut].strip(), text[cut:].strip()) if half]


def mean_of_parts(
    vectors: Sequence[NDArray[np.float32]], lengths: Sequence[int]
) -> NDArray[np.float32]:
    """Average unit vectors, weighted by the lengths of their texts; shape (dimensions,)."""
    import numpy as np

    mean = np.average(np.stack(vectors).astype(np.float64), axis=0, weights=lengths)
    norm = np.linalg.norm(mean)
    unit: NDArray[np.float32] = (mean / norm if norm else mean).astype(np.float32)
    return unit


def _named_limit(error: RemoteError, texts: int) -> int:
    """Return how many texts a refusal of too many says are taken; 0 where it does not say."""
    if not isinstance(error, RemoteBatchTooLargeError):
        return 0
    from knowledge.remote.refusals import named_limit

    return named_limit(error, texts) or 0
