"""Bytes to text, whatever encoding they are in."""

from __future__ import annotations

import codecs
import re

from knowledge.documents.signatures import describe
from knowledge.errors import DocumentError
from knowledge.text.cleaning import clean

_SAMPLE = 65_536
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's mark, hence before it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Control bytes that no text holds in number; tab, line breaks, backspace and escape may occur.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b")) + b"\x7f"
_ISO_2022_JP = b"\x1b$B"
_ENCODINGS = [
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
    *("cp1250", "iso8859_2", "cp1251", "koi8_r", "cp1252", "mac_roman"),
    *("cp1253", "cp1254", "cp1255", "cp1256"),
]


def decode(data: bytes, *, declared: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the text of ``data``, cleaned, and warnings where it had to be guessed.

    Byte order marks count first, then UTF-16 where every other byte is NUL, then UTF-8, then what
    the file declares; then the encoding is guessed.

    Parameters
    ----------
    declared:
        The encoding that the file itself names, if it does.

    Raises
    ------
    DocumentError
        The bytes are not text.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _as(data[len(mark) :], encoding)
    utf16 = _utf16_without_mark(data)
    if utf16:
        return _as(data, utf16)
    if _is_binary(data):
        kind = describe(data)
        raise DocumentError(
            "it holds binary data, not text" + (f"; it seems to be: {kind}" if kind else "")
        )
    japanese = "iso2022_jp" if _ISO_2022_JP in data[:_SAMPLE] else None  # looks like ASCII
    for encoding in filter(None, (japanese, "utf-8", declared)):
        try:
            return clean(data.decode(encoding)), ()
        except (UnicodeError, LookupError):
            continue
    return _guessed(data)


def is_text(head: bytes) -> bool:
    """Tell whether the first bytes of a file look like text of any encoding."""
    if head.startswith(tuple(mark for mark, _ in _BOMS)) or _utf16_without_mark(head):
        return True
    return b"\0" not in head and not _is_binary(head)


def _as(data: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    # Lone surrogates and a cut-off end are lost without a word; cleaning would drop them too.
    text = data.decode(encoding, "replace")
    lost = text.count("\ufffd")
    return clean(text), _lost(lost, encoding) if lost > 1 else ()


def _lost(count: int, encoding: str) -> tuple[str, ...]:
    characters = "1 character" if count == 1 else f"{count} characters"
    return (f"{characters} could not be decoded as {encoding}",)


def _is_binary(data: bytes) -> bool:
    middle = len(data) // 2
    sample = data[:_SAMPLE]
    if len(data) > _SAMPLE:
        sample += data[middle : middle + _SAMPLE // 4] + data[-_SAMPLE // 4 :]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls > 1 + len(sample) // 100


def _utf16_without_mark(data: bytes) -> str | None:
    """Return the byte order of UTF-16 text without a mark, where it is plain.

    In alphabets one byte of each pair is small: 0 for Latin, 4 for Cyrillic, and so on.
    """
    sample = data[:4096]
    if len(data) < 4 or len(data) % 2 or b"\0" not in sample:
        return None
    for high, low, encoding in (
        (sample[1::2], sample[0::2], "utf-16-le"),
        (sample[0::2], sample[1::2], "utf-16-be"),
    ):
        if _small(high) > 0.7 and _small(low) < 0.3:
            text = sample.decode(encoding, "ignore").encode("utf-8", "ignore")
            return None if _is_binary(text) else encoding
    return None


def _small(data: bytes) -> float:
    return 1 - len(data.translate(None, bytes(range(32)))) / len(data)


def _guessed(data: bytes) -> tuple[str, tuple[str, ...]]:
    text = data.decode("utf-8", "replace")
    lost = text.count("\ufffd")
    if len(text) - len(text.encode("ascii", "ignore")) > 10 * lost:
        return clean(text), _lost(lost, "utf-8")  # UTF-8 with a few damaged places
    encoding = _guess(b"\n".join(re.findall(rb"[^\n]*[\x80-\xff][^\n]*", data[: 8 * _SAMPLE])))
    warning = f"it is not UTF-8; it was read as {encoding}, which is a guess"
    return clean(data.decode(encoding, "replace")), (warning,)


def _guess(sample: bytes) -> str:
    """Guess an encoding by the lines that hold other bytes than ASCII."""
    sample = sample[:_SAMPLE]
    for encoding, fits in _PLAIN:
        if fits(sample, encoding):
            return encoding
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_ENCODINGS).best()
    return best.encoding if best else "cp1252"


_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüÿœšžßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŸŒŠŽ")
_HIGH_RUN = re.compile(r"[^\W\x00-\x7f]{3,}")
_HIGH = re.compile(r"(.?)([^\x00-\x7f])(?=(.?))", re.DOTALL)


def _is_western(sample: bytes, encoding: str) -> bool:
    """Tell whether the bytes make words of a western European language.

    Accented letters stand alone between others there, and signs do not stand inside words.
    """
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    high = odd = 0
    for before, sign, after in _HIGH.findall(text):
        high += 1
        if sign in _WESTERN:
            odd += before.islower() and sign.isupper()
        else:
            odd += sign.isalpha() or (before.isalpha() and after.isalpha() and sign != "’")
    runs = sum(map(len, _HIGH_RUN.findall(text)))
    return (odd + runs) * 20 <= high


def _is_dos(sample: bytes, encoding: str) -> bool:
    """Tell whether the bytes make western words in a code page of DOS, without its line drawing."""
    if not _is_western(sample, encoding):
        return False
    return set(_HIGH_SIGN.findall(sample.decode(encoding))) <= _WESTERN | set("«»°§ ")


_HIGH_SIGN = re.compile(r"[^\x00-\x7f]")
_KANA = re.compile("[ぁ-ヿ]")


def _is_japanese(sample: bytes, encoding: str) -> bool:
    """Tell whether the bytes make Japanese: much of it is kana, which other readings lack."""
    try:
        text = sample[: sample.rfind(b"\n") if len(sample) == _SAMPLE else None].decode(encoding)
    except UnicodeDecodeError:
        return False
    high = [sign for sign in text if not sign.isascii()]
    return bool(high) and 3 * len(_KANA.findall("".join(high))) >= len(high)


_PLAIN = (
    ("cp932", _is_japanese),
    ("euc_jp", _is_japanese),
    ("cp1252", _is_western),
    ("cp850", _is_dos),
)
"""Encodings that a test of their own recognizes with certainty."""
