"""Stemmers, and which language a text is in.

A text's script determines its language where one script serves few languages. For Latin letters the
most frequent stop words decide, and English is the default. A wrong guess costs only some recall,
since a question is stemmed in every language of its dataset.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

DEFAULT = "english"

# Words that are frequent in one language and are not English words.
_STOP_WORDS = {
    "english": "the of and is to that for with are was this it be by from not or have which you",
    "german": "der und ist nicht mit das auf für ein eine von dem sich des zu wird auch nach oder",
    "french": "le les des est et une dans pour que qui par sur pas du avec au sont aux cette",
    "spanish": "el los las una que en por con para del se es su al como más pero este",
    "italian": "il che della di per una non sono con del nel alla gli più le dei anche questo",
    "portuguese": "os uma não com por dos das em para que ao mais seu foi como pelo são",
    "dutch": "het een van en niet dat zijn op voor met aan deze ook wordt naar uit bij",
    "swedish": "och att det som en på är av för med inte till ett kan om har från",
    "danish": "og det at en af er til på der ikke med som har et kan ved eller",
    "norwegian": "og det er til på som en av ikke med har et kan fra eller etter jeg",
    "finnish": "ja on ei että se hän oli mutta kun niin joka tai ovat kuin sekä myös",
    "hungarian": "az és hogy nem egy ez meg volt csak van mint már még vagy ha",
    "turkish": "ve bir bu için ile da olarak daha çok gibi olan ne kadar sonra",
    "romanian": "și în de la cu nu pe din care este mai pentru sunt fost sau",
}

_ENGLISH_STOP_WORDS = """
    a about all also an and any are as at be been being but by can could did do does for from had
    has have he how i if in into is it its may me might my no not of on or our s should so some
    such t than that the their then there these they this to too us very was we were what when
    where which who why will with would you your
"""
"""Stop words of English questions."""

_QUESTION_WORDS = {
    "german": "wie was wo wann wer wen wem welche welcher welches welchen welchem warum gibt "
    "es muss kann darf ist sind haben bei im in zu zum zur am an wird werden "
    "bekomme bekommt",
    "french": "quel quelle quels quelles comment quand où qui quoi pourquoi combien de à ce "
    "il elle faut peut un",
    "spanish": "qué cuál cuáles cómo cuándo dónde quién quiénes cuánto cuánta cuántos por un "
    "una de puede debe",
    "italian": "quale quali quando dove cosa quanto perché si può deve un è",
    "portuguese": "qual quais como quando onde quem quanto um de é pode deve há",
    "dutch": "hoe wat waar wanneer wie welke waarom de is kan mag moet er te in",
    "swedish": "hur vad var när vem vilken vilket vilka varför får kan måste i är",
    "danish": "hvordan hvad hvor hvornår hvem hvilken hvilket hvilke hvorfor må skal i",
    "norwegian": "hvordan hva hvor når hvem hvilken hvilket hvilke hvorfor må skal i",
}
"""What questions ask with in other languages, without what is an English word of its own, such as
``man``: a dataset may hold texts in both."""

_VOTERS: dict[str, list[str]] = {}
for _language, _words in _STOP_WORDS.items():
    for _word in _words.split():
        _VOTERS.setdefault(_word, []).append(_language)
_ENGLISH = frozenset(_STOP_WORDS[DEFAULT].split())
_FOREIGN = {word: spoken for word, spoken in _VOTERS.items() if word not in _ENGLISH}
_ENOUGH_VOTES = 2

_SCRIPTS = {
    "russian": "\u0400-\u052f",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "arabic": "\u0600-\u06ff",
    "hindi": "\u0900-\u097f",
    "armenian": "\u0530-\u058f",
    "tamil": "\u0b80-\u0bff",
}

_CODES = dict(
    pair.split(":")
    for pair in [
        "ar:arabic",
        "hy:armenian",
        "eu:basque",
        "ca:catalan",
        "cs:czech",
        "da:danish",
        "nl:dutch",
        "en:english",
        "eo:esperanto",
        "et:estonian",
        "fi:finnish",
        "fr:french",
        "de:german",
        "el:greek",
        "hi:hindi",
        "hu:hungarian",
        "id:indonesian",
        "ga:irish",
        "it:italian",
        "lt:lithuanian",
        "ne:nepali",
        "no:norwegian",
        "nb:norwegian",
        "nn:norwegian",
        "fa:persian",
        "pl:polish",
        "pt:portuguese",
        "ro:romanian",
        "ru:russian",
        "sr:serbian",
        "st:sesotho",
        "es:spanish",
        "sv:swedish",
        "ta:tamil",
        "tr:turkish",
        "yi:yiddish",
    ]
)
KNOWN = tuple(sorted({*_CODES.values()} - {*_SCRIPTS}))
"""The stemmers that a text may need, except those determined by the script."""


def named(language: str) -> str | None:
    """Return the stemmer of a language's name or code, such as ``de-DE``, or ``None``."""
    text = language.strip().lower()
    name = text if text in KNOWN else _CODES.get(re.split(r"[-_]", text)[0])
    return name if name in KNOWN and name in _stemmed() else None


def detect(words: Mapping[str, int]) -> str:
    """Return the language of a text in Latin letters, given its words in lower case."""
    if _FOREIGN.keys().isdisjoint(words):
        return DEFAULT
    found = _VOTERS.keys() & words.keys()
    votes = Counter(language for word in found for language in _VOTERS[word])
    best = max(votes, key=lambda language: (votes[language], language == DEFAULT, language))
    return best if votes[best] >= _ENOUGH_VOTES else DEFAULT


def is_foreign(word: str) -> bool:
    """Tell whether a word, in lower case, is a vote for another language than English."""
    return word in _FOREIGN


def may_be_another(foreign: Iterable[str]) -> bool:
    """Tell whether a text with these foreign words may be in another language than English."""
    votes = Counter(language for word in foreign for language in _FOREIGN[word])
    return max(votes.values(), default=0) >= _ENOUGH_VOTES


def stop_words(spoken: Iterable[str]) -> frozenset[str]:
    """Return the stop words of questions in some languages."""
    words: set[str] = set()
    for language in spoken:
        if language == DEFAULT:
            words.update(_ENGLISH_STOP_WORDS.split())
        else:
            words.update(_STOP_WORDS.get(language, "").split())
            words.update(_QUESTION_WORDS.get(language, "").split())
    return frozenset(words)


def language_of_script(word: str) -> str | None:
    """Return the language determined by a word's script; ``None`` for Latin and unknown scripts."""
    found = None if word.isascii() else _script().search(word)
    return found.lastgroup if found else None


@cache
def _script() -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{name}>[{span}])" for name, span in _SCRIPTS.items()))


def stem(word: str, language: str) -> str:
    """Return a word's stem by Snowball's algorithm for ``language``."""
    stemmers = _of_thread.stemmers
    if language not in stemmers:
        import Stemmer

        stemmers[language] = Stemmer.Stemmer(language)
    stemmed: str = stemmers[language].stemWord(word)
    return stemmed


class _OfThread(threading.local):
    """A stemmer may not be used by two threads at once."""

    def __init__(self) -> None:
        self.stemmers: dict[str, Any] = {}


_of_thread = _OfThread()


@cache
def _stemmed() -> frozenset[str]:
    import Stemmer  # an older one knows fewer languages

    return frozenset(Stemmer.algorithms())
