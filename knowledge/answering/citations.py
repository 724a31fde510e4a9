"""Checks the numbers in an answer while it streams."""

from __future__ import annotations

import re

# White space before a citation goes with it when it is removed.
_TOKEN = re.compile(
    r"(?P<ticks>`+)"
    r"|(?P<space>[ \t]{0,8})[\[【]\s{0,8}"
    r"(?P<numbers>\d{1,9}(?:[\s,;–-]{1,8}\d{1,9}){0,50})\s{0,8}[\]】]"
)
_UNFINISHED = re.compile(r"(?:`+|[ \t]{0,8}(?:[\[【][\d\s,;–-]{0,80})?)\Z")
_RANGE = re.compile(r"(\d+)\s*[–-]\s*(\d+)|(\d+)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class CitationCheck:
    """Takes an answer piece by piece and gives it back without numbers that name no passage.

    ``[1, 3]``, ``[1-3]`` and ``【1】`` become ``[1][3]`` and so on. Code between backticks stays as
    it is. Control characters, which could drive a terminal, are dropped.

    Parameters
    ----------
    passages:
        How many passages there are, numbered from 1.
    """

    def __init__(self, passages: int) -> None:
        self.cited: list[int] = []
        """Passages that the answer names, in the order in which it does."""
        self.removed: list[int] = []
        """Numbers that name no passage."""
        self._passages = passages
        self._held = ""
        self._in_code = False

    def feed(self, piece: str) -> str:
        """Return what can be shown after this piece; the beginning of a citation is held back."""
        text = self._held + _CONTROL.sub("", piece)
        unfinished = _UNFINISHED.search(text)
        cut = len(text) if unfinished is None else unfinished.start()
        self._held = text[cut:]
        return _TOKEN.sub(self._checked, text[:cut])

    def finish(self) -> str:
        """Return what was held back."""
        text, self._held = self._held, ""
        return _TOKEN.sub(self._checked, text).rstrip()

    def _checked(self, token: re.Match[str]) -> str:
        if token["ticks"]:
            self._in_code = not self._in_code
        if token["ticks"] or self._in_code:
            return token[0]
        known = []
        for number in self._numbers(token["numbers"]):
            if 1 <= number <= self._passages:
                known.append(number)
                _note(self.cited, number)
            else:
                _note(self.removed, number)
        return token["space"] + "".join(f"[{number}]" for number in known) if known else ""

    def _numbers(self, text: str) -> list[int]:
        numbers: list[int] = []
        for match in _RANGE.finditer(text):
            if match[3]:
                numbers.append(int(match[3]))
                continue
            first, last = int(match[1]), int(match[2])
            # A range that leads far beyond the passages is cut where it leaves them.
            numbers += range(first, min(last, max(first, self._passages + 1)) + 1)
        return numbers


def _note(numbers: list[int], number: int) -> None:
    if number not in numbers:
        numbers.append(number)
