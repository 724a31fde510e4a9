"""Header fields of mails as text, however they are encoded or broken."""

from __future__ import annotations

import binascii
import codecs
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import collapse_rfc2231_value, parsedate_to_datetime

from knowledge.documents.encodings import decode
from knowledge.errors import DocumentError
from knowledge.text.cleaning import clean

LIMIT = 4_000
"""Characters kept of a field; a list of recipients can have thousands."""

_SEVEN_BIT = ("utf-7", "hz", "iso2022", "iso-2022")
"""Encodings whose bytes are ASCII, so that they would pass for UTF-8."""

_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})


def field(message: Message, name: str) -> str:
    """Return a header field in one line, decoded; empty where there is none."""
    for key, value in message._headers:  # type: ignore[attr-defined]  # as it was parsed: str() of a broken one fails
        if key.lower() == name.lower():
            return " ".join(_decoded(str(value)[: 4 * LIMIT]).split())[:LIMIT]
    return ""


def date_of(text: str) -> str:
    """Return a date as ISO 8601, in UTC where it names no zone; empty for what is no date."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
    return iso(date)


def iso(date: datetime) -> str:
    """Return a time as ISO 8601."""
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).isoformat()


def file_name(part: Message) -> str:
    """Return the file name of a part, decoded; empty where it has none."""
    try:
        name = part.get_filename()
        if name is None:
            return ""
        return " ".join(_decoded(collapse_rfc2231_value(name)).split())
    except (ValueError, TypeError, LookupError, AttributeError, IndexError):
        return ""


def text_of(part: Message) -> tuple[str, tuple[str, ...]]:
    """Return the text of a part, and warnings where its encoding had to be guessed.

    Raises
    ------
    DocumentError
        It is no text.
    """
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)  # it is a leaf
    return decoded_bytes(data, charset_of(part))


def charset_of(part: Message) -> str | None:
    """Return the character set that a part declares, if Python knows it."""
    try:
        declared = part.get_content_charset()
        return None if declared is None else known_charset(declared)
    except (LookupError, ValueError, TypeError, AttributeError):
        return None


def known_charset(name: str) -> str | None:
    """Return the name if it is that of a character set; ``None`` for other codecs of Python."""
    try:
        codec = codecs.lookup(name.strip())
    except (LookupError, ValueError):
        return None
    return None if codec.name in _NO_CHARSETS or not codec._is_text_encoding else name.strip()


def decoded_bytes(data: bytes, charset: str | None) -> tuple[str, tuple[str, ...]]:
    """Return bytes as text, which are in ``charset`` if that can be.

    Raises
    ------
    DocumentError
        They are no text.
    """
    if charset is not None and codecs.lookup(charset).name.startswith(_SEVEN_BIT):
        try:
            return clean(data.decode(charset)), ()
        except UnicodeDecodeError:
            charset = None
    return decode(data, declared=charset)


def _decoded(value: str) -> str:
    """Decode encoded words (RFC 2047), and raw bytes that should not be there."""
    try:
        parts = decode_header(value)
    except (HeaderParseError, binascii.Error, ValueError):
        return _word(value, None)
    return clean("".join(_word(part, charset) for part, charset in parts))


def _word(part: str | bytes, charset: str | None) -> str:
    data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
    try:
        return decoded_bytes(data, known_charset(charset) if charset else None)[0]
    except DocumentError:
        return data.decode("ascii", "replace")
