"""The full-text terms of a chunk, as every store lists them.

Lists of terms keep no counts: a chunk that holds a term at least 2, 3, 5 or 8 times also holds
``<term>=2`` and so on. ``=german`` marks a text in another language than English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

COUNTS = (1, 2, 3, 5, 8)
"""Numbers of occurrences that are distinguished; between two of them, the lower one counts."""


def terms_of(language: str | None, heading: Sequence[str], text: str) -> str:
    """Return the terms of a chunk, separated by spaces.

    Parameters
    ----------
    language:
        What its metadata says; else it is guessed.
    """
    from knowledge.text import languages, terms

    whole = "\n".join([*heading, text])
    spoken = languages.named(language) if language else None
    counted: Mapping[str, int] | None = None
    if whole.isascii() and spoken in (None, languages.DEFAULT):
        counted = terms.english_terms(whole)
    if counted is not None:
        spoken = languages.DEFAULT
    else:
        words = terms.split(whole)
        spoken = spoken or languages.detect(words.natural)
        counted = terms.terms_of(words, spoken)
    found = list(counted)
    repeated = [(term, times) for term, times in counted.items() if times > 1]
    for count in COUNTS[1:]:
        found += [f"{term}={count}" for term, times in repeated if times >= count]
    if spoken != languages.DEFAULT:
        found.append(f"={spoken}")
    return " ".join(found)


_BETWEEN = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|(?<=[a-z])(?=[A-Z])")
"""Where a name is cut, besides at signs: between letters and digits, and before a hump."""
_LONGEST_NAME = 200


def name_terms_of(name: str, title: str) -> str:
    """Return the terms of a file's name and title, separated by spaces.

    The name, the name without its suffix, and the title are also terms as a whole: see
    :func:`whole_name`.
    """
    from knowledge.text import languages, terms

    stem, _, suffix = name.rpartition(".")
    text = "\n".join([name, *_BETWEEN.split(name), title])
    found = list(terms.terms_of(terms.split(text), languages.DEFAULT))
    wholes = [whole_name(one) for one in (name, stem if stem and suffix else name, title)]
    return " ".join(dict.fromkeys([*found, *filter(None, wholes)]))


def whole_name(text: str) -> str:
    """Return the term of a whole name: its letters and digits; empty for one that is too long."""
    words = re.findall(r"[^\W_]+", " ".join(_BETWEEN.split(text[: 4 * _LONGEST_NAME])))
    folded = map(_first_term, words)
    joined = "=" + "_".join(filter(None, folded))
    return joined if 1 < len(joined) <= _LONGEST_NAME else ""


@lru_cache(2_000)
def _first_term(word: str) -> str:
    """Return the first term of a word; names of files have many words in common."""
    from knowledge.text import languages, terms

    return next(iter(terms.terms_of(terms.split(word), languages.DEFAULT)), "")


def language_of(*metadata: Mapping[str, Any]) -> str | None:
    """Return the language that metadata names; the first that names one counts."""
    for one in metadata:
        if (language := one.get("language")) is not None:
            return language if isinstance(language, str) else None
    return None
