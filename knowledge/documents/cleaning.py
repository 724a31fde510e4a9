"""What every text goes through, whatever read it."""

from __future__ import annotations

import re

_NEWLINE = re.compile(r"\r\n?|\x85|\u2028|\u2029")
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return text that can be stored, cut and embedded.

    NUL bytes go, every kind of line end becomes a line feed, surrogate pairs (which some PDF
    readers emit) become the character they stand for, and lone surrogates go.
    """
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return _NEWLINE.sub("\n", text.replace("\0", ""))
