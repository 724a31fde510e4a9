"""Cleaning that every text goes through, whatever read it."""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


_SURROGATE = re.compile("[\ud800-\udfff]")
_SOFT_HYPHEN = re.compile("\xad(?![\r\n])")
"""A possible break in a word; at the end of a line, an actual one."""
_DATA_URI = re.compile(r"(data:[\w.+-]{1,100}/[\w.+-]{1,100};base64,)[A-Za-z0-9+/=]{100,}")


def clean(text: str) -> str:
    """Return text that can be stored, split and embedded.

    NUL bytes, the byte order mark, soft hyphens inside lines and lone surrogates are removed;
    ``\\r\\n`` and ``\\r`` become line feeds; surrogate pairs (which some PDF readers emit) become
    the characters they encode. Other line separators stay: editors do not count them, and they may
    be part of a JSON text.
    """
    if not text.isascii():
        if _SURROGATE.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
        text = text.removeprefix("\ufeff")
        if "\xad" in text:
            text = _SOFT_HYPHEN.sub("", text)
    text = text.replace("\0", "")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def drop_inline_data(text: str) -> str:
    """Return ``text`` without the content of long ``data:`` addresses, such as embedded images."""
    return _DATA_URI.sub(r"\1", text) if ";base64," in text else text
