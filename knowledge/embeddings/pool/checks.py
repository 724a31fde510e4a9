"""What a provider's answer must be before anybody relies on it.

Embedding servers fail quietly: a vector too few, another model's dimensions, zeros, NaN, or the
same vector for every text. Searching such vectors finds nonsense without an error, so that they
are refused here.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from math import gcd
from typing import TYPE_CHECKING

from knowledge.errors import RemoteError, RemoteResponseError
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

_COMPARED = 256
"""Characters of a text that decide whether it really differs from another."""
_SAME = 1e-6
_WORD = re.compile(r"[a-z0-9]+")
_CUT_WORD = re.compile(r"\w+\Z")


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer that passed: unit vectors, and the rows that are of no use.

    Parameters
    ----------
    vectors:
        float32 array of shape (texts, dimensions), of unit length.
    unusable:
        What is wrong, by row: a zero vector or one that is not finite.
    """

    vectors: NDArray[np.float32]
    unusable: Mapping[int, RemoteError] = field(default_factory=dict)


def check_answer(
    vectors: NDArray[np.float32], texts: Sequence[str], *, dimensions: int | None, who: str
) -> Checked:
    """Check and normalise the vectors of one request.

    Parameters
    ----------
    dimensions:
        What they must have, where it is known.
    who:
        The provider, as messages name it.

    Raises
    ------
    RemoteResponseError
        The answer as a whole is of no use.
    """
    import numpy as np

    try:
        vectors = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise RemoteResponseError(f"{who} gave something other than vectors: {error}") from error
    _check_shape(vectors, len(texts), dimensions, who)
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        unit = (vectors / norms).astype(np.float32)
    finite = np.isfinite(unit).all(axis=1)
    bad: list[int] = np.flatnonzero(~finite).tolist()
    unusable = {row: _unusable_row(vectors[row], texts[row], who) for row in bad}
    if len(unusable) == len(texts):
        raise RemoteResponseError(unusable[0].message, hint=unusable[0].hint)
    good = [text for row, text in enumerate(texts) if row not in unusable]
    _check_distinct(unit[finite], good, who)
    return Checked(unit, unusable)


def really_differ(one: str, other: str) -> bool:
    """Tell whether a working model must give two texts different vectors.

    True only when one begins with a plain word that the other has nowhere, and they are not made
    of the same characters: models may cut long texts off and ignore case, accents, order,
    repetition, punctuation and scripts that they do not know, and one that averages the vectors
    of its tokens can't tell 89 from 98 where each digit is a token.
    """
    if _first_words(one) <= _words(other) and _first_words(other) <= _words(one):
        return False
    return _characters(one) != _characters(other)


def _first_words(text: str) -> frozenset[str]:
    """Return the words of the first characters, without one that they cut in two."""
    start = text[:_COMPARED]
    whole = start if len(text) <= _COMPARED else _CUT_WORD.sub("", start)
    return _words(whole)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_plain(text)))


def _characters(text: str) -> dict[str, int]:
    """Return how often each character of the words stands in a text, as the smallest ratio."""
    counts = Counter("".join(_WORD.findall(_plain(text))))
    shared = gcd(*counts.values()) or 1
    return {character: count // shared for character, count in counts.items()}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text.casefold())


def _check_shape(
    vectors: NDArray[np.float32], texts: int, dimensions: int | None, who: str
) -> None:
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise RemoteResponseError(
            f"{who} gave an array of shape {vectors.shape} for {counted(texts, 'text')}",
            hint="There must be one vector for each text.",
        )
    if len(vectors) != texts:
        raise RemoteResponseError(
            f"{who} gave {counted(len(vectors), 'vector')} for {counted(texts, 'text')}",
            hint="The server may not take several texts in a request: try a batch size of 1.",
        )
    if dimensions is not None and vectors.shape[1] != dimensions:
        raise RemoteResponseError(
            f"{who} gave vectors of {vectors.shape[1]} dimensions, not {dimensions}",
            hint="The server runs another model under this name, or can't shorten its vectors.",
        )


def _unusable_row(vector: NDArray[np.float32], text: str, who: str) -> RemoteError:
    import numpy as np

    what = "a zero vector" if not np.any(vector) else "a vector that is not finite"
    excerpt = " ".join(text[:60].split())
    return RemoteError(
        f"{who} gave {what} for a text that begins {excerpt!r}",
        hint="Check the model on the server with that text.",
    )


def _check_distinct(unit: NDArray[np.float32], texts: Sequence[str], who: str) -> None:
    import numpy as np

    if len(texts) < 2 or np.abs(unit - unit[0]).max() > _SAME:
        return
    if any(really_differ(texts[0], text) for text in texts[1:]):
        raise RemoteResponseError(
            f"{who} gave the same vector for {len(texts)} texts that differ",
            hint="The server's model or its pooling is broken; nothing could be found with it.",
            lasting=True,
        )
