"""Texts of chunks as a catalog in SQLite holds them: compressed, where that saves anything.

A text is stored as TEXT, or as a BLOB in zlib's format (RFC 1950) of its UTF-8, which ends in a
checksum. Each can be read alone, with nothing beside it: a dictionary that all texts share would
save an eighth more, and all texts would be lost with it.
"""

from __future__ import annotations

import zlib
from typing import Any

LEAST = 200
"""Characters of a text that is compressed."""
UNREADABLE = "\ufffd"
"""Stands for a text that can't be read; no id is its hash, so it is found and mended as damaged."""

_WORTH = 0.9
_LOOKAHEAD = 262
"""Bytes by which zlib looks back less far than its window goes."""
_MEMORY = 5
"""Of zlib, from 1 to 9: to clear the tables of 8, the default, takes longer than to pack a text."""
_MOST = 1 << 28
"""Bytes that a text may have: what is longer was not written by us."""


def packed(text: str) -> str | bytes:
    """Return a text as it is stored."""
    if len(text) < LEAST:
        return text
    plain = text.encode()
    window = min((len(plain) + _LOOKAHEAD).bit_length(), zlib.MAX_WBITS)
    packer = zlib.compressobj(wbits=window, memLevel=_MEMORY)
    small = packer.compress(plain) + packer.flush()
    return small if len(small) < _WORTH * len(plain) else text


def unpacked(stored: Any) -> Any:
    """Return the text of what is stored; whatever is no BLOB comes back as it is."""
    if not isinstance(stored, bytes):
        return stored
    reading = zlib.decompressobj()
    try:
        text = reading.decompress(stored, _MOST).decode()
    except (zlib.error, UnicodeDecodeError):
        return UNREADABLE
    return text if reading.eof else UNREADABLE
