"""Bytes to text, whatever encoding they are in."""

from __future__ import annotations

import codecs

from knowledge.documents.detect import HEAD, looks_like_utf16

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESSED = 256 * 1024  # bytes that a guess is made from


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode text; return it with warnings for the user.

    A byte order mark decides, else UTF-8 is tried, then UTF-16 by its pattern of NUL bytes, then
    a guess by statistics; what nothing fits is read as Windows-1252.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ()
    wide = looks_like_utf16(data[:HEAD])
    if wide:
        return data.decode(wide, "replace"), ()
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        if error.start > len(data) - 4 and error.reason == "unexpected end of data":
            return data.decode("utf-8", "replace"), ("its last character is cut off",)
    encoding = _guess(data)
    return data.decode(encoding, "replace"), (f"it is not UTF-8; read as {encoding}",)


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_GUESSED]).best()
    if best is None or best.encoding == "ascii":
        return "cp1252"
    return best.encoding
