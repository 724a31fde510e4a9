"""The terms of a text for keyword search; documents and questions are treated alike.

- Words are folded: case, compatibility forms (NFKC) and, in Latin and Greek letters, accents and
  strokes (``ł`` is ``l``, ``ß`` is ``ss``). Then they are stemmed for their language.
- An identifier, such as ``ERR_CONN_RESET``, ``v2.3.1``, ``foo_bar()`` or ``camelCase``, yields its
  parts and itself as a whole, so that an exact match scores highest.
- ``e-mail`` yields ``e``, ``mail`` and ``email``.
- Scripts without spaces (Chinese, Japanese, Thai and so on) and Korean yield pairs of adjacent
  characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, filterfalse
from typing import NamedTuple

from knowledge.text import languages as languages

LONGEST = 64
"""Characters of a word that are used; nobody types longer words."""

MOST_TERMS = 30_000
"""Words whose terms are cached; most words are rare and occur once."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_JOINT = r"[.:/@&+#\-]{1,2}"
_TAIL = r"(?:\+\+|\#)?"  # C++, C#
_ASCII_RUN = re.compile(rf"\w++(?:{_JOINT}\w++)*+{_TAIL}", re.ASCII)
_ASCII_FOLDED = "".join(chr(c).lower() if chr(c).isalnum() else " " for c in range(128))
_PLAIN: set[str] = set()
"""Known pieces between spaces that yield nothing beyond their words."""
_STROKES = str.maketrans(
    {
        **dict(zip("łøđðħŧƀɨɉŋıĸſ", "loddhtbijniks", strict=True)),
        "æ": "ae",
        "œ": "oe",
        "ß": "ss",
        "þ": "th",
    }
)
"""Latin letters that do not decompose, as they are typed where a keyboard lacks them."""
_EDGES = ".,;:!?()[]{}<>\"'*"
_ASCII_PART = re.compile(r"[^\W_]++", re.ASCII)
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_ONE_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+|[^\W\d_](?:\.[^\W\d_])+")  # e-mail, U.S.A


class _Patterns(NamedTuple):
    """Patterns for words in all scripts; compiled for the first text that is not ASCII."""

    run: re.Pattern[str]
    part: re.Pattern[str]
    unspaced: re.Pattern[str]
    accent: re.Pattern[str]
    no_accents: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    codes = range(0x300, 0x2000)
    marks = "".join(chr(c) for c in codes if unicodedata.category(chr(c))[0] == "M")
    letters = rf"(?:[^\W{_UNSPACED}][{marks}]*+)++"
    return _Patterns(
        run=re.compile(
            rf"{letters}(?:{_JOINT}{letters})*+{_TAIL}|[{_UNSPACED}](?:[{_UNSPACED}{marks}])*+"
        ),
        part=re.compile(rf"(?:[^\W_][{marks}]*+)++"),
        unspaced=re.compile(f"[{_UNSPACED}]"),
        accent=re.compile("[\u0300-\u036f]"),
        no_accents=re.compile("[\u0400-\u1dff\u2c00-\U0010ffff]"),
    )


@dataclass(frozen=True, slots=True)
class Words:
    """A text's words, each with its frequency.

    Parameters
    ----------
    natural:
        Words of a language, in lower case.
    exact:
        Identifiers as a whole, and pairs of characters of scripts without spaces; none has a stem.
    characters:
        The single characters of these pairs: a document's, for questions of one character.
    """

    natural: Counter[str] = field(default_factory=Counter)
    exact: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)


def split(text: str) -> Words:
    """Return the words of a text."""
    if text.isascii():
        return _split_ascii(text)
    found = Words()
    patterns = _patterns()
    for run in patterns.run.findall(unicodedata.normalize("NFKC", text)):
        if patterns.unspaced.match(run):
            _take_unspaced(run, found)
        elif run.isalnum() and run.islower():
            found.natural[run] += 1
        else:
            _take(run, found)
    return found


def terms_of(words: Words, language: str) -> dict[str, int]:
    """Return the index terms of a text in ``language``, with their frequencies."""
    terms = {**words.exact, **words.characters}
    term_of = _Terms.of(language)
    for word, times in words.natural.items():
        term = term_of[word]
        terms[term] = terms.get(term, 0) + times
    return terms


def english_terms(text: str) -> Counter[str] | None:
    """Return what `terms_of` gives for an ASCII text in English, in half the time.

    A text has the terms of its pieces between spaces, most of which come again and again.
    ``None`` where it may be in another language, which must then be guessed.
    """
    terms = Counter(chain.from_iterable(map(_ENGLISH.__getitem__, text.split())))
    marked = [term for term in terms if term[0] == _MARK]
    if marked:
        for term in marked:
            del terms[term]
        if languages.may_be_another(term[1:] for term in marked):
            return None
    return terms


def variants(words: Words, spoken: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Return the possible index terms of each word of a question, with their frequencies.

    Parameters
    ----------
    spoken:
        The languages of the dataset's texts.
    """
    found: Counter[tuple[str, ...]] = Counter()
    for word, times in words.natural.items():
        found[tuple(dict.fromkeys(_Terms.of(language)[word] for language in spoken))] += times
    for word, times in words.exact.items():
        found[word,] += times
    return found


def _split_ascii(text: str) -> Words:
    """Do the same as :func:`split`, several times as fast: ingest waits for this."""
    found = Words(Counter(text.translate(_ASCII_FOLDED).split()))
    for piece in filterfalse(_PLAIN.__contains__, text.split()):
        core = piece.strip(_EDGES)
        if core and not (core.isalnum() and (core.islower() or core.istitle() or core.isupper())):
            for run in _ASCII_RUN.findall(piece):
                _take_whole(run, found)
        elif len(piece) <= LONGEST:
            if len(_PLAIN) >= MOST_TERMS:
                _PLAIN.clear()
            _PLAIN.add(piece)
    return found


def _take(run: str, found: Words) -> None:
    """Add a run's parts, and the run as a whole."""
    found.natural.update(part.casefold() for part in _parts(run))
    _take_whole(run, found)


def _parts(run: str) -> list[str]:
    pattern = _ASCII_PART if run.isascii() else _patterns().part
    return pattern.findall(run)


def _take_whole(run: str, found: Words) -> None:
    """Add what a run is besides its parts: an identifier, a joined word, the humps of camelCase."""
    if not run.isalnum():
        parts = _parts(run)
        if len(run) <= LONGEST and [run] != parts:
            if _ONE_WORD.fullmatch(run):
                found.natural[re.sub("[-.]", "", run).casefold()] += 1
            else:
                found.exact[run.casefold()] += 1
        for part in parts:
            _take_humps(part, found)
    else:
        _take_humps(run, found)


def _take_humps(word: str, found: Words) -> None:
    if word.isascii() and not (word.islower() or word.istitle() or word.isupper()):
        humps = _HUMP.findall(word)
        if len(humps) > 1:
            found.natural.update(hump.lower() for hump in humps)


def _take_unspaced(run: str, found: Words) -> None:
    if len(run) == 1:
        found.exact[run] += 1
    else:
        found.characters.update(run)
        found.exact.update(run[start : start + 2] for start in range(len(run) - 1))


class _Terms(dict[str, str]):
    """The terms of words of one language, computed when they are first used."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def __missing__(self, word: str) -> str:
        if len(self) >= MOST_TERMS:
            self.clear()
        language = languages.language_of_script(word) or self._language
        cut = word[:LONGEST]
        if language == languages.DEFAULT:  # whose own words have no accents
            cut = _without_accents(cut)
        term = self[word] = _without_accents(languages.stem(cut, language))
        return term

    @staticmethod
    @cache
    def of(language: str) -> _Terms:
        """Return the terms of a language."""
        return _Terms(language)


class _EnglishPieces(dict[str, tuple[str, ...]]):
    """The terms of pieces between spaces, computed when they are first met."""

    def __missing__(self, piece: str) -> tuple[str, ...]:
        core = piece.strip(_EDGES)
        words: Iterable[str]
        terms: Iterable[str]
        if core.isalnum() and (core.islower() or core.istitle() or core.isupper()):
            words = (core.lower(),)
            terms = (_Terms.of(languages.DEFAULT)[core.lower()],)
        else:
            several = _split_ascii(piece)
            words = several.natural
            terms = Counter(terms_of(several, languages.DEFAULT)).elements()
        marks = [_MARK + word for word in words if languages.is_foreign(word)]
        found = (*terms, *marks)
        if len(piece) <= LONGEST:
            if len(self) >= MOST_TERMS:
                self.clear()
            self[piece] = found
        return found


_ENGLISH = _EnglishPieces()
_MARK = "\0"
"""Stands before a word that other languages have."""


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    patterns = _patterns()
    if patterns.no_accents.search(word):  # й is not и, and marks are vowels elsewhere
        return word.replace("ё", "е")
    plain = patterns.accent.sub("", unicodedata.normalize("NFD", word)).translate(_STROKES)
    return unicodedata.normalize("NFC", plain)
