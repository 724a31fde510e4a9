"""Scores where a reranker refuses, or fails on, some of the passages: they come last."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from knowledge.errors import RemoteError, RemoteUnavailableError
from knowledge.text.wording import counted

_REFUSED_IN_A_ROW = 8
"""Passages, each alone in its request, after which it is the reranker that is at fault."""

Score = Callable[[Sequence[str]], Sequence[float | None]]
"""texts -> a score for each; ``None`` for one that has none."""


def score_apart(
    score: Score,
    texts: Sequence[str],
    *,
    who: str,
    notify: Callable[[str], None] | None,
    at_once: int = 0,
) -> list[float]:
    """Return a score for each text; one that is refused has less than each of the others.

    Parameters
    ----------
    score:
        What it refuses is divided until the text is found that it refuses alone.
    who:
        The reranker, for a note.
    at_once:
        Most texts that are scored together; 0 is all.

    Raises
    ------
    RemoteError
        The reranker failed for good, or took no text at all.
    """
    scores: list[float | None] = []
    refused: list[RemoteError] = []
    size = at_once or max(1, len(texts))
    for start in range(0, len(texts), size):
        scores += _divided(score, texts[start : start + size], refused)
    given = [found for found in scores if found is not None]
    if texts and not given:
        raise refused[-1] if refused else RemoteError(f"{who} scores no passage with a number")
    if (without := len(scores) - len(given)) and notify is not None:
        notify(f"{who} refuses {counted(without, 'passage')}; put last")
    last = math.nextafter(min(given, default=0.0), -math.inf)
    return [last if found is None else found for found in scores]


def _divided(
    score: Score, texts: Sequence[str], refused: list[RemoteError]
) -> Sequence[float | None]:
    """Return the scores of texts, ``None`` for one that is refused; halve what is refused.

    Parameters
    ----------
    refused:
        Why texts were refused since the last that was not.
    """
    try:
        scores = score(texts)
    except RemoteError as error:
        if error.lasting or isinstance(error, RemoteUnavailableError):
            raise
        if len(texts) == 1:
            refused.append(error)
            if len(refused) >= _REFUSED_IN_A_ROW:
                raise
            return [None]
        middle = len(texts) // 2
        first = _divided(score, texts[:middle], refused)
        return [*first, *_divided(score, texts[middle:], refused)]
    refused.clear()
    return scores
