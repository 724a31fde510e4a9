"""Exact token counts without a network, from the splitter's own tokenizer.

The splitter contains a tokenizer but does not count; it only tells whether a text fits a given
size. Byte-pair encoders first split a text into words and never join two of them, so a text has as
many tokens as its pieces, if it is split between such words. Each piece is measured once, by the
smallest size that holds it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

TOKENIZER_MODEL = "gpt-4"
"""The model whose tokenizer counts and splits: cl100k_base, which the splitter includes."""

ENCODINGS = {
    "cl100k_base": TOKENIZER_MODEL,
    "o200k_base": "gpt-4o",
    "p50k_base": "text-davinci-003",
    "p50k_edit": "text-davinci-edit-001",
    "r50k_base": "davinci",
    "gpt2": "gpt2",
}
"""The encodings that the splitter includes, each with a model that uses it."""

_SMALL = 8
_FORGET = 200_000
"""Maximum cached pieces, so that a hostile text cannot fill the memory."""

# White space, then signs, then letters or digits, then white space up to its last line break:
# the tokenizer never joins what this takes apart. \x1c to \x1f are white space to Python only.
# Letters of scripts without spaces, and very long runs, are cut further: see TokenCounter.
_LONG = 24
_SPACE = r"[^\S\x1c-\x1f]"
_SIGNS = rf"(?:(?:[^\w\s\U00010000-\U0010ffff]|[_\x1c-\x1f]){{1,{_LONG}}}|[^\w\s]?)"
_KANA = r"\u3040-\u30ff"
_UNSPACED = rf"{_KANA}\u0e00-\u0eff\u1780-\u17ff\u3400-\u9fff\U00020000-\U0003ffff"
_WORD = (
    rf"(?:[{_KANA}]{{1,8}}|[{_UNSPACED}]|[A-Za-z]+(?=[0-9])|[0-9]+(?=[A-Za-z])|[0-9]{{3}}(?=[0-9])"
    rf"|[^\W_{_UNSPACED}]{{0,{_LONG}}})"
)
_PIECE = re.compile(f"{_SPACE}*{_SIGNS}{_WORD}(?:{_SPACE}*[\r\n])?")


class _UnevenError(Exception):
    """A text cannot be divided at its spaces: some are next to other white space."""


class _Remembered(dict[str, int]):
    """Tokens of short texts, each counted once."""

    def __init__(self, count: Callable[[str], int]) -> None:
        super().__init__()
        self._count = count

    def __missing__(self, text: str) -> int:
        tokens = self._count(text)
        if len(text) <= _LONG:
            if len(self) > _FORGET:
                self.clear()
            self[text] = tokens
        return tokens


class _Words(_Remembered):
    """Tokens of words, each with a space before it.

    A piece includes the white space before it, and a following line break with any white space
    between. So a text may be divided before a single space, which takes a fraction of the time
    of finding its pieces.
    """

    def __missing__(self, word: str) -> int:
        if not word or word[0].isspace() or word[-1].isspace():
            raise _UnevenError
        return super().__missing__(word)


class TokenCounter:
    """Counts tokens, and caches the counts of pieces.

    Parameters
    ----------
    tokenizer:
        The model whose encoding counts. The pieces are those of cl100k_base: for another tokenizer,
        which may join some of them, the count is an upper bound.
    """

    def __init__(self, tokenizer: str = TOKENIZER_MODEL) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, int] = {"": 0}
        self._words = _Words(lambda word: self._in_pieces(f" {word}"))
        self._edges = _Remembered(self._in_pieces)  # lines of a table begin and end alike
        self._last = ("", 0)

    def count(self, text: str) -> int:
        """Return the number of tokens in ``text``, as the splitter counts them."""
        last, tokens = self._last
        if text == last:  # callers first test whether it fits, then ask for its length
            return tokens
        first, *others = text.split(" ")
        try:
            tokens = self._edges[first] + self._in_words(others)
        except _UnevenError:
            tokens = self._in_pieces(text)
        self._last = (text, tokens)
        return tokens

    def _in_words(self, words: list[str]) -> int:
        last = 0
        if words and words[-1].endswith("\n") and not words[-1][0].isspace():
            last = self._edges[f" {words.pop()}"]  # no space comes after its line break
        return last + sum(map(self._words.__getitem__, words))

    def _in_pieces(self, text: str) -> int:
        pieces = _PIECE.findall(text)
        known = self._known
        try:
            return sum(map(known.__getitem__, pieces))
        except KeyError:
            known = self._learn(pieces)
            return sum(map(known.__getitem__, pieces))

    def _learn(self, pieces: list[str]) -> dict[str, int]:
        """Return the known counts, with these pieces; another thread may clear them meanwhile."""
        if len(self._known) > _FORGET:
            self._known = {"": 0}
        known = self._known
        for piece in Counter(pieces):
            if piece not in known:
                known[piece] = _measure(piece, self._tokenizer)
        return known


@cache
def counter_of(tokenizer: str) -> TokenCounter:
    """Return the counter that all documents share, since measuring pieces is slow."""
    return TokenCounter(tokenizer)


def knows_tokenizer(model: str) -> bool:
    """Tell whether the splitter includes the tokenizer of a model."""
    from semantic_text_splitter import TextSplitter

    try:
        TextSplitter.from_tiktoken_model(model, 1)
    except Exception:  # noqa: BLE001  the library raises nothing more particular
        return False
    return True


def _measure(piece: str, tokenizer: str) -> int:
    """Return the size of one piece: the smallest that holds it in one chunk."""
    if len(piece) == 1:
        # A single character is never cut, however small the size: measure it beside another.
        return _measure(("a" if piece.isspace() else "\n") + piece, tokenizer) - 1
    if piece[-1] in "\r\n":
        # A text may take more tokens without its last line break, which misleads the splitter.
        return _measure(piece + "a", tokenizer) - 1
    # Finding that it fits takes a tenth of the time of finding that it does not.
    size = min(_SMALL, (len(piece) + 1) // 2)
    if _fits(piece, size, tokenizer):
        while size > 1 and _fits(piece, size - 1, tokenizer):
            size -= 1
        return size
    low, high = size + 1, 2 * size
    while not _fits(piece, high, tokenizer):
        low, high = high + 1, high * 2
    while low < high:
        middle = (low + high) // 2
        if _fits(piece, middle, tokenizer):
            high = middle
        else:
            low = middle + 1
    return low


def _fits(text: str, size: int, tokenizer: str) -> bool:
    return len(_whole(size, tokenizer).chunks(text)) == 1


@cache
def _whole(size: int, tokenizer: str) -> Any:
    from semantic_text_splitter import TextSplitter

    return TextSplitter.from_tiktoken_model(tokenizer, size, trim=False)
