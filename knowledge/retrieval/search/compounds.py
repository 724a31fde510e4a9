"""Words written as one: a question's ``Frist`` is found in ``Kündigungsfrist``.

German, Dutch and the Scandinavian languages write compounds as one word. No splitter is asked: a
term of the dataset that begins or ends with a question's word, and has three letters more, is taken
for a compound of it. In a passage it counts as half an occurrence of the word. A compound of the
question that no passage holds counts by its last part: ``Mietvertrag`` finds ``Vertrag``.

Only passages in these languages count, so that ``phone`` does not find ``microphone``.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Snapshot

LANGUAGES = ("german", "dutch", "danish", "norwegian", "swedish")
PART = 0.5
"""Of an occurrence."""
SHORTEST = 5
"""Letters of a word whose compounds are looked for."""
_REST = 3
_MOST = 100
"""Compounds of one word, the shortest first."""
_LONG = 8
"""Letters of a question's word that may be a compound itself."""


class Compounds:
    """The compounds of a question's words in some datasets."""

    def __init__(
        self, datasets: Sequence[ChunkColumns], snapshot: Snapshot, spoken: Sequence[str]
    ) -> None:
        self._datasets = datasets
        self._snapshot = snapshot
        self._marks = [f"={name}" for name in LANGUAGES if name in spoken]

    def of(self, forms: Sequence[str], *, held: bool) -> tuple[str, ...]:
        """Return the terms that are compounds of a word, given the forms of that.

        Parameters
        ----------
        held:
            A passage holds the word itself.
        """
        words = [one for one in forms if len(one) >= SHORTEST and one.isalpha()]
        if not self._marks or not words:
            return ()
        found = {
            term
            for columns in self._datasets
            for word in words
            for term in _around(columns.vocabulary(self._snapshot, SHORTEST), word)
        }
        ordered = sorted(found, key=lambda term: (len(term), term))
        compounds = [term for term in ordered if self._is_held(term)][:_MOST]
        return tuple(compounds) if compounds or held else self._last_part(words)

    def holders(self, columns: ChunkColumns, compounds: Sequence[str]) -> NDArray[np.int64]:
        """Return the positions of the passages that hold one of some compounds."""
        mask = np.zeros(len(columns), dtype=np.bool_)
        for term in compounds:
            mask[columns.chunks_with(self._snapshot, term)] = True
        spoken = np.zeros(len(columns), dtype=np.bool_)
        for mark in self._marks:
            spoken[columns.chunks_with(self._snapshot, mark)] = True
        return np.flatnonzero(mask & spoken)

    def _last_part(self, words: Sequence[str]) -> tuple[str, ...]:
        for word in words:
            for start in range(_REST, len(word) - SHORTEST + 1 if len(word) >= _LONG else 0):
                if self._is_held(word[start:]):
                    return (word[start:],)
        return ()

    def _is_held(self, term: str) -> bool:
        return any(len(one.chunks_with(self._snapshot, term)) for one in self._datasets)


def held_partly(compounds: Sequence[str], terms: Container[str]) -> bool:
    """Tell whether a passage's terms hold a compound, in a language that has them."""
    return any(term in terms for term in compounds) and any(
        f"={name}" in terms for name in LANGUAGES
    )


def _around(vocabulary: str, word: str) -> Iterator[str]:
    """Yield the lines of a text that begin or end with a word, and are longer."""
    at = vocabulary.find(word)
    while at >= 0:
        start = vocabulary.rfind("\n", 0, at) + 1
        end = vocabulary.find("\n", at)
        line = vocabulary[start:end]
        if len(line) >= len(word) + _REST and (line.startswith(word) or line.endswith(word)):
            yield line
        at = vocabulary.find(word, end)
