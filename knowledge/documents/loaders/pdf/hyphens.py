"""Words that a line break takes apart: which of them lose the hyphen.

A typesetter's hyphen goes (``infor-mation``), one that the word has of itself stays (``COVID-19``,
``X-ray``, ``Smith-Jones``). The file does not tell them apart, so the two parts do, then the other
words of the same document, then how common the joined word is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from knowledge.text.cleaning import words
from knowledge.text.tokens import TOKENIZER_MODEL, counter_of

_BREAK = re.compile(r"[\x02\ufffe]\n?|\xad\n|(?<=[^\W_])[-\u2010]\n(?=[^\W_])")
"""PDFium's mark for a hyphen at a line's end, the soft hyphen of others, and a plain one."""
_BEFORE = re.compile(r"[^\W_]*\Z")
_AFTER = re.compile(r"[^\W_]*")
_PARTS = re.compile(r"[^\W_]*(?:[\x02\ufffe]\n?|\xad\n|[-\u2010]\n)[^\W_]*")
_LONGEST = 60
_PLAIN = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")
_JOINING = words("and or to und oder bis et ou y o e ed of en och og i lub nebo")
"""Words before which the second half of a compound is left out: ``pre- and post-war``."""
_SECOND = words(
    "term based driven oriented specific related dependent independent aware known defined like "
    "free friendly scale level range time quality speed cost cut risk party world source end class "
    "funded owned sized shaped led made style type only neutral sensitive resistant efficient line"
)
"""Second parts of compounds that are no ending of a word."""
_LEAST = 3


def join_words(texts: Sequence[str]) -> list[str]:
    """Return the pages of a document with the words joined that line breaks took apart."""
    if not any(map(_BREAK.search, texts)):
        return list(texts)
    judge = _Judge(texts)
    return [_BREAK.sub(judge.hyphen, text) for text in texts]


class _Judge:
    """Knows the words of one document."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = texts

    def hyphen(self, match: re.Match[str]) -> str:
        """Return what joins the two parts of a word that a line break takes apart."""
        text, start, end = match.string, match.start(), match.end()
        before = _part(_BEFORE.search(text, max(0, start - _LONGEST), start))
        after = _part(_AFTER.match(text, end, end + _LONGEST))
        if not before or not after:
            return "-" if before or after else ""
        if after in _JOINING:
            return "- "
        chained = text[start - len(before) - 1 : start - len(before)] in (
            "-",
            "\u2010",
        )  # state-of-the-
        return "-" if self._is_own(before, after, chained=chained) else ""

    def _is_own(self, last: str, after: str, *, chained: bool) -> bool:
        """Tell whether a word has a hyphen there of itself."""
        by_form = _by_form(last, after)
        if by_form is not None:
            return by_form
        last, after = last.lower(), after.lower()
        if last + after in self._words:
            return False
        if f"{last}-{after}" in self._words or after in _SECOND:
            return True
        if counter_of(TOKENIZER_MODEL).count(f" {last}{after}") == 1:  # a common word
            return False
        both = min(len(last), len(after)) >= _LEAST and {last, after} <= self._words
        return chained or both

    @cached_property
    def _words(self) -> frozenset[str]:
        """The words of the document in lower case, but for the parts of those taken apart."""
        found: set[str] = set()
        for text in self._texts:
            whole = _PARTS.sub(" ", text).lower().replace("\u2010", "-")
            found.update(_PLAIN.findall(whole))
        return frozenset(found)


def _part(match: re.Match[str] | None) -> str:
    return match[0] if match else ""


def _by_form(last: str, after: str) -> bool | None:
    """Tell whether letters and digits show that a hyphen belongs to the word, if they do."""
    if len(last) <= 1 or not (last + after).isalpha():  # X-ray, A-100, COVID-19
        return True
    if last.isupper() and after.isupper():  # a heading in capitals, or PDF-XML
        return None if min(len(last), len(after)) >= _LEAST else True
    return True if last.isupper() or after[0].isupper() else None
