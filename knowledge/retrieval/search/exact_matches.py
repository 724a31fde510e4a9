"""What a question names exactly: a file, or an identifier that few passages hold.

``CMP0077`` names the file ``CMP0077.rst``; ``ERR_CONN_RESET``, ``E1234`` or ``v2.3.1`` the passage
that holds it. Neither cosines nor sums of many words may put others before those, so exact matches
are a side of their own. Words of a language never count here, however rare: a question is full of
words that it could do without.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge.storage.terms import whole_name
from knowledge.text.terms import Words, split, variants

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.retrieval.search.keyword import Names
    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Snapshot

FEW = 4
"""What more chunks hold, or more files are called, names none of them."""
MOST = 50
"""Identifiers of a question that are looked up; a pasted log may hold thousands."""
_RUN = re.compile(r"\w+(?:[.:/@&+#-]{1,2}\w+)*", re.ASCII)
_IDENTIFIER = re.compile(
    r"(?=.*\d)(?=.*[^\W\d_]).+"  # letters and digits: E1234, v2.3.1, 0x80070057
    r"|.*_.*"
    r"|.*[a-z][A-Z].*"
    r"|.*\w[.:@#]{1,2}\w.*",  # os.path, std::vector, 3.11
    re.ASCII | re.DOTALL,
)


def exact_matches(
    text: str, datasets: Sequence[ChunkColumns], snapshot: Snapshot, names: Names
) -> list[NDArray[np.float64]] | None:
    """Return for each chunk how exactly the question names it, from 0 to 1; ``None`` for no chunk.

    If the question is a file's name, that file's chunks have 1, and no others count. Else the only
    chunk that holds an identifier of the question, or whose file is called so, has 1; of n each
    has 1/n.
    """
    found = [np.zeros(len(columns)) for columns in datasets]
    _note(found, names, whole_name(text), most=None)
    if any(one.any() for one in found):
        return found
    for run in identifiers(text):
        _note(found, names, whole_name(run), most=FEW)
        for forms in _forms(run, datasets, snapshot):
            holders = [
                united([columns.chunks_with(snapshot, form) for form in forms])
                for columns in datasets
            ]
            holding = sum(map(len, holders))
            if 0 < holding <= FEW:
                for matches, at in zip(found, holders, strict=True):
                    matches[at] = np.maximum(matches[at], 1 / holding)
    return found if any(one.any() for one in found) else None


def united(lists: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the numbers that ascending lists hold, each once.

    Nearly always there is one list, which may hold nearly all numbers: it is not gone through.
    """
    if len(lists) == 1:
        return lists[0]
    found = np.sort(np.concatenate(lists))
    return found[np.diff(found, prepend=-1) > 0]


def identifiers(text: str) -> list[str]:
    """Return the identifiers of a question: what no language has as a word."""
    runs = dict.fromkeys(_RUN.findall(text[:100_000]))
    return [run for run in runs if _IDENTIFIER.fullmatch(run)][:MOST]


def _note(
    found: Sequence[NDArray[np.float64]], names: Names, name: str, *, most: int | None
) -> None:
    """Note the chunks of the files that are called so, unless these are more than ``most``."""
    files = names.having([name]) if name else []
    called = sum(map(len, files))
    if called and (most is None or called <= most):
        for number, own in enumerate(files):
            if len(own):
                mask = names.chunks_of(number, own)
                found[number][mask] = np.maximum(
                    found[number][mask], 1.0 if most is None else 1 / called
                )


def _forms(run: str, datasets: Sequence[ChunkColumns], snapshot: Snapshot) -> list[tuple[str, ...]]:
    """Return the terms of an identifier as a whole, as the index may hold it."""
    words, whole = split(run), run.casefold()
    if whole in words.exact:
        return [(whole,)]
    spoken = dict.fromkeys(name for one in datasets for name in one.languages(snapshot))
    if whole in words.natural:
        return list(variants(Words(natural=Counter({whole: 1})), list(spoken)))
    return []
