"""The full-text terms of a chunk, as every store lists them.

Lists of terms keep no counts: a chunk that holds a term at least 2, 3, 5 or 8 times also holds
``<term>=2`` and so on. ``=german`` marks a text in another language than English.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    words = terms.split("\n".join([*heading, text]))
    spoken = languages.named(language) if language else None
    spoken = spoken or languages.detect(words.natural)
    counted = terms.terms_of(words, spoken)
    found = list(counted)
    repeated = [(term, times) for term, times in counted.items() if times > 1]
    for count in COUNTS[1:]:
        found += [f"{term}={count}" for term, times in repeated if times >= count]
    if spoken != languages.DEFAULT:
        found.append(f"={spoken}")
    return " ".join(found)


def language_of(*metadata: Mapping[str, Any]) -> str | None:
    """Return the language that metadata names; the first that names one counts."""
    for one in metadata:
        if (language := one.get("language")) is not None:
            return language if isinstance(language, str) else None
    return None
